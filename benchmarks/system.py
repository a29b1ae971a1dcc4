"""The platform as a whole: started, loaded with a world, then put under one kind of load after the other."""

from __future__ import annotations

import multiprocessing
import statistics
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from aviary.seed.progress import Progress
from aviary.seed.world import World
from benchmarks import processes, readers, subject
from benchmarks.ceiling import canned_server
from benchmarks.crowd import Crowd, crowd, settle
from benchmarks.delivery import Delivered, delivered, until_delivered
from benchmarks.figures import Figure, Target
from benchmarks.latency import Latencies
from benchmarks.phase import Kind, Outcome, Phase, perform
from benchmarks.plans import Plan
from benchmarks.subject import Subject
from benchmarks.visibility import Probe, Sight, look

READY = Target(5.0)
MEMORY = Target(400.0)
HOME = Target(200.0)
POST = Target(100.0)
VISIBLE = Target(1000.0)
FAULTS = Target(1)
_PERCENTILES = (50, 95, 99)
_CONNECTIONS = (1, 16, 64)
# The targets are for this many.
_AIMED = 16


@dataclass(slots=True)
class Run:
    """A run as it grows: figures, latencies by load, and what was wrong with answers."""

    plan: Plan
    driver: ProcessPoolExecutor
    figures: list[Figure] = field(default_factory=list[Figure])
    curves: dict[str, Latencies] = field(default_factory=dict[str, Latencies])
    checked: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    # What the names of figures begin with: which of several platforms of a run they are of.
    of: str = ""

    def add(self, name: str, value: float, unit: str, target: Target | None = None, note: str = "") -> None:
        self.figures.append(Figure(self.of + name, value, unit, target, note))

    def perform(self, phase: Phase) -> Outcome:
        outcome = self.driver.submit(perform, phase).result()
        self.judge(outcome.count, outcome.faults)
        return outcome

    def judge(self, checked: int, faults: Counter[str]) -> None:
        self.checked += checked
        self.faults += faults

    def add_load(self, name: str, outcome: Outcome, target: Target | None, note: str) -> None:
        """The rows that every load has: its pace, its percentiles and what it cost."""
        self.curves[self.of + name] = Latencies.decode(outcome.latencies)
        self.add(f"{name}.per_s", outcome.per_s, "/s", note=f"{note}; others took {outcome.others:.2f} cores")
        for percentile in _PERCENTILES:
            self.add(f"{name}.p{percentile}", outcome.ms(percentile), "ms", target if percentile == 95 else None)

    def add_sight(self, name: str, sight: Sight) -> None:
        """The rows of a probe: the posting beside it, until everybody had read, and what looking alone takes."""
        self.judge(sight.posting.count + sight.reads, sight.faults + sight.posting.faults)
        posting = f"open loop at {self.plan.posts_per_s:g}/s, with the probe's reads"
        self.add_load(f"{name}.posting", sight.posting, POST, posting)
        note = f"acknowledgement to read by every follower; {sight.tweets} tweets, {sight.readers} followers"
        visible, control = Latencies.decode(sight.visible), Latencies.decode(sight.control)
        self.curves |= {f"{self.of}{name}.all": visible, f"{self.of}{name}.control": control}
        for percentile in (50, 99):
            target = VISIBLE if percentile == 99 else None
            self.add(f"{name}.all.p{percentile}", visible.ms(percentile), "ms", target, note)
        for percentile in (50, 99):
            self.add(
                f"{name}.control.p{percentile}", control.ms(percentile), "ms", note="the same look once all had it"
            )
        elapsed_s = sight.posting.elapsed_s
        self.add(f"{name}.reads", sight.reads / elapsed_s, "/s", note="the probe's own reads")
        self.add(f"{name}.cpu.client", sight.posting.cpu_s["client"] / elapsed_s * 100, "%", note="of a core")

    def add_answers(self) -> None:
        """The rows that end every run: how many answers were looked at, and what was wrong with them."""
        self.add("answers.checked", self.checked, "")
        wrong = "; ".join(f"{what} × {n}" for what, n in self.faults.items())
        self.add("answers.wrong", self.faults.total(), "", FAULTS, wrong)


@contextmanager
def driving(plan: Plan) -> Iterator[Run]:
    """A run with its driver: one process that does nothing but put on load."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as driver:
        yield Run(plan, driver)


def measure(run: Run, place: World, folder: Path, wanted: Collection[str], progress: Progress) -> None:
    """Add the figures of the wanted parts: start, home, post, visible."""
    if "start" in wanted:
        _cold_starts(run, folder)
    if not {"start", "home", "post", "visible"} & set(wanted):
        return
    journal, home = folder / "journal", folder / "loaded"
    with subject.running(home) as platform:
        summary = settle(place, platform.url, journal, progress)
        run.add("load.per_s", summary.acknowledged.total() / summary.elapsed_s, "/s", note="calls of the load, mixed")
        _footprint(run, platform, home, "after the load")
    _warm_starts(run, home)
    with subject.running(home) as platform:
        people = warm_up(run, platform, crowd(place, journal))
        _ceiling(run, people)
        loads(run, platform, people, wanted)
        _footprint(run, platform, home, "at the end")
    run.add_answers()


def loads(
    run: Run, platform: Subject, people: Crowd, wanted: Collection[str], *, connections: Sequence[int] = _CONNECTIONS
) -> None:
    """Add the figures of the wanted parts of a platform whose homes are warm: home, post, visible."""
    if "home" in wanted:
        _homes(run, platform, people, connections)
    if "post" in wanted:
        _posts(run, platform, people)
    if "visible" in wanted:
        _visible(run, platform, people)


def _cold_starts(run: Run, folder: Path) -> None:
    took = []
    for number in range(run.plan.starts):
        with subject.running(folder / f"fresh{number}") as platform:
            took.append(platform.ready_s)
    run.add("start.cold", statistics.median(took), "s", note=f"to `ready` on a fresh folder, median of {len(took)}")


def _warm_starts(run: Run, home: Path) -> None:
    took = []
    for _ in range(run.plan.starts):
        with subject.running(home) as platform:
            took.append(platform.ready_s)
    run.add(
        "start.warm", statistics.median(took), "s", READY, f"to `ready` on the loaded folder, median of {len(took)}"
    )


def _footprint(run: Run, platform: Subject, home: Path, when: str) -> None:
    slug = when.replace(" ", "_")
    for part, pids in platform.processes.items():
        target = MEMORY if part == "aviary" else None
        run.add(f"memory.{part}.{slug}", processes.rss_mb(pids), "MB", target, f"resident, {when}")
    data = home / "data"
    run.add(f"disk.stores.{slug}", processes.disk_mb(data, "*.db*"), "MB", note="SQLite files with their logs")
    logs = processes.disk_mb(data, "logs/*") + processes.disk_mb(data, "gateway/*.log*")
    run.add(f"disk.logs.{slug}", logs, "MB", note="the platform's and Envoy's")


def warm_up(run: Run, platform: Subject, everybody: Crowd) -> Crowd:
    """Read every home for the first time since the restart, at a pace; then go on with those that have a full page."""
    rate = run.plan.rebuilds_per_s
    phase = _phase(platform, Kind.FIRST, everybody, connections=_AIMED, duration_s=len(everybody.people) / rate)
    first = run.driver.submit(perform, replace(phase, rate=rate)).result()
    name = "home.first"
    run.add_load(name, first, None, f"at {rate:g}/s: lists are rebuilt from the stores")
    full = run.driver.submit(readers.with_full_pages, platform.url, everybody).result()
    run.add(
        "people", len(full.people), "", note=f"with a full first page, of {len(everybody.people)}; the rest not read"
    )
    return full


def exercise(run: Run, platform: Subject, people: Crowd, *, duration_s: float) -> None:
    """Read homes and post without keeping the figures: servers that compile as they run are slow at first.

    Ends when all that was posted is delivered: else what is measured next would pay for it.
    """
    homes = _phase(platform, Kind.HOME, people, connections=_AIMED, duration_s=duration_s)
    posts = replace(homes, kind=Kind.POST, metrics=platform.metrics)
    for phase in (homes, posts):
        run.driver.submit(perform, phase).result()


def _ceiling(run: Run, people: Crowd) -> None:
    with canned_server() as url:
        phase = Phase(url=url, kind=Kind.HOME, crowd=people, connections=16, duration_s=2.0, processes={})
        outcome = run.driver.submit(perform, phase).result()
    run.add("client.per_s", outcome.per_s, "/s", note="the driver against a server that sends 18 KB at once")
    run.add("client.p50", outcome.ms(50), "ms", note="as above, 16 connections")
    run.add("client.cpu", outcome.cpu_us("client"), "µs", note="CPU of the driver for a request")


def _homes(run: Run, platform: Subject, people: Crowd, connections: Sequence[int]) -> None:
    for count in connections:
        target = HOME if count == _AIMED else None
        phase = _phase(platform, Kind.HOME, people, connections=count, duration_s=run.plan.warm_up_s)
        run.perform(phase)
        most = _closed(run, phase, target)
        for share in run.plan.shares if count == _AIMED else (75,):
            _share(run, phase, share, most=most, target=target)


def _posts(run: Run, platform: Subject, people: Crowd) -> None:
    phase = _phase(platform, Kind.POST, people, connections=_AIMED, duration_s=run.plan.closed_s)
    most = _sustained(run, platform, phase)
    for share in run.plan.shares:
        before = delivered(platform.metrics)
        outcome = _share(run, phase, share, most=most, target=POST)
        # The next load begins with nothing left to do.
        until_delivered(platform.metrics, before.tweets + outcome.count)


def _sustained(run: Run, platform: Subject, phase: Phase) -> float:
    """A closed loop of posts, and the wait until the last of them is in its followers' timelines."""
    before = delivered(platform.metrics)
    cpu = {name: processes.cpu_s(pids) for name, pids in platform.processes.items()}
    outcome = run.perform(replace(phase, metrics=platform.metrics))
    after = delivered(platform.metrics)
    run.add_load("post.c16.max", outcome, POST, "closed loop: acknowledged, fan-out running beside")
    _delivery(run, before, after, outcome)
    for name, pids in platform.processes.items():
        used_us = (processes.cpu_s(pids) - cpu[name]) / outcome.count * 1e6
        run.add(f"post.c16.max.cpu.{name}", used_us, "µs", note="a post, with its fan-out")
    run.add("post.c16.max.cpu.client", outcome.cpu_us("client"), "µs", note="a post")
    return outcome.per_s


def _delivery(run: Run, before: Delivered, after: Delivered, outcome: Outcome) -> None:
    whole_s = outcome.elapsed_s + outcome.backlog_s
    run.add("post.c16.delivered", outcome.count / whole_s, "/s", note="until the last fan-out was done")
    run.add("post.c16.entries", (after.entries - before.entries) / whole_s, "/s", note="written to timelines")
    run.add("post.c16.backlog", outcome.backlog_s, "s", note="from the end of posting to the end of the fan-out")


def _closed(run: Run, phase: Phase, target: Target | None) -> float:
    name = f"{phase.kind}.c{phase.connections}"
    outcome = run.perform(replace(phase, duration_s=run.plan.closed_s))
    run.add_load(f"{name}.max", outcome, target, "closed loop")
    for process in (*phase.processes, "client"):
        run.add(f"{name}.max.cpu.{process}", outcome.cpu_us(process), "µs", note="a request")
    return outcome.per_s


def _share(run: Run, phase: Phase, share: int, *, most: float, target: Target | None) -> Outcome:
    """An open loop at that share of the maximum."""
    rate = most * share / 100
    outcome = run.perform(replace(phase, rate=rate, duration_s=run.plan.open_s))
    note = f"open loop, {share} % of the maximum: {rate:.0f}/s due; driver late by p99 {outcome.late_ms(99):.1f} ms"
    run.add_load(f"{phase.kind}.c{phase.connections}.load{share}", outcome, target, note)
    return outcome


def _visible(run: Run, platform: Subject, people: Crowd) -> None:
    plan = run.plan
    probe = Probe(
        url=platform.url,
        crowd=people,
        processes=platform.processes,
        rate=plan.posts_per_s,
        duration_s=plan.visible_s,
        every=plan.probe_every,
    )
    run.add_sight("visible", run.driver.submit(look, probe).result())


def _phase(platform: Subject, kind: Kind, people: Crowd, *, connections: int, duration_s: float) -> Phase:
    return Phase(
        url=platform.url,
        kind=kind,
        crowd=people,
        connections=connections,
        duration_s=duration_s,
        processes=platform.processes,
    )
