"""Aviary and its peers on one world: all run all the time, and one is loaded while the others wait, in turn."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aviary.seed.progress import Progress
from aviary.seed.world import World
from benchmarks import processes, readers, subject
from benchmarks.crowd import Crowd, crowd, settle
from benchmarks.delivery import delivered, until_delivered
from benchmarks.figures import Target
from benchmarks.latency import Latencies
from benchmarks.peers import sameness
from benchmarks.peers.limits import SETTINGS
from benchmarks.peers.running import PEERS, Contender, running
from benchmarks.peers.source import Source
from benchmarks.phase import Kind, Outcome, Phase
from benchmarks.system import Run

AVIARY = "aviary"
# Aviary again, without what answers before its handlers and with all JSON printed by the gateway.
HANDLERS = "handlers"
# How many times a peer's rate Aviary's is to be, through the same gateway with 16 connections.
TARGETS = {
    (Kind.HOME, HANDLERS): Target(3, at_least=True),
    (Kind.HOME, "fastapi_sqlite"): Target(3, at_least=True),
    (Kind.HOME, "sorted_sets"): Target(3, at_least=True),
    (Kind.POST, "fastapi_sqlite"): Target(2, at_least=True),
}
_LOADS = ((Kind.HOME, 1), (Kind.HOME, 16), (Kind.POST, 16))
_AIMED = 16
_ROUNDS, _QUICK_ROUNDS = 4, 2


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to a contender."""

    name: str
    url: str
    metrics: str
    processes: Mapping[str, Sequence[int]]


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


def measure(run: Run, place: World, folder: Path, wanted: Collection[str], progress: Progress) -> None:
    """Add the figures of the wanted parts, home and post, of every contender, and how Aviary compares."""
    run.of = "peers."
    journal = folder / "journal"
    with subject.running(folder / AVIARY, settings=SETTINGS) as platform:
        settle(place, platform.url, journal, progress)
    with contenders(folder) as all_of_them:
        ways = list(lanes(all_of_them))
        everybody = readers.with_full_pages(ways[0].url, crowd(place, journal))
        for way in ways[1:]:
            run.judge(*sameness.of_pages(ways[0].url, way.url, everybody))
        for kind, connections in _LOADS:
            if kind in wanted:
                _compare(run, ways, everybody, kind, connections)
        if Kind.POST in wanted:
            follows = Source(folder / AVIARY / "data").follows
            for way in ways:
                run.judge(*sameness.of_delivery(way.url, everybody, follows))
        for each in all_of_them:
            for part, pids in each.processes.items():
                run.add(f"memory.{each.name}.{part}", processes.rss_mb(pids), "MB", note="resident, at the end")
    run.of = ""
    run.add_answers()


@contextmanager
def contenders(folder: Path) -> Iterator[Sequence[Contender]]:
    """All of them, Aviary first, each with the world of Aviary's folder, which nobody runs on yet."""
    with ExitStack() as stack:
        peers = [stack.enter_context(running(name, folder / AVIARY / "data", folder / name)) for name in PEERS]
        shutil.copytree(folder / AVIARY / "data", folder / HANDLERS / "data")
        ours = [
            _aviary(name, stack.enter_context(subject.running(folder / name, settings=SETTINGS | chosen)))
            for name, chosen in ((AVIARY, {}), (HANDLERS, {"AVIARY_FRONT": "off"}))
        ]
        yield [*ours, *peers]


def _aviary(name: str, platform: subject.Subject) -> Contender:
    return Contender(name=name, url=platform.url, metrics=platform.metrics, processes=platform.processes)


def lanes(all_of_them: Sequence[Contender]) -> Iterator[Lane]:
    """Each contender through its gateway, and where it can be asked without, without."""
    for each in all_of_them:
        yield Lane(each.name, each.url, each.metrics, each.processes)
        if each.direct:
            own = {part: pids for part, pids in each.processes.items() if part != "envoy"}
            yield Lane(f"{each.name}.direct", each.direct, each.metrics, own)


def _compare(run: Run, ways: Sequence[Lane], people: Crowd, kind: Kind, connections: int) -> None:
    rounds = _QUICK_ROUNDS if run.plan.quick else _ROUNDS
    for way in ways:
        _pace(run, way, _phase(way, people, kind, connections, run.plan.warm_up_s))
    paces: dict[str, list[Pace]] = {way.name: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            # Another seed each round: nobody's page is asked for in the same order again.
            phase = _phase(way, people, kind, connections, run.plan.closed_s / 2, seed=number + 2)
            paces[way.name].append(_pace(run, way, phase))
    name = f"{kind}.c{connections}"
    for way in ways:
        _add(run, f"{name}.{way.name}", paces[way.name])
    for peer in ways[1:]:
        target = TARGETS.get((kind, peer.name)) if connections == _AIMED else None
        _add_ratio(run, f"{name}.over.{peer.name}", paces[AVIARY], paces[peer.name], target)


def _phase(way: Lane, people: Crowd, kind: Kind, connections: int, duration_s: float, *, seed: int = 1) -> Phase:
    return Phase(
        url=way.url,
        kind=kind,
        crowd=people,
        connections=connections,
        duration_s=duration_s,
        processes=way.processes,
        seed=seed,
    )


def _pace(run: Run, way: Lane, phase: Phase) -> Pace:
    is_awaited = phase.kind is Kind.POST and way.metrics
    before = delivered(way.metrics).tweets if is_awaited else 0
    used = {part: processes.cpu_s(pids) for part, pids in way.processes.items()}
    outcome = run.perform(phase)
    acknowledged = time.perf_counter()
    if is_awaited:
        until_delivered(way.metrics, before + outcome.count)
    elapsed_s = outcome.elapsed_s + (time.perf_counter() - acknowledged if is_awaited else 0.0)
    cpu_us = {part: (processes.cpu_s(pids) - used[part]) / outcome.count * 1e6 for part, pids in way.processes.items()}
    return Pace(outcome.count / elapsed_s, {**cpu_us, "client": outcome.cpu_us("client")}, outcome)


def _add(run: Run, name: str, paces: Sequence[Pace]) -> None:
    """Medians of the rounds."""
    for number, pace in enumerate(paces, 1):
        run.curves[f"{run.of}{name}.round{number}"] = Latencies.decode(pace.outcome.latencies)
    others = statistics.median(pace.outcome.others for pace in paces)
    per_s = statistics.median(pace.per_s for pace in paces)
    run.add(f"{name}.per_s", per_s, "/s", note=f"closed loop; others took {others:.2f} cores")
    for percentile in (50, 95, 99):
        run.add(f"{name}.p{percentile}", statistics.median(pace.outcome.ms(percentile) for pace in paces), "ms")
    for part in paces[0].cpu_us:
        run.add(f"{name}.cpu.{part}", statistics.median(pace.cpu_us[part] for pace in paces), "µs", note="a request")


def _add_ratio(run: Run, name: str, ours: Sequence[Pace], theirs: Sequence[Pace], target: Target | None) -> None:
    ratios = sorted(one.per_s / other.per_s for one, other in zip(ours, theirs, strict=True))
    note = f"Aviary's rate over theirs, median of {len(ratios)} rounds from {ratios[0]:.2f} to {ratios[-1]:.2f}"
    run.add(name, statistics.median(ratios), "times", target, note)
    costs = sorted(other.server_us / one.server_us for one, other in zip(ours, theirs, strict=True))
    note = f"their CPU for a request over Aviary's, gateways included, from {costs[0]:.2f} to {costs[-1]:.2f}"
    run.add(f"{name}.cpu", statistics.median(costs), "times", note=note)
