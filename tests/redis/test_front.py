"""The front of a fleet's process: it holds what Redis and the news say, or nothing."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import pytest
from tests.backends.redis import Redis
from tests.rpc.waiting import until

from aviary import entries, ids
from aviary._native import Front, Miss, Sources, TimelineStore
from aviary.api.tweets.v1 import fragments_pb2, tweets_pb2
from aviary.clock import Clock
from aviary.entries import Entry
from aviary.errors import Unavailable
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event, TweetEntry
from aviary.metrics import Metrics
from aviary.paging import Cursors
from aviary.rpc.front import Stale
from aviary.rpc.limits import Limit
from aviary.rpc.ready import described
from aviary.settings import Settings
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.degraded import Marks
from aviary.storage.redis.front import COPIED_ROWS, RedisFreshness
from aviary.storage.redis.limits import RedisRateLimits
from aviary.storage.redis.news import RedisNews
from aviary.storage.redis.timelines import RedisTimelines
from aviary.timelines.store import LIVE, ListKey

pytestmark = pytest.mark.cluster
ADA, BOB = 1, 2
HOME = ListKey(viewer_id=ADA, upper=LIVE, version=3)
EVERYBODY = Sources(ids.pack([ADA, BOB]))
FIVE = Limit("requests", 5, 600)
TWEET = 1 << 40
READS = Stale(ADA, home=True)


@dataclass(frozen=True, slots=True)
class Rig:
    """One process's front, and what others tell it."""

    front: Front
    copies: TimelineStore
    freshness: RedisFreshness
    timelines: RedisTimelines
    news: RedisNews
    clock: Clock

    async def freshen(self) -> None:
        await self.freshness.freshen([READS])

    def seen(self, tweet: int) -> bytes | Miss:
        return self.front.tweet(ADA, tweet, now_ms=self.clock.now_ms(), json=True)

    async def tell(
        self, tweet: int, kind: events_pb2.EventType.ValueType, *, number: int = 1, actor_id: int = ADA
    ) -> None:
        event = Event(id=number, type=kind, key=BOB, entity_id=tweet, actor_id=actor_id)
        event.tweet.CopyFrom(TweetEntry(tweet_id=tweet, author_id=BOB))
        await self.news.events([event.SerializeToString()])

    def put(self, tweet: int, *, liked: bool = False, then: int | None = None) -> None:
        part = fragments_pb2.TweetFragment(id=tweet, author_id=BOB, kind=1, counts=[0] * 5, stance=int(liked))
        bob = fragments_pb2.PersonFragment(id=BOB, stands=True)
        found = fragments_pb2.Fragments(tweets=[part], people=[bob])
        self.front.put(ADA, ids.pack([tweet]), found.SerializeToString(), self.front.now() if then is None else then)

    def hold_home(self) -> None:
        """Let the front know whose tweets are Ada's home, and that she chose to see everything."""
        then = self.front.now()
        self.front.put(ADA, b"", fragments_pb2.Fragments().SerializeToString(), then)
        packed = ids.pack([ADA, BOB])
        self.front.put_home(ADA, packed, follow_version=3, pulled=b"", valid_until_ms=0, then=then)

    async def build(self, rows: bytes, *, floor: int = 0) -> None:
        assert await self.timelines.finish(HOME, await self.timelines.begin(HOME), rows, floor=floor)

    async def kept(self) -> list[int]:
        """The newest of Ada's home as Redis has it."""
        piece = await self.timelines.read(HOME, sources=EVERYBODY, below=LIVE, above=0, limit=COPIED_ROWS, extra=b"")
        assert piece is not None
        return [entry.id for entry in entries.unpack(piece.rows)]

    def copied(self) -> list[int] | None:
        """The same as the front has it."""
        found = self.copies.page(
            ADA,
            version=3,
            sources=EVERYBODY,
            below=LIVE,
            above=0,
            limit=COPIED_ROWS,
            extra=b"",
            now_ms=self.clock.now_ms(),
            upper=LIVE,
        )
        return None if found is None else [entry.id for entry in entries.unpack(found[0])]


@pytest.fixture(params=[None], ids=[""])
def limit(request: pytest.FixtureRequest) -> Limit | None:
    return cast("Limit | None", request.param)


@pytest.fixture
async def rig(
    server: Redis, settings: Settings, clock: Clock, metrics: Metrics, limit: Limit | None
) -> AsyncIterator[Rig]:
    servers = RedisServers(server.url)
    news = RedisNews(servers, Marks(metrics))
    timelines = RedisTimelines(servers, settings, clock, metrics)
    copies = TimelineStore(capacity=COPIED_ROWS, idle_ttl_ms=3_600_000, max_bytes=1 << 24)
    shapes, key = described(tweets_pb2.Tweet.DESCRIPTOR.full_name), Cursors(bytes(32)).key
    front = Front(copies, clock=clock.core, descriptors=shapes, cursor_key=key, is_shared=True)
    limits = RedisRateLimits(servers)
    freshness = RedisFreshness(
        front, servers=servers, news=news, timelines=timelines, limits=limits, limit=limit, clock=clock
    )
    rig = Rig(front, copies, freshness, timelines, news, clock)
    await rig.freshen()
    yield rig
    await news.close()
    await servers.close()


def row(tweet: int, *, refers: bool = False) -> bytes:
    # A retweet of a stranger's tweet: every viewer takes it.
    ref_id, ref_author_id = (1 << 50, 9) if refers else (0, 0)
    entry = Entry(id=tweet, author_id=BOB, ref_id=ref_id, ref_author_id=ref_author_id, is_retweet=refers)
    return entries.pack(entry)


@pytest.mark.parametrize("seed", range(3))
async def test_a_copy_is_what_redis_has_after_whatever_happened(rig: Rig, seed: int) -> None:
    chance, newest, full = random.Random(seed), 1_000, 0
    rig.hold_home()
    await rig.build(b"".join(row(tweet) for tweet in range(1, 400)))
    for _ in range(250):
        for _ in range(chance.choice([0, 0, 1, 1, 2, 30, 200])):
            # Out of order now and then, and now and then again.
            newest += chance.randrange(1, 9)
            tweet = newest if chance.random() < 0.8 else chance.randrange(900, newest + 1)
            await rig.timelines.append(ids.pack([ADA]), row(tweet, refers=tweet % 3 == 0), active_only=False)
        if chance.random() < 0.05:
            tweets = sorted({chance.randrange(500, newest) for _ in range(chance.randrange(600))})
            await rig.build(b"".join(row(tweet, refers=tweet % 3 == 0) for tweet in tweets), floor=500)
        await rig.freshen()
        expected = await rig.kept()
        assert rig.copied() == expected
        full += len(expected) == COPIED_ROWS
    assert full > 100


async def test_what_is_absent_is_not_read_from_a_copy(rig: Rig) -> None:
    rig.hold_home()
    await rig.build(row(7))
    await rig.freshen()
    assert rig.copied() == [7]
    await rig.timelines.drop()
    await rig.freshen()
    assert rig.copied() is None
    with pytest.raises(Unavailable, match="dropped"):
        await rig.freshness.copy(ADA, 3)


async def test_news_makes_stale_whatever_order_it_comes_in(rig: Rig) -> None:
    await rig.tell(TWEET, events_pb2.EVENT_TYPE_TWEET_UNLIKED, number=2)
    await rig.freshen()
    rig.put(TWEET, liked=True)
    assert b'"is_liked":true' in bytes_of(rig.seen(TWEET))
    # The older one comes last: what is held must not follow it, but be read anew.
    await rig.tell(TWEET, events_pb2.EVENT_TYPE_TWEET_LIKED, number=1)
    await rig.freshen()
    assert isinstance(rig.seen(TWEET), Miss)
    rig.put(TWEET, liked=False)
    # Told again by who published it.
    await rig.tell(TWEET, events_pb2.EVENT_TYPE_TWEET_LIKED, number=1)
    await rig.freshen()
    assert b'"is_liked":false' in bytes_of(rig.seen(TWEET))


async def test_a_fill_that_began_before_a_deletion_was_heard_of_is_not_kept(rig: Rig) -> None:
    then = rig.front.now()
    await rig.tell(TWEET, events_pb2.EVENT_TYPE_TWEET_DELETED)
    await rig.freshen()
    rig.put(TWEET, then=then)
    found = rig.seen(TWEET)
    assert isinstance(found, Miss)
    assert found.is_declined


async def test_counts_are_read_anew_when_they_were_counted(rig: Rig) -> None:
    rig.put(TWEET)
    # Nobody has counted it yet: read now, the count would be the old one for ever.
    await rig.tell(TWEET, events_pb2.EVENT_TYPE_TWEET_LIKED, actor_id=BOB)
    await rig.freshen()
    assert b'"like_count":0' in bytes_of(rig.seen(TWEET))
    await rig.news.counted([TWEET])
    await rig.freshen()
    assert isinstance(rig.seen(TWEET), Miss)


async def test_nothing_is_kept_of_what_was_not_heard_or_not_understood(rig: Rig) -> None:
    for unheard in (rig.news._skip(), rig.news._tell([b"?"]), rig.news._tell([b"c123"])):
        rig.put(TWEET)
        assert bytes_of(rig.seen(TWEET))
        await unheard
        await rig.freshen()
        assert rig.front.stats()["tweets"] == 0


async def test_while_redis_is_away_and_just_after_nothing_is_answered(server: Redis, rig: Rig) -> None:
    rig.put(TWEET)
    server.pause()
    with pytest.raises(Unavailable, match="does not answer"):
        await rig.freshen()
    server.resume()
    with pytest.raises(Unavailable, match="stale"):
        await rig.freshen()

    async def answers() -> bool:
        try:
            await rig.freshen()
        except Unavailable:
            return False
        return True

    await until(answers, what="it is fresh again")
    assert rig.front.stats()["tweets"] == 0


@pytest.mark.parametrize("limit", [FIVE], indirect=True, ids=["five"])
async def test_a_unit_is_taken_for_each_call_until_none_is_left(rig: Rig) -> None:
    # One was taken when the rig was made.
    usages = await rig.freshness.freshen([READS, Stale(BOB, home=False), *[READS] * 4])
    told = [(usage.allowed, usage.remaining) for usage in usages if usage]
    assert told == [(True, 3), (True, 4), (True, 2), (True, 1), (True, 0), (False, 0)]


def bytes_of(found: bytes | Miss) -> bytes:
    assert isinstance(found, bytes)
    return found
