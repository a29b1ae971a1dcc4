"""Bookmarks, pins, and who engaged, on ScyllaDB."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.locks import KeyedLocks
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.listings import RETWEETS, Listing
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets.engagement.store import Engaged
from aviary.tweets.store import Kind

_STEP = 20


class ScyllaEngagementStore:
    """Keeps EngagementStore's promises; counts follow the log."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._bookmarks = KeyedLocks()

    async def settled(self, claim: Claim) -> bool:
        return await self._writer.settled(claim) is not None

    async def bookmark(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        async def activate(write: Write) -> bool:
            before = await BOOKMARKS.one(self._tables, user_id, tweet_id)
            if before.active:
                return False
            # The tweet may have been deleted since the service looked.
            await records.existing(self._tables, tweet_id)
            BOOKMARKS.put(write, user_id, tweet_id, before)
            write.emit(_event(events_pb2.EVENT_TYPE_BOOKMARKED, tweet_id, user_id, trace, version=write.at_us))
            return True

        async with self._bookmarks.hold((user_id, tweet_id)):
            return await self._writer.changes(claim, activate)

    async def remove_bookmark(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()
        original_id = await _original(self._tables, tweet_id)
        async with self._bookmarks.hold((user_id, original_id)):
            await self._writer.commit(lambda write: end_bookmark(self._tables, write, original_id, user_id, trace))

    async def pin(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        async def put(write: Write) -> int:
            await records.existing(self._tables, tweet_id)
            if await _pinned(self._tables, write, user_id) == tweet_id:
                return 0
            write.put("pins", user_id=user_id, tweet_id=tweet_id)
            write.emit(_event(events_pb2.EVENT_TYPE_TWEET_PINNED, tweet_id, user_id, trace))
            return 1

        changed, repeated = await self._writer.once_in_turn(f"pin:{user_id}", claim, put)
        return bool(changed) and not repeated

    async def unpin(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()

        async def take_off(write: Write) -> None:
            if await _pinned(self._tables, write, user_id) == tweet_id:
                write.put("pins", user_id=user_id, tweet_id=0)
                write.emit(_event(events_pb2.EVENT_TYPE_TWEET_UNPINNED, tweet_id, user_id, trace))

        await self._writer.in_turn(f"pin:{user_id}", take_off)

    async def likers(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        async def standing(rows: Sequence[Row]) -> Sequence[Row]:
            return await LIKES.standing_of_tweet(self._tables, tweet_id, rows)

        return await self._engaged(LIKES.by_tweet, tweet_id, page, standing)

    async def retweeters(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        async def standing(rows: Sequence[Row]) -> Sequence[Row]:
            return [row for row in rows if row[2]]

        return await self._engaged(RETWEETS, tweet_id, page, standing)

    async def _engaged(
        self,
        listing: Listing,
        tweet_id: int,
        page: PageRequest,
        standing: Callable[[Sequence[Row]], Awaitable[Sequence[Row]]],
    ) -> Sequence[Engaged]:
        found: list[Row] = []
        step = max(page.limit, _STEP)
        async for rows in listing.walk(self._tables, tweet_id, below=page.below, above=page.above, step=step):
            found += await standing(rows)
            if len(found) >= page.limit:
                break
        return [Engaged(row[0], row[1]) for row in found[: page.limit]]


async def end_bookmark(tables: Tables, write: Write, tweet_id: int, user_id: int, trace: str) -> None:
    """Make a bookmark inactive, with its event; nothing when it is."""
    before = await BOOKMARKS.one(tables, user_id, tweet_id)
    if before.active:
        BOOKMARKS.take_back(write, user_id, tweet_id, before)
        write.emit(_event(events_pb2.EVENT_TYPE_UNBOOKMARKED, tweet_id, user_id, trace, version=write.at_us))


async def _original(tables: Tables, tweet_id: int) -> int:
    tweet = (await records.stored(tables, [tweet_id])).get(tweet_id)
    return tweet.ref_id if tweet is not None and tweet.kind is Kind.RETWEET else tweet_id


async def _pinned(tables: Tables, write: Write, user_id: int) -> int:
    """Return what the user pinned, 0 for nothing; the write then stands above it."""
    row = await tables.one("SELECT tweet_id, writetime(tweet_id) FROM pins WHERE user_id = ?", user_id)
    if row is None:
        return 0
    write.after(row[1])
    return int(row[0])


def _event(kind: events_pb2.EventType.ValueType, tweet_id: int, user_id: int, trace: str, *, version: int = 0) -> Event:
    return Event(type=kind, key=user_id, entity_id=tweet_id, version=version, actor_id=user_id, traceparent=trace)
