"""A phase of load on one kind of request: what was asked for, and what came of it.

Phases run in a process of their own, so that the measuring shares no interpreter with anything else.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from benchmarks import wire
from benchmarks.crowd import Crowd
from benchmarks.delivery import backlog_s, delivered
from benchmarks.latency import Latencies
from benchmarks.load import Exchange, Requests, closed_loop, open_loop
from benchmarks.processes import cpu_s, machine_cpu_s
from benchmarks.schedule import arrivals
from benchmarks.traffic import Ask, Pages, Posts, homes


class Kind(StrEnum):
    # Each home once, in order, as after a restart; and homes at random.
    FIRST = "first"
    HOME = "home"
    POST = "post"
    # Whatever is asked for, at random.
    PAGE = "page"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A load; `rate` 0 is a closed loop. `processes` are those whose CPU is counted, by name."""

    url: str
    kind: Kind
    crowd: Crowd
    connections: int
    duration_s: float
    processes: Mapping[str, Sequence[int]]
    rate: float = 0.0
    seed: int = 1
    # What a load of pages asks for, and whether they come newest first.
    asks: tuple[Ask, ...] = ()
    in_order: bool = True
    # Where the platform tells how far its fan-out is: then the load ends when all that it posted is delivered.
    metrics: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a phase measured. `faults` counts the wrong answers by what was wrong; `cpu_s` includes the client's."""

    latencies: bytes
    lateness: bytes
    count: int
    elapsed_s: float
    cpu_s: dict[str, float]
    faults: Counter[str] = field(default_factory=Counter[str])
    # From the last answer until all that was posted was delivered, where that was waited for.
    backlog_s: float = 0.0

    @property
    def per_s(self) -> float:
        return self.count / self.elapsed_s

    def ms(self, percentile: float) -> float:
        return Latencies.decode(self.latencies).ms(percentile)

    def late_ms(self, percentile: float) -> float:
        """How late the driver itself was, when a connection was free for a request that was due."""
        return Latencies.decode(self.lateness).ms(percentile)

    @property
    def others(self) -> float:
        """Cores that were busy with what is no part of this, on average: builds, tests, other people's loads."""
        return self.cpu_s["others"] / self.elapsed_s

    def cpu_us(self, process: str) -> float:
        return self.cpu_s[process] / self.count * 1e6


def perform(phase: Phase) -> Outcome:
    """Put the load on and judge every answer afterwards."""
    work = _work(phase)
    # Garbage of ten thousand answers, collected when it suits the interpreter, would show up as latency.
    gc.disable()
    before = delivered(phase.metrics).tweets if phase.metrics else 0
    meter = Meter(phase.processes)
    began = time.perf_counter()
    exchanges = asyncio.run(_exchange(phase, work.request))
    elapsed_s = time.perf_counter() - began
    used = meter.read()
    # Before the answers are judged, which takes time as well.
    waited_s = backlog_s(phase.metrics, before + sum(each.answer.status == 200 for each in exchanges))
    gc.enable()
    return replace(outcome(exchanges, elapsed_s, used, work.fault), backlog_s=waited_s)


def _work(phase: Phase) -> Pages | Posts:
    match phase.kind:
        case Kind.FIRST:
            return Pages(homes(phase.crowd))
        case Kind.HOME:
            return Pages(homes(phase.crowd), seed=phase.seed)
        case Kind.PAGE:
            return Pages(phase.asks, seed=phase.seed, in_order=phase.in_order)
        case Kind.POST:
            return Posts(phase.crowd, seed=phase.seed)


async def _exchange(phase: Phase, request: Requests) -> list[Exchange]:
    async with wire.connected(phase.url, phase.connections) as connections:
        if not phase.rate:
            return await closed_loop(connections, phase.duration_s, request)
        due = arrivals(rate=phase.rate, duration_s=phase.duration_s, seed=phase.seed)
        return await open_loop(connections, due, request)


def outcome(
    exchanges: list[Exchange], elapsed_s: float, used: dict[str, float], fault: Callable[[Exchange], str]
) -> Outcome:
    """Sum up: latencies over all answers, wrong ones included, because leaving out failures flatters."""
    latencies = Latencies.of(each.latency_s for each in exchanges)
    lateness = Latencies.of(each.sent - each.due for each in exchanges if each.was_awaited)
    faults = Counter(filter(None, map(fault, exchanges)))
    return Outcome(latencies.encode(), lateness.encode(), len(exchanges), elapsed_s, used, faults)


class Meter:
    """CPU that processes use while something runs: this one as `client`, and as `others` all that is none of them."""

    def __init__(self, processes: Mapping[str, Sequence[int]]) -> None:
        self._processes = processes
        self._before = self._now()

    def read(self) -> dict[str, float]:
        now = self._now()
        used = {name: now[name] - self._before[name] for name in now}
        # The kernel's counts are of ticks, so the difference of two sums may fall below nothing.
        used["others"] = max(0.0, used.pop("machine") - sum(used.values()))
        return used

    def _now(self) -> dict[str, float]:
        return {name: cpu_s(pids) for name, pids in self._processes.items()} | {
            "client": time.process_time(),
            "machine": machine_cpu_s(),
        }
