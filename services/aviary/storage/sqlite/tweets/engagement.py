"""Bookmarks, pins, and who engaged, on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aviary.errors import no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction, settled
from aviary.tweets.engagement.store import Engaged
from aviary.tweets.store import Kind


class SqliteEngagementStore:
    """Keeps EngagementStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, claim: Claim) -> bool:
        return await self._database.read(lambda connection: settled(connection, claim) is not None)

    async def bookmark(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        def activate(tx: Transaction) -> bool:
            if _is_bookmarked(tx, tweet_id, user_id):
                return False
            # The tweet may have been deleted since the service looked.
            counted = "UPDATE tweets SET bookmarks = bookmarks + 1 WHERE id = ? AND deleted_ms = 0"
            if not tx.execute(counted, (tweet_id,)).rowcount:
                raise no_tweet(tweet_id)
            tx.execute(
                "INSERT OR REPLACE INTO bookmarks (user_id, tweet_id, active, bookmark_id) VALUES (?, ?, 1, ?)",
                (user_id, tweet_id, tx.next_id()),
            )
            tx.emit(_event(events_pb2.EVENT_TYPE_BOOKMARKED, tweet_id, user_id, trace))
            return True

        return await self._once(claim, activate)

    async def remove_bookmark(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()

        await self._database.write(lambda tx: end_bookmark(tx, _original(tx, tweet_id), user_id, trace))

    async def pin(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        def put(tx: Transaction) -> bool:
            if not tx.execute("SELECT 1 FROM tweets WHERE id = ? AND deleted_ms = 0", (tweet_id,)).fetchone():
                raise no_tweet(tweet_id)
            changed = tx.execute(
                "INSERT INTO pins VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET tweet_id = excluded.tweet_id"
                " WHERE tweet_id <> excluded.tweet_id",
                (user_id, tweet_id),
            ).rowcount
            if not changed:
                return False
            tx.emit(_event(events_pb2.EVENT_TYPE_TWEET_PINNED, tweet_id, user_id, trace))
            return True

        return await self._once(claim, put)

    async def unpin(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()

        def take_off(tx: Transaction) -> None:
            if tx.execute("DELETE FROM pins WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id)).rowcount:
                tx.emit(_event(events_pb2.EVENT_TYPE_TWEET_UNPINNED, tweet_id, user_id, trace))

        await self._database.write(take_off)

    async def likers(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        return await self._engaged(
            "SELECT like_id, user_id FROM likes WHERE tweet_id = ? AND active AND like_id < ? AND like_id > ?"
            " ORDER BY like_id DESC LIMIT ?",
            tweet_id,
            page,
        )

    async def retweeters(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        return await self._engaged(
            "SELECT retweet_id, user_id FROM retweets"
            " WHERE original_id = ? AND retweet_id > 0 AND retweet_id < ? AND retweet_id > ?"
            " ORDER BY retweet_id DESC LIMIT ?",
            tweet_id,
            page,
        )

    async def _engaged(self, statement: str, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        bounds = (tweet_id, page.below, page.above, page.limit)
        rows = await self._database.read(lambda connection: connection.execute(statement, bounds).fetchall())
        return [Engaged(position, user_id) for position, user_id in rows]

    async def _once(self, claim: Claim | None, work: Callable[[Transaction], bool]) -> bool:
        return await self._database.write(lambda tx: tx.changes(claim, lambda: work(tx)))


def end_bookmark(tx: Transaction, tweet_id: int, user_id: int, trace: str) -> None:
    """Make a bookmark inactive, with its count and event; nothing when it is."""
    if not _is_bookmarked(tx, tweet_id, user_id):
        return
    # The place in the list stays: somebody may ask for what is newer than it.
    tx.execute("UPDATE bookmarks SET active = 0 WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id))
    tx.execute("UPDATE tweets SET bookmarks = bookmarks - 1 WHERE id = ?", (tweet_id,))
    tx.emit(_event(events_pb2.EVENT_TYPE_UNBOOKMARKED, tweet_id, user_id, trace))


def _is_bookmarked(tx: Transaction, tweet_id: int, user_id: int) -> bool:
    row = tx.execute("SELECT active FROM bookmarks WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id)).fetchone()
    return bool(row and row[0])


def _original(tx: Transaction, tweet_id: int) -> int:
    row = tx.execute("SELECT ref_id FROM tweets WHERE id = ? AND kind = ?", (tweet_id, int(Kind.RETWEET))).fetchone()
    return int(row[0]) if row else tweet_id


def _event(kind: events_pb2.EventType.ValueType, tweet_id: int, user_id: int, trace: str) -> Event:
    return Event(type=kind, key=user_id, entity_id=tweet_id, actor_id=user_id, traceparent=trace)
