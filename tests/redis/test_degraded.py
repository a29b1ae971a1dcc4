"""Redis away: who reads, posts or is limited notices nothing but a mark."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.backends.redis import Redis
from tests.rpc.waiting import until

from aviary import entries, ids
from aviary._native import Sources
from aviary.api.timelines.v1 import timelines_pb2
from aviary.clock import Clock
from aviary.entries import Entry
from aviary.errors import Unavailable
from aviary.metrics import Metrics
from aviary.rpc.call import Call, current_call
from aviary.rpc.limits import Limit, Usage
from aviary.rpc.method import methods_of
from aviary.settings import Settings
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.degraded import HEADER, DegradedRateLimits, DegradedTimelines, Marks, PatientTimelines
from aviary.storage.redis.limits import RedisRateLimits
from aviary.storage.redis.timelines import RedisTimelines
from aviary.timelines.store import LIVE, HeldTimelines, ListKey

pytestmark = pytest.mark.cluster
ADA = 1
OWNERS = ids.pack([ADA])
EVERYBODY = Sources(OWNERS)
HOME = ListKey(viewer_id=ADA, upper=LIVE, version=1)
OLDER = ListKey(viewer_id=ADA, upper=100, version=1)
THREE = Limit("tweets", 3, 3_600)


@pytest.fixture
def timelines(servers: RedisServers, settings: Settings, clock: Clock, metrics: Metrics) -> RedisTimelines:
    return RedisTimelines(servers, settings, clock, metrics)


@pytest.fixture
def marks(metrics: Metrics) -> Marks:
    return Marks(metrics)


@pytest.fixture
def call() -> Call:
    """A call that is being served."""
    method = next(iter(methods_of(timelines_pb2.DESCRIPTOR.services_by_name["TimelineService"])))
    return Call(method=method, metadata={}, deadline=time.monotonic() + 60, from_network=True)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again soon, so that an outage takes no longer than it has to."""
    monkeypatch.setattr("aviary.eventlog._LONGEST_PAUSE_S", 0.05)


def rows(*tweets: int) -> bytes:
    return b"".join(entries.pack(Entry(id=tweet, author_id=ADA)) for tweet in tweets)


async def build(held: HeldTimelines, key: ListKey, *tweets: int) -> None:
    assert await held.finish(key, await held.begin(key), rows(*tweets), floor=0)


async def shown(held: HeldTimelines, key: ListKey = HOME) -> list[int] | None:
    piece = await held.read(key, sources=EVERYBODY, below=LIVE, above=0, limit=100, extra=b"")
    return None if piece is None else [entry.id for entry in entries.unpack(piece.rows)]


def counted(metrics: Metrics, what: str) -> float:
    return metrics.registry.get_sample_value("aviary_degraded_total", {"what": what}) or 0


async def answers(timelines: RedisTimelines) -> bool:
    try:
        await timelines.holds(HOME)
    except Unavailable:
        return False
    return True


async def is_given_up(timelines: RedisTimelines) -> bool:
    return not await answers(timelines)


async def test_a_home_is_built_for_each_reading_while_redis_hangs_and_held_again_after_that(
    server: Redis, timelines: RedisTimelines, marks: Marks, metrics: Metrics
) -> None:
    held = DegradedTimelines(timelines, marks, fresh_s=60)
    await build(held, HOME, 3)
    server.pause()
    # What is in Redis cannot be told, so it is absent, and built from what the tables say now.
    assert await shown(held) is None
    assert not await held.holds(HOME)
    for key, tweets in ((HOME, [9, 5]), (OLDER, [50, 7])):
        await build(held, key, *tweets)
        assert await held.holds(key)
        assert await shown(held, key) == tweets
    assert counted(metrics, "timelines") >= 3
    server.resume()
    await until(lambda: answers(timelines), what="Redis answers")
    assert await shown(held) == [3]
    # A segment that was built meanwhile was never in Redis.
    assert await shown(held, OLDER) is None


async def test_a_list_of_this_process_is_not_read_when_others_may_have_written(
    server: Redis, timelines: RedisTimelines, marks: Marks
) -> None:
    held = DegradedTimelines(timelines, marks, fresh_s=0)
    server.kill()
    await build(held, HOME, 5)
    assert await shown(held) is None


async def test_only_so_many_lists_of_this_process_are_kept(
    server: Redis, timelines: RedisTimelines, marks: Marks
) -> None:
    held = DegradedTimelines(timelines, marks, fresh_s=60)
    server.kill()
    keys = [ListKey(viewer_id=viewer, upper=LIVE, version=1) for viewer in range(1, 301)]
    for key in keys:
        await build(held, key, 5)
    assert [await held.holds(key) for key in (keys[0], keys[-1])] == [False, True]


async def test_a_build_during_which_redis_goes_away_is_shown_to_who_asked_for_it(
    server: Redis, timelines: RedisTimelines, marks: Marks
) -> None:
    held = DegradedTimelines(timelines, marks, fresh_s=60)
    token = await held.begin(HOME)
    other = await held.begin(OLDER)
    server.kill()
    assert await held.finish(HOME, token, rows(7), floor=0)
    assert await shown(held) == [7]
    await held.abort(OLDER, other)
    with pytest.raises(Unavailable):
        await held.clear()


async def test_a_degraded_answer_says_so(
    server: Redis, servers: RedisServers, timelines: RedisTimelines, marks: Marks, call: Call
) -> None:
    token = current_call.set(call)
    held, limits = DegradedTimelines(timelines, marks), DegradedRateLimits(RedisRateLimits(servers), marks)
    assert await shown(held) is None
    await limits.spend(THREE, "ada")
    assert HEADER not in call.headers
    server.kill()
    await shown(held)
    assert call.headers[HEADER] == "timelines"
    await limits.spend(THREE, "ada")
    await shown(held)
    assert call.headers[HEADER] == "limits,timelines"
    current_call.reset(token)


async def test_an_append_waits_for_redis_and_is_not_lost(
    server: Redis, timelines: RedisTimelines, marks: Marks, metrics: Metrics, patience: None
) -> None:
    patient = PatientTimelines(timelines, marks)
    await build(timelines, HOME, 3)
    server.pause()
    async with asyncio.TaskGroup() as tasks:
        appends = [tasks.create_task(patient.append(OWNERS, rows(tweet), active_only=False)) for tweet in range(10, 20)]
        await until(lambda: counted(metrics, "fanout") >= 20, what="all were tried twice")
        assert not any(append.done() for append in appends)
        server.resume()
    # What was sent before the time was up may have been done already, so not all say that they added it.
    assert await shown(timelines) == [*range(19, 9, -1), 3]


async def test_lists_that_were_out_of_reach_for_long_are_built_anew(
    server: Redis, timelines: RedisTimelines, marks: Marks, metrics: Metrics, patience: None
) -> None:
    patient = PatientTimelines(timelines, marks, behind_s=0.2)
    await build(timelines, HOME, 3)
    server.pause()
    async with asyncio.TaskGroup() as tasks:
        started = time.monotonic()
        append = tasks.create_task(patient.append(OWNERS, rows(10), active_only=False))
        await until(lambda: counted(metrics, "fanout") > 0 and time.monotonic() > started + 1, what="it took long")
        assert not append.done()
        server.resume()
    assert await shown(timelines) is None
    # Only once: who was built since then is kept.
    await build(timelines, HOME, 3)
    assert await patient.append(OWNERS, rows(11), active_only=False) == 1
    assert await shown(timelines) == [11, 3]


async def test_forgetting_and_clearing_wait_too(
    server: Redis, timelines: RedisTimelines, marks: Marks, patience: None
) -> None:
    patient = PatientTimelines(timelines, marks)
    for key in (HOME, ListKey(viewer_id=2, upper=LIVE, version=1)):
        await build(timelines, key, 3)
    server.pause()
    async with asyncio.TaskGroup() as tasks:
        forgotten = tasks.create_task(patient.forget(OWNERS))
        await until(lambda: is_given_up(timelines), what="Redis is given up")
        server.resume()
    assert forgotten.done()
    assert await shown(timelines) is None
    assert await patient.clear() == 1


async def test_limits_are_counted_here_while_redis_is_away_and_given_back_where_they_were_spent(
    server: Redis, servers: RedisServers, marks: Marks, metrics: Metrics
) -> None:
    limits = DegradedRateLimits(RedisRateLimits(servers), marks)

    async def spend() -> Usage:
        return await limits.spend(THREE, "ada")

    in_redis = [await spend() for _ in range(3)]
    assert not (await spend()).allowed
    server.pause()
    here = [await spend() for _ in range(4)]
    assert [usage.allowed for usage in here] == [True, True, True, False]
    assert counted(metrics, "limits") == 4
    # Of what Redis counted nothing can be given back now; the rest goes on.
    await limits.refund(THREE, "ada", in_redis[0].token)
    await limits.refund(THREE, "ada", here[1].token)
    assert [(await spend()).allowed for _ in range(2)] == [True, False]
    server.resume()

    async def is_counted_in_redis() -> bool:
        before = counted(metrics, "limits")
        return not (await spend()).allowed and counted(metrics, "limits") == before

    await until(is_counted_in_redis, what="Redis counts again")
    await limits.refund(THREE, "ada", in_redis[1].token)
    # What was refunded while it hung may have reached it after all.
    assert 1 <= [(await spend()).allowed for _ in range(3)].count(True) <= 2
