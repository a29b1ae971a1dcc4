"""Scenarios as a run plays them: each on a platform of its own that begins with the same world, or on one that runs."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aviary import operations, settings
from aviary.seed.progress import Progress
from benchmarks import graphs, processes, published, readers, settlement, subject
from benchmarks.crowd import Crowd, Person
from benchmarks.delivery import delivered, until_delivered
from benchmarks.figures import Target
from benchmarks.latency import Latencies
from benchmarks.scenario import InvalidScenario, Operations, Place, Probing, Rate, Scenario
from benchmarks.scene import Scene, Seen, perform, perform_beside
from benchmarks.settlement import LIMIT_STATUS, LIMITED, Settlement
from benchmarks.subject import Subject, SubjectFailed
from benchmarks.system import FAULTS, HOME, POST, VISIBLE, Run
from benchmarks.traffic import homes
from benchmarks.visibility import Probe, Sight, look

_PERCENTILES = (50, 95, 99, 99.9)
_TARGETS: Mapping[str, Target] = {"home": HOME, "user": HOME, "compose": POST, "celebrity": POST}
# Longer says no more, however long the open loops are.
_CLOSED_S = 10.0
# Of a closed loop: a platform that answers for the first time is slower than it will be.
_WARM_UP = 0.25
# People of a world that is made on a platform that runs.
_VISITORS = 200
# Followers of a probed author who look for the tweet, and of the one whom everybody follows.
_WATCHERS, _MANY_WATCHERS = 10, 40


def measure(run: Run, scenarios: Sequence[Scenario], folder: Path, progress: Progress) -> str:
    """Add the figures of each scenario, on a fresh platform each; returns what was loaded."""
    worlds: dict[Place, Settlement] = {}
    for number, scenario in enumerate(scenarios):
        run.of = f"scenario.{scenario.name}."
        filled = folder / f"world{[*worlds, scenario.world].index(scenario.world)}"
        if scenario.world not in worlds:
            began = time.perf_counter()
            worlds[scenario.world] = settlement.in_bulk(scenario.world, filled)
            run.add("world.load", time.perf_counter() - began, "s", note="in bulk, for all scenarios on it")
        progress.stage(f"{scenario.name}, {number + 1} of {len(scenarios)}", total=1, done=0)
        home = folder / scenario.name
        shutil.copytree(filled, home / "data")
        with subject.running(home) as platform:
            _Stage(run, scenario, platform, worlds[scenario.world], _dropping(home / "data")).play()
        shutil.rmtree(home)
        progress.advance()
    # Another world, or another machine, has nothing to do with what was measured on this one.
    if any(each.world == graphs.DENSE for each in worlds.values()):
        run.figures += published.ratios({each.name: each.value for each in run.figures})
    _end(run)
    return _said(worlds.values())


def visit(run: Run, scenarios: Sequence[Scenario], url: str, progress: Progress) -> str:
    """The same on a platform that runs already, in worlds made there; no CPU, no memory, no delivery then."""
    if cold := [each.name for each in scenarios if each.cold]:
        raise InvalidScenario(f"{', '.join(cold)} drops every timeline; it takes a platform of its own")
    platform = Subject(url, "", {}, 0.0)
    worlds: dict[Place, settlement.Visit] = {}
    for scenario in scenarios:
        run.of = f"scenario.{scenario.name}."
        place = _small(scenario.world)
        # Renewed at once, too: a world may take nearly as long as tokens last.
        made = settlement.renewed(worlds.get(place) or settlement.visit(place, url, progress), url)
        worlds[place] = made
        _Stage(run, scenario, platform, made.settlement, _nothing).play()
    _end(run)
    return _said(each.settlement for each in worlds.values())


def _small(place: Place) -> Place:
    """One that is made through the API before its people's tokens end."""
    return place if place.people <= _VISITORS else replace(place, graph="made-up", people=_VISITORS)


def _end(run: Run) -> None:
    run.of = ""
    run.add_answers()


def _said(places: Iterable[Settlement]) -> str:
    return ", ".join(dict.fromkeys(each.world for each in places))


def _dropping(data: Path) -> Callable[[], object]:
    return lambda: asyncio.run(operations.drop_cache(settings.load(data_dir=data)))


def _nothing() -> None:
    """What can't be dropped stays."""


@dataclass(slots=True)
class _Stage:
    """One scenario on one platform."""

    run: Run
    scenario: Scenario
    platform: Subject
    place: Settlement
    drop: Callable[[], object]
    # Tweets that were fanned out when this began, and those acknowledged since.
    delivered_before: int = 0
    posted: int = 0
    checked: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])

    def play(self) -> None:
        scenario = self.scenario
        if self.platform.metrics:
            self.delivered_before = delivered(self.platform.metrics).tweets
        if not scenario.cold:
            self._warm_up()
        for name in scenario.operations.chosen if scenario.alone else ():
            self._closed(f"{name}.max", scenario.operations.only(name))
        most = self._closed("max", scenario.operations)
        for rate in scenario.rates:
            self._open(rate, most)
        if scenario.probe:
            self._visible(scenario.probe, most)
        self._footprint()

    def _warm_up(self) -> None:
        """Every home was read, and every kind of request made, before anything is measured."""
        self.run.driver.submit(readers.full_pages, self.platform.url, homes(self.place.crowd)).result()
        self._perform(self._scene(duration_s=self._closed_s * _WARM_UP))

    @property
    def _closed_s(self) -> float:
        # What asks for each home once ends by itself.
        return self.scenario.seconds if self.scenario.cold else min(self.scenario.seconds, _CLOSED_S)

    def _scene(self, *, operations: Operations | None = None, duration_s: float, rate: float = 0.0) -> Scene:
        scenario = self.scenario
        return Scene(
            url=self.platform.url,
            place=self.place,
            operations=operations or scenario.operations,
            connections=scenario.connections,
            duration_s=duration_s,
            processes=self.platform.processes,
            rate=rate,
            day=scenario.day if rate else (),
            burst=tuple(scenario.burst.due) if rate and scenario.burst else (),
            is_once=scenario.cold,
        )

    def _closed(self, name: str, operations: Operations) -> float:
        scene = self._scene(operations=operations, duration_s=self._closed_s)
        return self._load(name, scene, "closed loop").outcome.per_s

    def _open(self, rate: Rate, most: float) -> None:
        per_s = rate.per_s(most)
        scene = self._scene(duration_s=self.scenario.seconds, rate=per_s)
        share = f", {rate.value:g} % of the maximum" if rate.is_share else ""
        due = f"{per_s:.0f}/s due" if not scene.day else f"{per_s:.0f}/s due at the day's peak"
        self._load(rate.name, scene, f"open loop{share}: {due}")

    def _load(self, name: str, scene: Scene, note: str) -> Seen:
        """Put a load on until all of it is delivered, and add its rows."""
        if scene.is_once:
            self.drop()
        seen = self._perform(scene)
        self._add(name, seen, scene, note)
        self._add_cpu(name, seen)
        if seen.posted and self.platform.metrics:
            whole_s = seen.outcome.elapsed_s + seen.backlog_s
            self.run.add(f"{name}.delivered.per_s", seen.posted / whole_s, "/s", note="until the last fan-out was done")
            note = "from the end of the load to the end of the fan-out"
            self.run.add(f"{name}.backlog", seen.backlog_s, "s", note=note)
        return seen

    def _perform(self, scene: Scene) -> Seen:
        waiting = replace(scene, metrics=self.platform.metrics, delivered=self.delivered_before + self.posted)
        seen = self.run.driver.submit(perform, waiting).result()
        self._judge(seen.outcome.count, seen.outcome.faults)
        self.posted += seen.posted
        return seen

    def _judge(self, checked: int, faults: Counter[str]) -> None:
        if limited := faults[f"status {LIMIT_STATUS}"]:
            raise SubjectFailed(f"of {checked:,} answers {limited:,} were refusals: {LIMITED}")
        self.run.judge(checked, faults)
        self.checked += checked
        self.faults += faults

    def _add(self, name: str, seen: Seen, scene: Scene, note: str) -> None:
        run, outcome = self.run, seen.outcome
        run.curves[f"{run.of}{name}"] = Latencies.decode(outcome.latencies)
        late = f"; driver late by p99 {outcome.late_ms(99):.1f} ms" if scene.rate else ""
        found = f"; {seen.found:,} different pages" if seen.wanted else ""
        short = f", {seen.wanted - seen.found:,} more were not full" if seen.wanted > seen.found else ""
        size = f"; {seen.answer_kb:.1f} KB an answer"
        run.add(f"{name}.per_s", outcome.per_s, "/s", note=f"{note}{found}{short}{size}{late}{self._others(seen)}")
        kinds = sorted(seen.kinds)
        for percentile in _PERCENTILES:
            target = _TARGETS[kinds[0]] if scene.rate and percentile == 95 and len(kinds) == 1 else None
            run.add(f"{name}.p{percentile}", outcome.ms(percentile), "ms", target)
        for kind in kinds if len(kinds) > 1 else ():
            self._add_kind(f"{name}.{kind}", kind, seen, is_open=bool(scene.rate))
        for step, encoded in enumerate(seen.steps):
            run.curves[f"{run.of}{name}.step{step:02}"] = Latencies.decode(encoded)

    def _others(self, seen: Seen) -> str:
        # Of a platform elsewhere it is not known what is its work and what is others'.
        return f"; others took {seen.outcome.others:.2f} cores" if self.platform.processes else ""

    def _add_kind(self, name: str, kind: str, seen: Seen, *, is_open: bool) -> None:
        latencies = Latencies.decode(seen.kinds[kind])
        self.run.curves[f"{self.run.of}{name}"] = latencies
        note = f"{latencies.count:,} of {seen.outcome.count:,}"
        self.run.add(f"{name}.p95", latencies.ms(95), "ms", _TARGETS[kind] if is_open else None, note)

    def _add_cpu(self, name: str, seen: Seen) -> None:
        """What a request costs each process; with posts in it, their fan-out's share included."""
        count = seen.outcome.count
        for part, used_s in seen.cpu_s.items():
            self.run.add(f"{name}.cpu.{part}", used_s / count * 1e6, "µs", note="a request")
        if seen.cpu_s:
            together_s = sum(seen.cpu_s.values())
            self.run.add(f"{name}.cpu", together_s / count * 1e6, "µs", note="a request, servers together")
            self.run.add(f"{name}.cpu.client", seen.outcome.cpu_us("client"), "µs", note="a request")

    def _visible(self, probing: Probing, most: float) -> None:
        """How soon tweets are seen under each load; with a burst, those of the one whom everybody follows, too."""
        scenario, seconds = self.scenario, probing.seconds
        if probing.idle:
            self._add_sight("idle", self._everybody(probing), None)
        if probing.connections:
            beside = replace(self._scene(duration_s=seconds), connections=probing.connections)
            self._add_sight(f"c{probing.connections}", self._everybody(probing), beside)
        for rate in scenario.rates:
            beside = self._scene(duration_s=seconds, rate=rate.per_s(most))
            self._add_sight(rate.name, self._everybody(probing), beside)
        if scenario.burst and self.place.celebrity:
            beside = replace(self._scene(duration_s=seconds, rate=scenario.rates[0].per_s(most)), burst=())
            self._add_sight("celebrity", self._celebrity(probing, self.place.celebrity), beside)

    def _everybody(self, probing: Probing) -> Probe:
        place = self.place
        watchers = place.watchers(range(len(place.people)), _WATCHERS)
        authors = tuple(person for person in place.people if watchers[person.id])
        return self._probe(probing, authors, watchers, rate=probing.per_s)

    def _celebrity(self, probing: Probing, celebrity: Person) -> Probe:
        assert self.scenario.burst is not None
        watchers = {celebrity.id: self.place.people[:_MANY_WATCHERS]}
        return self._probe(probing, (celebrity,), watchers, rate=1 / self.scenario.burst.every_s)

    def _probe(
        self,
        probing: Probing,
        authors: tuple[Person, ...],
        watchers: Mapping[str, tuple[Person, ...]],
        *,
        rate: float,
    ) -> Probe:
        return Probe(
            url=self.platform.url,
            crowd=Crowd(authors, self.place.texts),
            processes=self.platform.processes,
            rate=rate,
            duration_s=probing.seconds,
            every=1,
            connections=4,
            watchers=watchers,
        )

    def _add_sight(self, name: str, probe: Probe, beside: Scene | None) -> None:
        if beside is None:
            sight: Sight = self.run.driver.submit(look, probe).result()
        else:
            seen, sight = self.run.driver.submit(perform_beside, beside, probe).result()
            self._judge(seen.outcome.count, seen.outcome.faults)
            self.posted += seen.posted
        self._judge(sight.posting.count + sight.reads, sight.faults + sight.posting.faults)
        self.posted += sight.posting.count - sight.posting.faults.total()
        # The next load begins with nothing left to do.
        if self.platform.metrics:
            until_delivered(self.platform.metrics, self.delivered_before + self.posted)
        visible, control = Latencies.decode(sight.visible), Latencies.decode(sight.control)
        self.run.curves |= {f"{self.run.of}{name}.visible": visible, f"{self.run.of}{name}.control": control}
        note = f"acknowledgement to read by all who look; {sight.tweets} tweets, {sight.readers} looking"
        for percentile in (50, 99):
            target = VISIBLE if percentile == 99 else None
            self.run.add(f"{name}.visible.p{percentile}", visible.ms(percentile), "ms", target, note)
        self.run.add(f"{name}.control.p50", control.ms(50), "ms", note="the same look once all had it")

    def _footprint(self) -> None:
        parts = {part: processes.rss_mb(pids) for part, pids in self.platform.processes.items()}
        for part, taken_mb in parts.items():
            self.run.add(f"memory.{part}", taken_mb, "MB", note="resident, at the end")
        if parts:
            self.run.add("memory", sum(parts.values()), "MB", note="resident, at the end, all of them")
        self.run.add("answers.checked", self.checked, "")
        wrong = "; ".join(f"{what} × {n}" for what, n in self.faults.items())
        self.run.add("answers.wrong", self.faults.total(), "", FAULTS, wrong)
