"""Timelines in Redis beyond the contract: what a restart leaves, what they weigh, and that they never tell less."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.backends.redis import Redis
from tests.redis.reaching import new_prefix
from tests.rpc.waiting import until

from aviary import entries, ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.entries import Entry
from aviary.errors import Unavailable
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.redis import lists
from aviary.storage.redis.connection import RedisServers, Run, Script
from aviary.storage.redis.timelines import RedisTimelines
from aviary.timelines.store import LIVE, ListKey, Piece

pytestmark = pytest.mark.cluster
AUTHORS = range(1, 6)
EVERYBODY = Sources(ids.pack(AUTHORS))
KEPT_BYTES = 20_000


@asynccontextmanager
async def reached(url: str, settings: Settings, clock: Clock, *, prefix: str = "") -> AsyncIterator[RedisTimelines]:
    servers = RedisServers(url)
    try:
        yield RedisTimelines(servers, settings, clock, Metrics(), prefix=prefix or new_prefix())
    finally:
        await servers.close()


def small(settings: Settings, entries_kept: int) -> Settings:
    return Settings(data_dir=settings.data_dir, timeline_entries=entries_kept, timeline_idle_s=600)


def key_of(viewer: int, *, upper: int = LIVE, version: int = 1) -> ListKey:
    return ListKey(viewer_id=viewer, upper=upper, version=version)


def row(tweet: int, *, refers: bool = False) -> bytes:
    author = AUTHORS[tweet % len(AUTHORS)]
    # A retweet of a stranger's tweet: every viewer takes it.
    ref_id, ref_author_id = (1 << 50, 1 << 40) if refers else (0, 0)
    entry = Entry(id=tweet, author_id=author, ref_id=ref_id, ref_author_id=ref_author_id, is_retweet=refers)
    return entries.pack(entry)


async def build(timelines: RedisTimelines | NativeTimelines, key: ListKey, rows: bytes, *, floor: int = 0) -> None:
    assert await timelines.finish(key, await timelines.begin(key), rows, floor=floor)


async def read(
    timelines: RedisTimelines | NativeTimelines,
    key: ListKey,
    *,
    below: int = LIVE,
    above: int = 0,
    limit: int = 10_000,
    extra: bytes = b"",
) -> Piece | None:
    return await timelines.read(key, sources=EVERYBODY, below=below, above=above, limit=limit, extra=extra)


async def shown(timelines: RedisTimelines | NativeTimelines, key: ListKey) -> list[int] | None:
    piece = await read(timelines, key)
    return None if piece is None else [entry.id for entry in entries.unpack(piece.rows)]


async def restarted_from_a_snapshot(server: Redis, timelines: RedisTimelines) -> None:
    """End it at once and start it with the keys that it had, as Redis does unless it is told not to."""
    with server.client() as client:
        client.save()
        keys = client.dbsize()
    server.kill()
    server.start()
    with server.client() as client:
        assert client.dbsize() == keys > 0

    async def is_reached() -> bool:
        try:
            await timelines.holds(key_of(1))
        except Unavailable:
            return False
        return True

    await until(is_reached, what="it answers again")


async def test_what_comes_back_from_a_snapshot_is_absent(tmp_path: Path, settings: Settings, clock: Clock) -> None:
    with Redis(tmp_path) as server:
        async with reached(server.url, settings, clock) as timelines:
            token = await timelines.begin(key_of(2))
            segment = key_of(1, upper=100)
            for key in (key_of(1), segment):
                await build(timelines, key, row(7))
            await restarted_from_a_snapshot(server, timelines)

            assert [await shown(timelines, key) for key in (key_of(1), segment)] == [None, None]
            assert await timelines.append(ids.pack([1, 2]), row(8), active_only=False) == 0
            assert not await timelines.finish(key_of(2), token, row(7), floor=0)
            # What is built now is not mixed with what is from before.
            await build(timelines, key_of(1), row(9))
            assert await shown(timelines, key_of(1)) == [9]
            assert await shown(timelines, segment) is None


async def test_dropping_makes_all_absent_and_later_lists_are_not_concerned(
    redis_cluster: str, settings: Settings, clock: Clock
) -> None:
    async with reached(redis_cluster, settings, clock) as timelines:
        for viewer in range(1, 100):
            await build(timelines, key_of(viewer), row(7))
        await timelines.drop()
        assert [await shown(timelines, key_of(viewer)) for viewer in range(1, 100)] == [None] * 99
        await build(timelines, key_of(1), row(8))
        assert await shown(timelines, key_of(1)) == [8]
        assert await shown(timelines, key_of(2)) is None


async def test_forgetting_takes_the_owners_segments_along(redis: str, settings: Settings, clock: Clock) -> None:
    async with reached(redis, settings, clock) as timelines:
        begun, ready = key_of(1, upper=50), key_of(1, upper=100)
        await build(timelines, ready, row(7))
        token = await timelines.begin(begun)
        await timelines.forget(ids.pack([1]))
        assert await shown(timelines, ready) is None
        assert not await timelines.holds(begun)
        # Another segment gives the owner a new root; those from before stay absent.
        await build(timelines, key_of(1, upper=70), row(6))
        assert not await timelines.finish(begun, token, row(7), floor=0)
        assert await shown(timelines, ready) is None


async def test_ids_beyond_what_a_float_holds_are_told_apart(redis: str, settings: Settings, clock: Clock) -> None:
    async with reached(redis, settings, clock) as timelines:
        tweets = [LIVE - 1 - step for step in (3, 1, 2, 0)]
        await build(timelines, key_of(1), row(LIVE - 6), floor=LIVE - 6)
        added = [await timelines.append(ids.pack([1]), row(tweet), active_only=False) for tweet in [*tweets, *tweets]]
        assert added == [1, 1, 1, 1, 0, 0, 0, 0]
        assert await timelines.append(ids.pack([1]), row(LIVE - 7), active_only=False) == 0
        assert await shown(timelines, key_of(1)) == [*sorted(tweets, reverse=True), LIVE - 6]


async def test_what_was_moved_out_of_a_tail_is_not_added_again(redis: str, settings: Settings, clock: Clock) -> None:
    # Two tails and a part of each kind, in an order that keeps the newest first.
    tweets = [*range(1_000, 700, -1), *range(1_001, 1_301)]
    async with reached(redis, settings, clock) as timelines:
        await build(timelines, key_of(1), b"")
        for expected in (1, 0):
            for tweet in tweets:
                given = row(tweet, refers=tweet % 2 == 0)
                assert await timelines.append(ids.pack([1]), given, active_only=False) == expected
        assert await shown(timelines, key_of(1)) == sorted(tweets, reverse=True)


async def test_trimming_keeps_the_newest_of_both_kinds_and_all_that_is_known_of_the_list(
    redis: str, settings: Settings, clock: Clock
) -> None:
    async with reached(redis, small(settings, 100), clock) as timelines:
        await build(timelines, key_of(1), b"".join(row(tweet, refers=tweet % 3 == 0) for tweet in range(1, 101)))
        for tweet in range(101, 400):
            assert await timelines.append(ids.pack([1]), row(tweet, refers=tweet % 3 == 0), active_only=False) == 1
        piece = await read(timelines, key_of(1))
        assert piece is not None
        found = list(entries.unpack(piece.rows))
        assert 100 <= len(found) <= 125
        assert [entry.id for entry in found] == list(range(399, 399 - len(found), -1))
        assert [entry.is_retweet for entry in found] == [entry.id % 3 == 0 for entry in found]
        assert piece.reach == found[-1].id
        assert await read(timelines, key_of(1, version=2)) is None


async def append_all(timelines: RedisTimelines, tweets: Iterator[int]) -> None:
    for tweet in tweets:
        await timelines.append(ids.pack([1]), row(tweet), active_only=False)


async def test_appends_from_many_at_once_are_neither_lost_nor_doubled_by_trimming(
    redis: str, settings: Settings, clock: Clock
) -> None:
    prefix = new_prefix()
    async with (
        reached(redis, small(settings, 50), clock, prefix=prefix) as one,
        reached(redis, small(settings, 50), clock, prefix=prefix) as other,
    ):
        await build(one, key_of(1), b"")
        # Nearly in order, as they come.
        rng = random.Random(7)
        tweets = sorted(range(1, 1_001), key=lambda tweet: tweet + rng.randrange(30))
        async with asyncio.TaskGroup() as tasks:
            # What comes between the look at a list and its trimming must not be lost.
            for each, waiting in ((one, iter(tweets[::2])), (other, iter(tweets[1::2]))):
                for _ in range(8):
                    tasks.create_task(append_all(each, waiting))
        piece = await read(one, key_of(1))
        assert piece is not None
        found = [entry.id for entry in entries.unpack(piece.rows)]
        assert len(found) >= 50
        assert found == sorted((tweet for tweet in tweets if tweet >= piece.reach), reverse=True)


async def test_an_append_counts_although_the_list_could_not_be_trimmed(
    redis: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reached(redis, small(settings, 8), clock) as timelines:
        await build(timelines, key_of(1), b"")
        with monkeypatch.context() as planted:
            planted.setattr(lists, "LOOK", Script("return redis.error_reply('not now')"))
            for tweet in range(1, 31):
                assert await timelines.append(ids.pack([1]), row(tweet), active_only=False) == 1
        assert await shown(timelines, key_of(1)) == list(range(30, 0, -1))
        await timelines.append(ids.pack([1]), row(31), active_only=False)
        assert await shown(timelines, key_of(1)) == list(range(31, 23, -1))


async def test_a_list_that_nobody_trims_does_not_grow_for_ever(
    redis: str, settings: Settings, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "LOOK", Script("return redis.error_reply('not now')"))
    async with reached(redis, small(settings, 8), clock) as timelines:
        await build(timelines, key_of(1), b"")
        added = [await timelines.append(ids.pack([1]), row(tweet), active_only=False) for tweet in range(1, 101)]
        assert 8 <= sum(added) < 80
        # What it lacks now must not be missed in it.
        assert await shown(timelines, key_of(1)) is None


async def test_lists_that_grow_long_together_are_trimmed_by_and_by(
    redis: str, settings: Settings, clock: Clock
) -> None:
    owners, kept = range(1, 201), 40
    async with reached(redis, small(settings, kept), clock) as timelines:
        for owner in owners:
            await build(timelines, key_of(owner), b"")
        for tweet in range(1, 201):
            assert await timelines.append(ids.pack(owners), row(tweet), active_only=False) == len(owners)
        lengths = [len(await shown(timelines, key_of(owner)) or []) for owner in owners]
        assert min(lengths) >= kept
        assert max(lengths) < 3 * kept


async def test_a_list_that_is_idle_by_one_clock_is_not_opened_by_one_that_lags(
    redis: str, settings: Settings, clock: Clock
) -> None:
    prefix, ahead = new_prefix(), Clock()
    ahead.advance(601_000)
    async with (
        reached(redis, small(settings, 8), clock, prefix=prefix) as reader,
        reached(redis, small(settings, 8), ahead, prefix=prefix) as worker,
    ):
        await build(reader, key_of(1), row(3))
        assert await worker.append(ids.pack([1]), row(7), active_only=False) == 0
        assert await shown(reader, key_of(1)) is None


async def test_a_warm_timeline_weighs_no_more_than_it_may(redis: str, settings: Settings, clock: Clock) -> None:
    prefix, servers = new_prefix(), RedisServers(redis)
    timelines = RedisTimelines(servers, settings, clock, Metrics(), prefix=prefix)
    assert settings.timeline_entries == 800
    weigh = Script("return redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)")
    first = ids.IdGenerator(clock).next()
    # Built, then half of it replaced by appends: an append must not leave room behind that nobody uses.
    await build(timelines, key_of(1), b"".join(row(first + at, refers=at % 3 == 0) for at in range(600)))
    for at in range(600, 800):
        await timelines.append(ids.pack([1]), row(first + at, refers=at % 3 == 0), active_only=False)
    assert len(await shown(timelines, key_of(1)) or []) == 800
    weight = await servers.run(weigh, Run([f"{prefix}:t:{{0}}:1".encode()]))
    await servers.close()
    assert 800 * 16 < weight <= KEPT_BYTES


async def test_nothing_is_left_of_a_list_that_nobody_reads(redis: str, settings: Settings, clock: Clock) -> None:
    brief = Settings(data_dir=settings.data_dir, timeline_idle_s=1, timeline_entries=8)
    servers, prefix = RedisServers(redis), new_prefix()
    timelines = RedisTimelines(servers, brief, clock, Metrics(), prefix=prefix)
    for upper in (LIVE, 100):
        await build(timelines, key_of(1, upper=upper), row(7))
    # Trimmed, which makes it anew.
    for tweet in range(8, 20):
        assert await timelines.append(ids.pack([1]), row(tweet), active_only=False) == 1

    async def only_the_epoch_is_left() -> bool:
        keys = [key async for page in servers.scan(f"{prefix}:*".encode()) for key in page]
        return keys == [f"{prefix}:t:{{0}}:epoch".encode()]

    await until(only_the_epoch_is_left, what="only the epoch is left")
    await servers.close()


@pytest.mark.parametrize("seed", range(3))
async def test_it_tells_what_the_core_tells(seed: int, tmp_path: Path, settings: Settings) -> None:
    """The core's store is the model: each is complete down to its own reach, and where both are they agree."""
    rng, clock = random.Random(seed), Clock()
    model = NativeTimelines(small(settings, 10_000), clock, Metrics())
    with Redis(tmp_path) as server:
        async with reached(server.url, small(settings, 30), clock) as timelines:
            script = _Script(rng, clock, timelines, model)
            for number in range(1, 801):
                await script.step()
                if number % 200 == 0:
                    await restarted_from_a_snapshot(server, timelines)
                    await model.clear()
    assert script.compared > 100


class _Script:
    """Random acts on both, and the comparison of what they answer."""

    def __init__(self, rng: random.Random, clock: Clock, ours: RedisTimelines, model: NativeTimelines) -> None:
        self._rng = rng
        self._clock = clock
        self._both: Sequence[RedisTimelines | NativeTimelines] = (ours, model)
        self._stored: list[int] = []
        self._next = 1_000
        self.compared = 0

    async def step(self) -> None:
        act = self._rng.choices(
            [self._append, self._read, self._build, self._hold, self._forget, self._wait, self._clear],
            [50, 40, 8, 5, 0.5, 1, 0.2],
        )[0]
        await act()

    def _key(self) -> ListKey:
        upper = self._rng.choice([LIVE, LIVE, LIVE, 1_200])
        return key_of(self._rng.randrange(1, 4), upper=upper, version=self._rng.choices([1, 2], [20, 1])[0])

    def _row(self, tweet: int) -> bytes:
        return row(tweet, refers=tweet % 3 == 0)

    async def _append(self) -> None:
        # Nearly in order, some late, some again.
        self._next += self._rng.randrange(1, 4)
        tweet = self._rng.choice([self._next] * 6 + [max(1, self._next - 7)] + self._stored[-3:])
        self._stored.append(tweet)
        owners = ids.pack(self._rng.sample(range(1, 6), 4))
        for each in self._both:
            await each.append(owners, self._row(tweet), active_only=False)

    async def _build(self) -> None:
        key = self._key()
        tokens = [await each.begin(key) for each in self._both]
        if self._rng.random() < 0.1:
            for each, token in zip(self._both, tokens, strict=True):
                await each.abort(key, token)
            return
        await self._append()
        newest = sorted({tweet for tweet in self._stored if tweet < key.upper}, reverse=True)[:30]
        floor = newest[-1] if len(newest) == 30 else 0
        rows = b"".join(map(self._row, self._rng.sample(newest, len(newest))))
        finished = [
            await each.finish(key, token, rows, floor=floor) for each, token in zip(self._both, tokens, strict=True)
        ]
        assert finished == [True, True]

    async def _read(self) -> None:
        key = self._key()
        below = self._rng.choice([LIVE, self._next - 20])
        above = self._rng.choice([0, self._next - 60])
        limit = self._rng.choice([5, 10_000])
        extra = b"".join(map(self._row, {self._rng.choice([*self._stored, 5]) for _ in range(3)}))
        ours, theirs = [
            await read(each, key, below=below, above=above, limit=limit, extra=extra) for each in self._both
        ]
        assert (ours is None) == (theirs is None)
        if ours is None or theirs is None:
            return
        reach = max(ours.reach, theirs.reach)
        found, expected = [
            [entry for entry in entries.unpack(piece.rows) if entry.id >= reach] for piece in (ours, theirs)
        ]
        assert found == expected
        self.compared += bool(found)

    async def _hold(self) -> None:
        key = self._key()
        ours, theirs = [await each.holds(key) for each in self._both]
        assert ours == theirs

    async def _forget(self) -> None:
        owners = ids.pack([self._rng.randrange(1, 4)])
        for each in self._both:
            await each.forget(owners)

    async def _wait(self) -> None:
        self._clock.advance(self._rng.choice([1_000, 100_000, 400_000]))

    async def _clear(self) -> None:
        for each in self._both:
            await each.clear()
