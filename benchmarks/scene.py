"""One load of a scenario, put on from a process of its own: what was asked for, and what came of it by operation."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks import drawing, wire
from benchmarks.delivery import backlog_s
from benchmarks.drawing import Composed, EachOnce, Interrupted, Mixture
from benchmarks.latency import Latencies
from benchmarks.load import Exchange, closed_loop, open_loop
from benchmarks.phase import Meter, Outcome, outcome
from benchmarks.scenario import Composing, Operations, Reading
from benchmarks.schedule import along, arrivals
from benchmarks.settlement import Settlement
from benchmarks.subject import SubjectFailed
from benchmarks.visibility import Probe, Sight, looked

WRITES = frozenset({"compose", "celebrity"})
_CELEBRITY = Composing(characters=140)
Work = Mixture | EachOnce | Interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A load; `rate` 0 is a closed loop, and with a day's curve it is the rate at the curve's 1."""

    url: str
    place: Settlement
    operations: Operations
    connections: int
    duration_s: float
    processes: Mapping[str, Sequence[int]]
    rate: float = 0.0
    day: tuple[float, ...] = ()
    # When the one whom everybody follows posts.
    burst: tuple[float, ...] = ()
    # Each home once and no more.
    is_once: bool = False
    # Where it can be seen what is delivered, and how many tweets were before; "" waits for none.
    metrics: str = ""
    delivered: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What a load showed: all of it, by operation, and by the step of the day's curve."""

    outcome: Outcome
    kinds: Mapping[str, bytes]
    steps: Sequence[bytes]
    # Acknowledged tweets, and how long after the load the last of them was fanned out.
    posted: int
    backlog_s: float
    # Of the platform's processes, that fan-out included.
    cpu_s: Mapping[str, float]
    # Of an answer's body, on average.
    answer_kb: float
    # Pages that were wanted, and those of them that were full.
    wanted: int
    found: int


def perform(scene: Scene) -> Seen:
    """Find the pages, put the load on, and judge every answer afterwards."""
    seen, _ = asyncio.run(_perform(scene, None))
    return seen


def perform_beside(scene: Scene, probe: Probe) -> tuple[Seen, Sight]:
    """The same, while tweets are posted and looked for beside it from the same process."""
    seen, sight = asyncio.run(_perform(scene, probe))
    assert sight is not None
    return seen, sight


async def _perform(scene: Scene, probe: Probe | None) -> tuple[Seen, Sight | None]:
    async with wire.connected(scene.url, scene.connections) as connections:
        wanted, found = await _pages(scene, connections)
        due = _due(scene)[: len(found["home"]) if scene.is_once else None]
        work = _work(scene, found, due)
        # Garbage of ten thousand answers, collected when it suits the interpreter, would show up as latency.
        gc.collect()
        gc.disable()
        meter = Meter(scene.processes)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as beside:
            looking = beside.create_task(looked(probe)) if probe else None
            most = len(found["home"]) if scene.is_once else None
            exchanges = await _exchange(scene, connections, work, due, most=most)
        elapsed_s = time.perf_counter() - began
        used = meter.read()
        posted = sum(each.answer.status == 200 and work.kind(each.number) in WRITES for each in exchanges)
        waited_s, whole = backlog_s(scene.metrics, scene.delivered + posted), meter.read()
        gc.enable()
    seen = Seen(
        outcome=outcome(exchanges, elapsed_s, used, work.fault),
        kinds=_kinds(exchanges, work),
        steps=_steps(exchanges, began, scene),
        posted=posted,
        backlog_s=waited_s,
        cpu_s={part: whole[part] for part in scene.processes},
        answer_kb=sum(len(each.answer.body) for each in exchanges) / max(1, len(exchanges)) / 1000,
        wanted=wanted,
        found=sum(map(len, found.values())),
    )
    return seen, looking.result() if looking else None


async def _pages(
    scene: Scene, connections: Sequence[wire.Connection]
) -> tuple[int, Mapping[str, Sequence[drawing.Page]]]:
    """How many pages were wanted, and those to ask for, by operation."""
    if scene.is_once and scene.operations.home:
        first = drawing.first_pages(scene.place, scene.operations.home.page)
        return len(first), {"home": first}
    wanted, found = 0, dict[str, Sequence[drawing.Page]]()
    for name, each in scene.operations.chosen.items():
        if isinstance(each, Reading):
            most = drawing.enough(scene.place)
            wishes = drawing.wishes(name, each, scene.place, seed=scene.seed, most=most)
            wanted += len(wishes)
            found[name] = await drawing.pages(connections, wishes, each.page)
            if not found[name]:
                raise SubjectFailed(f"no page of {name} is full; the world is too small for this scenario")
    return wanted, found


def _due(scene: Scene) -> list[float]:
    """When requests are due, the burst's apart; none in a closed loop."""
    if not scene.rate:
        return []
    if scene.day:
        return along(scene.day, peak=scene.rate, duration_s=scene.duration_s, seed=scene.seed)
    return arrivals(rate=scene.rate, duration_s=scene.duration_s, seed=scene.seed)


def _work(scene: Scene, found: Mapping[str, Sequence[drawing.Page]], due: Sequence[float]) -> Work:
    if scene.is_once:
        return EachOnce(found["home"])
    mixture = Mixture(scene.operations, found, scene.place, seed=scene.seed)
    if not scene.burst or scene.place.celebrity is None:
        return mixture
    posts = Composed(_CELEBRITY, [scene.place.celebrity], scene.place.names, seed=scene.seed)
    return Interrupted(mixture, posts, due=due, burst=scene.burst)


async def _exchange(
    scene: Scene, connections: Sequence[wire.Connection], work: Work, due: Sequence[float], *, most: int | None
) -> list[Exchange]:
    if not scene.rate:
        return await closed_loop(connections, scene.duration_s, work.request, most=most)
    return await open_loop(connections, work.due if isinstance(work, Interrupted) else due, work.request)


def _kinds(exchanges: Sequence[Exchange], work: Work) -> dict[str, bytes]:
    took = defaultdict[str, list[float]](list)
    for each in exchanges:
        took[work.kind(each.number)].append(each.latency_s)
    return {kind: Latencies.of(durations).encode() for kind, durations in took.items()}


def _steps(exchanges: Sequence[Exchange], began: float, scene: Scene) -> list[bytes]:
    """By when they were due, a step for each share of the day's curve."""
    took: list[list[float]] = [[] for _ in scene.day]
    for each in exchanges if scene.day else ():
        place = (each.due - began) / scene.duration_s * len(scene.day)
        took[min(int(place), len(scene.day) - 1)].append(each.latency_s)
    return [Latencies.of(durations).encode() for durations in took]
