"""This tree against another one, such as the commit before: the same world and the same loads, round by round in turn.

Both platforms run all the time and one is loaded while the other waits, so that whatever else the machine does
meets both alike; a ratio of such rounds says more than two records of different days.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from aviary.seed.progress import Progress
from aviary.seed.world import World
from benchmarks import readers, subject
from benchmarks.crowd import crowd, settle
from benchmarks.phase import Kind, Outcome, Phase
from benchmarks.system import Run

_ROUNDS = 6
_CONNECTIONS = (1, 16)


def measure(run: Run, place: World, folder: Path, tree: Path, progress: Progress) -> None:
    """Add what home pages and posts cost in both trees, and this one's share of the other's."""
    with ExitStack() as stack:
        sides = []
        for name, other in (("this", None), ("other", tree)):
            platform = stack.enter_context(subject.running(folder / name, tree=other))
            journal = folder / f"{name}.journal"
            settle(place, platform.url, journal, progress)
            people = readers.with_full_pages(platform.url, crowd(place, journal))
            sides.append(
                Phase(
                    url=platform.url,
                    kind=Kind.HOME,
                    crowd=people,
                    connections=1,
                    duration_s=run.plan.closed_s / 2,
                    processes=platform.processes,
                )
            )
        for kind in (Kind.HOME, Kind.POST):
            for connections in _CONNECTIONS:
                _compare(run, [replace(side, kind=kind, connections=connections) for side in sides])
    run.add_answers()


def _compare(run: Run, sides: Sequence[Phase]) -> None:
    rounds = [[run.perform(side) for side in sides] for _ in range(_ROUNDS)]
    name = f"versus.{sides[0].kind}.c{sides[0].connections}"
    for side, tree in enumerate(("this", "other")):
        run.add(f"{name}.{tree}.p50", statistics.median(_p50_ms(each[side]) for each in rounds), "ms")
        run.add(f"{name}.{tree}.cpu.aviary", statistics.median(_cpu_us(each[side]) for each in rounds), "µs")
    for what, of in (("p50", _p50_ms), ("cpu.aviary", _cpu_us)):
        ratios = sorted(of(this) / of(other) for this, other in rounds)
        note = f"this over other, median of {_ROUNDS} rounds from {ratios[0]:.2f} to {ratios[-1]:.2f}"
        run.add(f"{name}.{what}.ratio", statistics.median(ratios), "times", note=note)


def _p50_ms(outcome: Outcome) -> float:
    return outcome.ms(50)


def _cpu_us(outcome: Outcome) -> float:
    return outcome.cpu_us("aviary")
