"""Aviary and its peers on one world: all run all the time, and one is loaded while the others wait, in turn."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aviary.seed.progress import Progress
from aviary.seed.world import World
from benchmarks import processes, readers, subject
from benchmarks.crowd import Crowd, crowd, settle
from benchmarks.figures import Target
from benchmarks.peers import direct, empty, sameness
from benchmarks.peers.limits import SETTINGS
from benchmarks.peers.pace import QUICK_ROUNDS, ROUNDS, Pace, add, add_ratio
from benchmarks.peers.running import PEERS, Contender, running
from benchmarks.peers.source import Source
from benchmarks.phase import Kind, Phase
from benchmarks.system import Run

AVIARY = "aviary"
# Aviary again, without what answers before its handlers and with all JSON printed by the gateway.
HANDLERS = "handlers"
# How many times a peer's rate Aviary's is to be, through the same gateway with 16 connections.
TARGETS = {
    (Kind.HOME, HANDLERS): Target(3, at_least=True),
    (Kind.HOME, "fastapi_sqlite"): Target(3, at_least=True),
    (Kind.HOME, "sorted_sets"): Target(3, at_least=True),
    (Kind.HOME, empty.NAME): Target(0.7, at_least=True),
    (Kind.POST, "fastapi_sqlite"): Target(2, at_least=True),
}
# The same over gRPC, without a gateway.
DIRECT_TARGETS = {HANDLERS: Target(6, at_least=True), empty.NAME: Target(0.6, at_least=True)}
_LOADS = ((Kind.HOME, 1), (Kind.HOME, 16), (Kind.POST, 16))
_AIMED = 16


@dataclass(frozen=True, slots=True)
class Lane:
    """One way to a contender."""

    name: str
    url: str
    metrics: str
    processes: Mapping[str, Sequence[int]]


def measure(run: Run, place: World, folder: Path, wanted: Collection[str], progress: Progress) -> None:
    """Add the figures of the wanted parts, home, post and grpc, of every contender, and how Aviary compares."""
    run.of = "peers."
    journal = folder / "journal"
    with subject.running(folder / AVIARY, settings=SETTINGS) as platform:
        settle(place, platform.url, journal, progress)
        page = empty.typical_page(platform.url, crowd(place, journal))
    with contenders(folder, page) as all_of_them:
        ways = list(lanes(all_of_them))
        everybody = readers.with_full_pages(ways[0].url, crowd(place, journal))
        # One has nothing of its own to be right about, and takes no posts.
        real = [way for way in ways if way.name != empty.NAME]
        for way in real[1:]:
            run.judge(*sameness.of_pages(ways[0].url, way.url, everybody))
        if "grpc" in wanted:
            directly = [each for each in all_of_them if each.grpc]
            direct.measure(run, everybody, folder, directly, DIRECT_TARGETS)
        for kind, connections in _LOADS:
            if kind in wanted:
                _compare(run, ways if kind is Kind.HOME else real, everybody, kind, connections)
        if Kind.POST in wanted:
            follows = Source(folder / AVIARY / "data").follows
            for way in real:
                run.judge(*sameness.of_delivery(way.url, everybody, follows))
        for each in all_of_them:
            for part, pids in each.processes.items():
                run.add(f"memory.{each.name}.{part}", processes.rss_mb(pids), "MB", note="resident, at the end")
    run.of = ""
    run.add_answers()


@contextmanager
def contenders(folder: Path, page: bytes) -> Iterator[Sequence[Contender]]:
    """All of them, Aviary first, each with the world of Aviary's folder, which nobody runs on yet.

    `page` is what the one that has no world answers everybody.
    """
    with ExitStack() as stack:
        peers = [stack.enter_context(running(name, folder / AVIARY / "data", folder / name)) for name in PEERS]
        # A gateway leaves its socket behind, and a socket cannot be copied.
        left = shutil.ignore_patterns("*.sock")
        shutil.copytree(folder / AVIARY / "data", folder / HANDLERS / "data", ignore=left)
        ours = [
            _aviary(name, stack.enter_context(subject.running(folder / name, settings=SETTINGS | chosen)))
            for name, chosen in ((AVIARY, {}), (HANDLERS, {"AVIARY_FRONT": "off"}))
        ]
        limit = stack.enter_context(empty.running(folder / AVIARY / "data", folder / empty.NAME, page=page))
        yield [*ours, *peers, limit]


def _aviary(name: str, platform: subject.Subject) -> Contender:
    return Contender(
        name=name, url=platform.url, metrics=platform.metrics, grpc=platform.grpc, processes=platform.processes
    )


def lanes(all_of_them: Sequence[Contender]) -> Iterator[Lane]:
    """Each contender through its gateway, and where it can be asked without, without."""
    for each in all_of_them:
        yield Lane(each.name, each.url, each.metrics, each.processes)
        if each.direct:
            own = {part: pids for part, pids in each.processes.items() if part != "envoy"}
            yield Lane(f"{each.name}.direct", each.direct, each.metrics, own)


def _compare(run: Run, ways: Sequence[Lane], people: Crowd, kind: Kind, connections: int) -> None:
    rounds = QUICK_ROUNDS if run.plan.quick else ROUNDS
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
        add(run, f"{name}.{way.name}", paces[way.name])
    for peer in ways[1:]:
        target = TARGETS.get((kind, peer.name)) if connections == _AIMED else None
        add_ratio(run, f"{name}.over.{peer.name}", paces[AVIARY], paces[peer.name], target)


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
    awaited = way.metrics if phase.kind is Kind.POST else ""
    used = {part: processes.cpu_s(pids) for part, pids in way.processes.items()}
    outcome = run.perform(replace(phase, metrics=awaited))
    elapsed_s = outcome.elapsed_s + outcome.backlog_s
    cpu_us = {part: (processes.cpu_s(pids) - used[part]) / outcome.count * 1e6 for part, pids in way.processes.items()}
    return Pace(outcome.count / elapsed_s, {**cpu_us, "client": outcome.cpu_us("client")}, outcome)
