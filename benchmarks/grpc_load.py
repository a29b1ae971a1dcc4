"""Homes over gRPC, asked for by a client in Rust: one in Python would cost more than what it asks, and show itself."""

from __future__ import annotations

import json
import resource
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.binaries import built
from benchmarks.crowd import Crowd
from benchmarks.latency import Latencies
from benchmarks.phase import Meter, Outcome


@dataclass(frozen=True, slots=True)
class Client:
    """The program, and the file of the tokens that it takes in turn."""

    program: Path
    tokens: Path

    @classmethod
    def of(cls, people: Crowd, tokens: Path) -> Client:
        """One that asks for the homes of `people`, whose tokens it writes into a file."""
        tokens.write_text("".join(f"{person.token}\n" for person in people.people), encoding="utf-8")
        return cls(built("load")["load"], tokens)

    def load(
        self,
        address: str,
        processes: Mapping[str, Sequence[int]],
        *,
        calls: int,
        duration_s: float,
        connections: int = 1,
    ) -> Outcome:
        """A closed loop of so many calls at once; every answer is checked to be a page of twenty."""
        meter, before_s = Meter(processes), _children_s()
        run = subprocess.run(  # noqa: S603 - our own program
            [self.program, address, str(connections), str(calls), str(duration_s), self.tokens],
            check=True,
            capture_output=True,
        )
        used, client_s = meter.read(), _children_s() - before_s
        said = json.loads(run.stdout)
        latencies = Latencies.of(each / 1e6 for each in said["latencies_us"])
        wrong = +Counter({"no page of twenty tweets over gRPC": said["faults"]})
        used |= {"client": client_s, "others": max(0.0, used["others"] - client_s)}
        return Outcome(latencies.encode(), Latencies().encode(), latencies.count, said["elapsed_s"], used, wrong)


def _children_s() -> float:
    """CPU of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
