"""Tweets on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from aviary.errors import Forbidden, NotFound
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event, TweetEntry
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite import entries
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction, settled
from aviary.tweets import encoding
from aviary.tweets.store import REF_IS_REPLY, Audience, AuthorCounts, Draft, Kind, Loaded, Tweet, Written

_COLUMNS = (
    "id, author_id, kind, ref_id, ref_author_id, quote_id, conversation_id, flags, audience, version, body, deleted_ms,"
    " likes, retweets, replies, quotes, bookmarks"
)


class SqliteTweetStore:
    """Keeps TweetStore's promises in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, claim: Claim) -> int | None:
        return await self._database.read(lambda connection: settled(connection, claim))

    async def insert(self, draft: Draft, *, claim: Claim | None) -> Written:
        body, trace = encoding.fixed_part(draft), traceparent()

        def write(tx: Transaction) -> Written:
            existing = _retweet_of(tx, draft.ref_id, draft.author_id) if draft.kind is Kind.RETWEET else 0
            # The key is settled also with a retweet that was there, or its repeat would make one after an undo.
            tweet_id, repeated = tx.once(claim, lambda: existing or _insert(tx, draft, body, trace))
            return Written(tweet_id, repeated=repeated or tweet_id == existing)

        return await self._database.write(write)

    async def delete(self, tweet_id: int, author_id: int) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            row = tx.execute("SELECT author_id, deleted_ms FROM tweets WHERE id = ?", (tweet_id,)).fetchone()
            if row is None or row[1]:
                raise NotFound(f"there is no tweet {tweet_id}")
            if row[0] != author_id:
                raise Forbidden(f"tweet {tweet_id} is somebody else's; only its author may delete it")
            _delete(tx, tweet_id, trace)

        await self._database.write(write)

    async def undo_retweet(self, original_id: int, user_id: int) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            if existing := _retweet_of(tx, original_id, user_id):
                _delete(tx, existing, trace)

        await self._database.write(write)

    async def like(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        def write(tx: Transaction) -> bool:
            changed, repeated = tx.once(claim, lambda: int(_set_like(tx, tweet_id, user_id, trace, active=True)))
            return bool(changed) and not repeated

        return await self._database.write(write)

    async def unlike(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()
        await self._database.write(lambda tx: _set_like(tx, tweet_id, user_id, trace, active=False))

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        def look(connection: sqlite3.Connection) -> Loaded:
            tweets = _tweets(connection, ids)
            inside = _refs(tweets.values()) - tweets.keys()
            tweets |= _tweets(connection, list(inside))
            deeper = _refs(tweets[each] for each in inside if each in tweets) - tweets.keys()
            tweets |= _tweets(connection, list(deeper))
            return Loaded(
                tweets=tweets,
                polls={},
                liked=_own(connection, viewer_id, tweets, of=("likes", "tweet_id", "active")),
                retweeted=_own(connection, viewer_id, tweets, of=("retweets", "original_id", "retweet_id > 0")),
                bookmarked=_own(connection, viewer_id, tweets, of=("bookmarks", "tweet_id", "active")),
            )

        return await self._database.read(look)

    async def reply_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id FROM tweets WHERE ref_id = ? AND kind = 1 AND deleted_ms = 0 AND id < ? AND id > ?"
                " ORDER BY id DESC LIMIT ?",
                (tweet_id, page.below, page.above, page.limit),
            ).fetchall()
        )
        return [reply for (reply,) in rows]

    async def entries(
        self, author_ids: Sequence[int], page: PageRequest, *, no_replies: bool, media_only: bool
    ) -> bytes:
        statement = entries.statement(len(author_ids), no_replies=no_replies, media_only=media_only)
        bounds = [each for author in author_ids for each in (author, page.below, page.above)]
        rows = await self._database.read(
            lambda connection: connection.execute(statement, (*bounds, page.limit)).fetchall()
        )
        return entries.pack(rows)

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: AbstractSet[int]
    ) -> Sequence[tuple[int, int]]:
        return await self._database.read(
            lambda connection: [entries.earliest_retweet(connection, each, author_ids) for each in original_ids]
        )

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        def look(connection: sqlite3.Connection) -> dict[int, AuthorCounts]:
            rows: Iterable[tuple[int, int, int]] = connection.execute(
                f"SELECT user_id, tweets, likes FROM authors WHERE user_id IN ({_marks(user_ids)})",
                user_ids,
            )
            return {user_id: AuthorCounts(tweets, likes) for user_id, tweets, likes in rows}

        found = await self._database.read(look)
        return [found.get(user_id, AuthorCounts(0, 0)) for user_id in user_ids]


def _insert(tx: Transaction, draft: Draft, body: bytes, trace: str) -> int:
    _count_reference(tx, draft)
    tweet_id, now = tx.next_id(), tx.now_ms()
    conversation_id = draft.conversation_id or tweet_id
    flags = REF_IS_REPLY if draft.ref_is_reply else 0
    tx.execute(
        "INSERT INTO tweets (id, author_id, kind, ref_id, ref_author_id, flags, quote_id, conversation_id, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            tweet_id,
            draft.author_id,
            int(draft.kind),
            draft.ref_id,
            draft.ref_author_id,
            flags,
            draft.quote_id,
            conversation_id,
            body + encoding.minted_part(tweet_id, now, conversation_id),
        ),
    )
    if draft.kind is Kind.RETWEET:
        tx.execute("INSERT OR REPLACE INTO retweets VALUES (?, ?, ?)", (draft.ref_id, draft.author_id, tweet_id))
    _count_author(tx, draft.author_id, tweets=1)
    tx.emit(
        Event(
            type=events_pb2.EVENT_TYPE_TWEET_CREATED,
            key=draft.author_id,
            entity_id=tweet_id,
            version=1,
            actor_id=draft.author_id,
            target_id=draft.ref_author_id,
            traceparent=trace,
            tweet=TweetEntry(
                tweet_id=tweet_id,
                author_id=draft.author_id,
                ref_tweet_id=draft.ref_id,
                ref_author_id=draft.ref_author_id,
                is_retweet=draft.kind is Kind.RETWEET,
                ref_is_reply=draft.ref_is_reply,
            ),
        )
    )
    return tweet_id


def _delete(tx: Transaction, tweet_id: int, trace: str) -> None:
    author_id, kind, ref_id, quote_id, likes = tx.execute(
        "UPDATE tweets SET deleted_ms = ? WHERE id = ? RETURNING author_id, kind, ref_id, quote_id, likes",
        (tx.now_ms(), tweet_id),
    ).fetchone()
    if kind == Kind.RETWEET:
        tx.execute("UPDATE retweets SET retweet_id = 0 WHERE original_id = ? AND user_id = ?", (ref_id, author_id))
        tx.execute("UPDATE tweets SET retweets = retweets - 1 WHERE id = ?", (ref_id,))
    elif kind == Kind.REPLY:
        tx.execute("UPDATE tweets SET replies = replies - 1 WHERE id = ?", (ref_id,))
    if quote_id:
        tx.execute("UPDATE tweets SET quotes = quotes - 1 WHERE id = ?", (quote_id,))
    _count_author(tx, author_id, tweets=-1, likes=-likes)
    tx.emit(
        Event(
            type=events_pb2.EVENT_TYPE_TWEET_DELETED,
            key=author_id,
            entity_id=tweet_id,
            version=2,
            actor_id=author_id,
            traceparent=trace,
        )
    )


def _count_reference(tx: Transaction, draft: Draft) -> None:
    column = {Kind.REPLY: "replies", Kind.RETWEET: "retweets"}.get(draft.kind)
    counted = [(column, draft.ref_id)] if column else []
    if draft.quote_id:
        counted.append(("quotes", draft.quote_id))
    for name, tweet_id in counted:
        # The tweet may have been deleted since the service looked.
        if not tx.execute(
            f"UPDATE tweets SET {name} = {name} + 1 WHERE id = ? AND deleted_ms = 0",
            (tweet_id,),
        ).rowcount:
            raise NotFound(f"there is no tweet {tweet_id}")


def _count_author(tx: Transaction, user_id: int, *, tweets: int = 0, likes: int = 0) -> None:
    tx.execute(
        "INSERT INTO authors VALUES (?1, ?2, ?3)"
        " ON CONFLICT (user_id) DO UPDATE SET tweets = tweets + ?2, likes = likes + ?3",
        (user_id, tweets, likes),
    )


def _set_like(tx: Transaction, tweet_id: int, user_id: int, trace: str, *, active: bool) -> bool:
    row = tx.execute("SELECT active FROM likes WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id)).fetchone()
    if bool(row and row[0]) is active:
        return False
    by = 1 if active else -1
    counted = tx.execute(
        "UPDATE tweets SET likes = likes + ? WHERE id = ? AND deleted_ms = 0 RETURNING author_id", (by, tweet_id)
    ).fetchone()
    if counted is None:
        raise NotFound(f"there is no tweet {tweet_id}")
    tx.execute("INSERT OR REPLACE INTO likes VALUES (?, ?, ?, ?)", (user_id, tweet_id, active, tx.next_id()))
    _count_author(tx, counted[0], likes=by)
    kind = events_pb2.EVENT_TYPE_TWEET_LIKED if active else events_pb2.EVENT_TYPE_TWEET_UNLIKED
    tx.emit(
        Event(type=kind, key=user_id, entity_id=tweet_id, actor_id=user_id, target_id=counted[0], traceparent=trace)
    )
    return True


def _retweet_of(tx: Transaction, original_id: int, user_id: int) -> int:
    row = tx.execute(
        "SELECT retweet_id FROM retweets WHERE original_id = ? AND user_id = ?", (original_id, user_id)
    ).fetchone()
    return int(row[0]) if row else 0


def _tweets(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Tweet]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM tweets WHERE id IN ({_marks(ids)})", ids)
    return {
        row[0]: Tweet(
            id=row[0],
            author_id=row[1],
            kind=Kind(row[2]),
            ref_id=row[3],
            ref_author_id=row[4],
            quote_id=row[5],
            conversation_id=row[6],
            flags=row[7],
            audience=Audience(row[8]),
            version=row[9],
            body=row[10],
            deleted=row[11] > 0,
            likes=row[12],
            retweets=row[13],
            replies=row[14],
            quotes=row[15],
            bookmarks=row[16],
        )
        for row in rows
    }


def _refs(tweets: Iterable[Tweet]) -> set[int]:
    referred: set[int] = set()
    for tweet in tweets:
        if tweet.kind is Kind.RETWEET:
            referred.add(tweet.ref_id)
        if tweet.quote_id:
            referred.add(tweet.quote_id)
    return referred


def _own(
    connection: sqlite3.Connection, viewer_id: int, tweets: Iterable[int], *, of: tuple[str, str, str]
) -> frozenset[int]:
    ids, (table, column, state) = list(tweets), of
    rows = connection.execute(
        f"SELECT {column} FROM {table} WHERE user_id = ? AND {column} IN ({_marks(ids)}) AND {state}",
        (viewer_id, *ids),
    )
    return frozenset(each for (each,) in rows)


def _marks(values: Sequence[int]) -> str:
    return ",".join("?" * len(values))
