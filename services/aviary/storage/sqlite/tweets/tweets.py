"""Tweets on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction, settled
from aviary.storage.sqlite.tweets import entries, records, writes
from aviary.storage.sqlite.tweets.likes import set_like
from aviary.storage.sqlite.tweets.writes import retweet_of
from aviary.tweets import encoding
from aviary.tweets.store import (
    AuthorCounts,
    Draft,
    EditRules,
    Kind,
    Loaded,
    Revision,
    ThreadWritten,
    Written,
)


class SqliteTweetStore:
    """Keeps TweetStore's promises in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, claim: Claim) -> int | None:
        return await self._database.read(lambda connection: settled(connection, claim))

    async def insert(self, draft: Draft, *, claim: Claim | None) -> Written:
        fixed, trace = encoding.fixed_part(draft), traceparent()

        def write(tx: Transaction) -> Written:
            existing = retweet_of(tx, draft.ref_id, draft.author_id) if draft.kind is Kind.RETWEET else 0
            # The key is settled also with a retweet that was there, or its repeat would make one after an undo.
            tweet_id, repeated = tx.once(claim, lambda: existing or writes.insert(tx, draft, fixed, trace))
            return Written(tweet_id, repeated=repeated or tweet_id == existing)

        return await self._database.write(write)

    async def insert_thread(self, drafts: Sequence[Draft], *, claim: Claim | None) -> ThreadWritten:
        chain = [drafts[0], *(replace(draft, kind=Kind.REPLY) for draft in drafts[1:])]
        fixed, trace = [encoding.fixed_part(draft) for draft in chain], traceparent()

        def write(tx: Transaction) -> ThreadWritten:
            ids: Sequence[int] = ()

            def insert() -> int:
                nonlocal ids
                ids = writes.insert_thread(tx, chain, fixed, trace)
                if claim is not None:
                    tx.executemany("INSERT INTO threads VALUES (?, ?)", [(ids[0], each) for each in ids])
                return ids[0]

            first, repeated = tx.once(claim, insert)
            return ThreadWritten(_thread(tx.execute, first) if repeated else ids, repeated=repeated)

        return await self._database.write(write)

    async def thread(self, first_id: int) -> Sequence[int]:
        return await self._database.read(lambda connection: _thread(connection.execute, first_id))

    async def edit(self, tweet_id: int, author_id: int, revision: Revision, rules: EditRules) -> bool:
        trace = traceparent()
        return await self._database.write(
            lambda tx: writes.edit(tx, tweet_id, author_id, revision=revision, rules=rules, trace=trace)
        )

    async def history(self, tweet_id: int) -> Sequence[tuple[int, bytes]]:
        # One statement sees one state: an edit between two reads would leave a version out.
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT version, body FROM tweets WHERE id = ?1 AND deleted_ms = 0"
                " UNION ALL SELECT edits.version, edits.body FROM tweets JOIN edits ON edits.tweet_id = tweets.id"
                " WHERE tweets.id = ?1 AND tweets.deleted_ms = 0 ORDER BY 1 DESC",
                (tweet_id,),
            ).fetchall()
        )
        return [(version, body) for version, body in rows]

    async def delete(self, tweet_id: int, author_id: int) -> None:
        trace = traceparent()
        await self._database.write(lambda tx: writes.delete_own(tx, tweet_id, author_id, trace))

    async def undo_retweet(self, original_id: int, user_id: int) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            if existing := retweet_of(tx, original_id, user_id):
                writes.delete(tx, existing, trace)

        await self._database.write(write)

    async def like(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = traceparent()
        return await self._database.write(
            lambda tx: tx.changes(claim, lambda: set_like(tx, tweet_id, user_id, trace, active=True))
        )

    async def unlike(self, tweet_id: int, user_id: int) -> None:
        trace = traceparent()
        await self._database.write(lambda tx: set_like(tx, tweet_id, user_id, trace, active=False))

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        return await self._database.read(lambda connection: records.load(connection, ids, viewer_id))

    async def reply_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        replies = "ref_id = ? AND kind = 1"
        return await self._database.read(lambda connection: records.newest_ids(connection, replies, tweet_id, page))

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
            lambda connection: entries.earliest_retweets(connection, original_ids, author_ids)
        )

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        def look(connection: sqlite3.Connection) -> dict[int, AuthorCounts]:
            rows: Iterable[tuple[int, int, int]] = connection.execute(
                f"SELECT user_id, tweets, likes FROM authors WHERE user_id IN ({records.marks(user_ids)})",
                user_ids,
            )
            return {user_id: AuthorCounts(tweets, likes) for user_id, tweets, likes in rows}

        found = await self._database.read(look)
        return [found.get(user_id, AuthorCounts(0, 0)) for user_id in user_ids]


def _thread(execute: Callable[..., sqlite3.Cursor], first_id: int) -> Sequence[int]:
    rows = execute("SELECT tweet_id FROM threads WHERE first_id = ? ORDER BY tweet_id", (first_id,))
    return [each for (each,) in rows]
