"""What rounds of a load showed of each contender, and how two of them compare."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Target
from benchmarks.latency import Latencies
from benchmarks.phase import Outcome
from benchmarks.system import Run

ROUNDS, QUICK_ROUNDS = 4, 2


@dataclass(frozen=True, slots=True)
class Pace:
    """What a round showed: its rate until the last fan-out was done, and CPU for a request, that fan-out's included."""

    per_s: float
    cpu_us: Mapping[str, float]
    outcome: Outcome

    @property
    def server_us(self) -> float:
        """CPU of all processes but the driver."""
        return sum(used for part, used in self.cpu_us.items() if part != "client")


def add(run: Run, name: str, paces: Sequence[Pace]) -> None:
    """The rows of one contender: medians of the rounds."""
    for number, pace in enumerate(paces, 1):
        run.curves[f"{run.of}{name}.round{number}"] = Latencies.decode(pace.outcome.latencies)
    others = statistics.median(pace.outcome.others for pace in paces)
    per_s = statistics.median(pace.per_s for pace in paces)
    run.add(f"{name}.per_s", per_s, "/s", note=f"closed loop; others took {others:.2f} cores")
    for percentile in (50, 95, 99):
        run.add(f"{name}.p{percentile}", statistics.median(pace.outcome.ms(percentile) for pace in paces), "ms")
    for part in paces[0].cpu_us:
        run.add(f"{name}.cpu.{part}", statistics.median(pace.cpu_us[part] for pace in paces), "µs", note="a request")


def add_ratio(
    run: Run,
    name: str,
    ours: Sequence[Pace],
    theirs: Sequence[Pace],
    target: Target | None,
    *,
    of_cpu: Target | None = None,
) -> None:
    """The rows of Aviary against another: rate and CPU, each round against the one beside it."""
    ratios = sorted(one.per_s / other.per_s for one, other in zip(ours, theirs, strict=True))
    note = f"Aviary's rate over theirs, median of {len(ratios)} rounds from {ratios[0]:.2f} to {ratios[-1]:.2f}"
    run.add(name, statistics.median(ratios), "times", target, note)
    costs = sorted(other.server_us / one.server_us for one, other in zip(ours, theirs, strict=True))
    note = f"their CPU for a request over Aviary's, gateways included, from {costs[0]:.2f} to {costs[-1]:.2f}"
    run.add(f"{name}.cpu", statistics.median(costs), "times", of_cpu, note)
