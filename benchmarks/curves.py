"""How a home page's cost grows: with the tweets of the platform, with those whom its reader follows, and built anew.

Warm pages are asked for over gRPC by a client that costs less than they do, in turn of all points of a curve, so that
whatever else the machine does meets all alike.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from aviary import operations, settings
from aviary.seed.multitude import Size
from benchmarks import answers, readers, subject, wire, worlds
from benchmarks.crowd import Crowd, Person
from benchmarks.figures import Target
from benchmarks.grpc_load import Client
from benchmarks.inhabitants import Inhabitants
from benchmarks.latency import Latencies
from benchmarks.phase import Outcome
from benchmarks.subject import Subject
from benchmarks.system import Run

PARTS = ("tweets", "follows", "cold")
_CALLS = 16
_FLAT, _OF_FOLLOWS = Target(1.1), Target(1.5)
_REBUILT = Target(150.0)
# As many as hardly anybody follows, and as most do.
_MANY, _ORDINARY = 5_000, 200
_NEXT_PAGES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvesPlan:
    """Worlds in which people follow as many and write as much, smallest first, and one with readers of all kinds."""

    sizes: Sequence[Size]
    readers: int
    # So many readers of each kind follow so many.
    follows: Sequence[int]
    alike: int
    world: Size
    # Rounds of each point, and how often a list is built anew.
    rounds: int
    round_s: float
    rebuilds: int


CURVES = CurvesPlan(
    sizes=tuple(Size(people=people, follows=100 * people, tweets=10 * people) for people in (1_000, 10_000, 100_000)),
    readers=200,
    follows=(10, 100, 200, 1_000, 5_000, 10_000),
    alike=10,
    world=Size(people=12_000, follows=600_000, tweets=120_000),
    rounds=6,
    round_s=2.0,
    rebuilds=20,
)
QUICK_CURVES = CurvesPlan(
    sizes=tuple(Size(people=people, follows=50 * people, tweets=20 * people) for people in (300, 900, 2_700)),
    readers=60,
    follows=(10, 200, 5_000),
    alike=4,
    world=Size(people=6_000, follows=120_000, tweets=24_000),
    rounds=3,
    round_s=1.0,
    rebuilds=5,
)


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody's way down their home: what it showed, and how long each page took."""

    ids: Sequence[int]
    took_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a curve: a running platform, and readers whose pages are full."""

    name: str
    platform: Subject
    crowd: Crowd
    client: Client
    note: str


def measure(run: Run, plan: CurvesPlan, folder: Path, wanted: Collection[str]) -> None:
    """Add the figures of the wanted curves."""
    if "tweets" in wanted:
        _by_tweets(run, plan, folder / "tweets")
    if {"follows", "cold"} & set(wanted):
        home = folder / "follows"
        numbers = [count for count in plan.follows for _ in range(plan.alike)]
        loaded = worlds.load(plan.world, home / "data", follow=numbers)
        kinds = _kinds(plan, home / "data", loaded.readers)
        with subject.running(home) as platform:
            if "follows" in wanted:
                _by_follows(run, plan, platform, kinds, home)
            if "cold" in wanted:
                _cold(run, plan, platform, kinds[_MANY], home)
        if "cold" in wanted:
            _first_since_start(run, kinds[_MANY], home)
    run.add_answers()


def _by_tweets(run: Run, plan: CurvesPlan, folder: Path) -> None:
    with ExitStack() as stack:
        points = list[Point]()
        for size in plan.sizes:
            home = folder / str(size.tweets)
            worlds.load(size, home / "data")
            platform = stack.enter_context(subject.running(home))
            people = Inhabitants.of(home / "data").usual(plan.readers)
            name = f"curve.tweets.of_{size.tweets}"
            points.append(_point(name, platform, people, home, f"{size.people:,} people"))
        _curve(run, plan, points, "curve.tweets", {(points[0].name, points[-1].name): _FLAT})
        varied = _as_varied(run, points, folder)
        _curve(run, plan, varied, "curve.varied", {(varied[0].name, varied[-1].name): _FLAT})


def _as_varied(run: Run, points: Sequence[Point], folder: Path) -> list[Point]:
    """The same platforms with fewer readers: as many as have as many different tweets on their pages as the first's."""
    varied, most = list[Point](), 0
    for point in points:
        shown, chosen = set[int](), list[Person]()
        for person in point.crowd.people:
            if most and len(shown) >= most:
                break
            chosen.append(person)
            shown |= set(asyncio.run(_walk(run, point.platform.url, person, 0)).ids)
        most = most or len(shown)
        name = f"curve.varied.{point.name.rpartition('.')[2]}"
        few = replace(point.crowd, people=tuple(chosen))
        varied.append(_point(name, point.platform, few, folder, f"{len(shown)} different tweets"))
    return varied


def _by_follows(run: Run, plan: CurvesPlan, platform: Subject, kinds: Mapping[int, Crowd], home: Path) -> None:
    points = {
        count: _point(f"curve.follows.of_{count}", platform, kinds[count], home, f"they follow {count:,}")
        for count in plan.follows
    }
    pair = points[_ORDINARY].name, points[_MANY].name
    _curve(run, plan, list(points.values()), "curve.follows", {pair: _OF_FOLLOWS})


def _point(name: str, platform: Subject, people: Crowd, home: Path, note: str) -> Point:
    full = readers.with_full_pages(platform.url, people)
    note = f"{note}; {len(full.people)} readers"
    return Point(name, platform, full, Client.of(full, home / f"{name}.tokens"), note)


def _kinds(plan: CurvesPlan, data: Path, people: Sequence[int]) -> Mapping[int, Crowd]:
    """The readers who were made, by how many they follow."""
    persons = worlds.signed_in(data, people)
    return {count: Crowd(persons[at * plan.alike : (at + 1) * plan.alike], ()) for at, count in enumerate(plan.follows)}


def _curve(
    run: Run, plan: CurvesPlan, points: Sequence[Point], name: str, targets: Mapping[tuple[str, str], Target]
) -> None:
    # One call at a time for what a page takes, many for what it costs: then the process does little else.
    alone, busy = (_rounds(run, plan, points, calls) for calls in (1, _CALLS))
    p50_ms = {point.name: min(each.ms(50) for each in alone[point.name]) for point in points}
    cpu_us = {point.name: _cpu_us(busy[point.name]) for point in points}
    for point in points:
        run.curves[point.name] = Latencies.decode(alone[point.name][-1].latencies)
        run.add(f"{point.name}.p50", p50_ms[point.name], "ms", note=f"one call at a time, warm; {point.note}")
        run.add(f"{point.name}.cpu.aviary", cpu_us[point.name], "µs", note=f"a page, {_CALLS} calls at once")
    for (small, large), target in targets.items():
        what = f"{large.rpartition('.')[2]} over {small.rpartition('.')[2]}"
        run.add(f"{name}.ratio.cpu", cpu_us[large] / cpu_us[small], "times", target, f"{what}, CPU of a page")
        run.add(f"{name}.ratio.p50", p50_ms[large] / p50_ms[small], "times", target, f"{what}, the best medians")


def _rounds(run: Run, plan: CurvesPlan, points: Sequence[Point], calls: int) -> dict[str, list[Outcome]]:
    """Every point in turn, again and again; the first round is not kept."""
    found: dict[str, list[Outcome]] = {point.name: [] for point in points}
    for number in range(plan.rounds + 1):
        for point in points:
            aviary = {"aviary": point.platform.processes["aviary"]}
            outcome = point.client.load(point.platform.grpc, aviary, calls=calls, duration_s=plan.round_s)
            run.judge(outcome.count, outcome.faults)
            if number:
                found[point.name].append(outcome)
    return found


def _cpu_us(rounds: Sequence[Outcome]) -> float:
    return statistics.median(each.cpu_us("aviary") for each in rounds)


def _cold(run: Run, plan: CurvesPlan, platform: Subject, people: Crowd, home: Path) -> None:
    """Drop every list, then read somebody's home: the first page builds it anew, the next ones find it."""
    chosen = settings.load(data_dir=home / "data")
    built, first, following = [], [], list[float]()
    for number in range(plan.rebuilds):
        person = people.people[number % len(people.people)]
        # The first of them reads what nobody has read yet.
        _, before = (asyncio.run(_walk(run, platform.url, person, _NEXT_PAGES)) for _ in range(2))
        asyncio.run(operations.drop_cache(chosen))
        after = asyncio.run(_walk(run, platform.url, person, _NEXT_PAGES))
        run.judge(1, Counter({"another home after its list was dropped": 1} if before.ids != after.ids else {}))
        built.append(after.took_ms[0])
        first.append(before.took_ms[0])
        following += after.took_ms[1:]
    name, note = f"cold.of_{_MANY}", f"{len(built)} times, through the gateway"
    run.add(f"{name}.first.p50", statistics.median(built), "ms", _REBUILT, f"the list was dropped; {note}")
    run.add(f"{name}.first.max", max(built), "ms", note=note)
    run.add(f"{name}.warm.p50", statistics.median(first), "ms", note="the same page while its list is held")
    note = f"the {_NEXT_PAGES} pages after the first, each by the cursor of the one before"
    run.add(f"{name}.next.p50", statistics.median(following), "ms", note=note)
    run.add(f"{name}.next.p95", statistics.quantiles(following, n=20)[-1], "ms", note=note)
    run.add(f"{name}.next.max", max(following), "ms", _REBUILT, f"{note}; below the held list another is built")


def _first_since_start(run: Run, people: Crowd, home: Path) -> None:
    """Everybody's first page since the platform started: nothing at all is held."""
    took = list[float]()
    with subject.running(home) as platform:
        for person in people.people:
            took += asyncio.run(_walk(run, platform.url, person, 0)).took_ms
    name = f"cold.of_{_MANY}.since_start"
    run.add(f"{name}.p50", statistics.median(took), "ms", note=f"the first page of {len(took)} readers")
    run.add(f"{name}.max", max(took), "ms", note="as above")


async def _walk(run: Run, url: str, person: Person, pages: int) -> Walk:
    """The first page and so many more, on one connection; every page must be full and go on where the last ended."""
    ids, took_ms, cursor = list[int](), list[float](), ""
    async with wire.connected(url, 1) as (connection,):
        for _ in range(pages + 1):
            request = wire.get(f"/timeline/home?limit={answers.PAGE}{cursor}", token=person.token)
            began = time.perf_counter()
            answer = await connection.send(request)
            took_ms.append((answer.at - began) * 1000)
            fault = answers.fault_of_page(answer)
            run.judge(1, Counter([fault] if fault else []))
            if fault:
                break
            ids += answers.tweet_ids(answer.body)
            cursor = f"&cursor={json.loads(answer.body)['pagination']['next_cursor']}"
    run.judge(1, Counter() if ids == sorted(set(ids), reverse=True) else Counter(["pages that do not go on"]))
    return Walk(ids, took_ms)
