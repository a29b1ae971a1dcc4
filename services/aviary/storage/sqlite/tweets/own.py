"""What one person wrote and did, in the tweets' file."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.tweets import drafts, records
from aviary.tweets.drafts.store import Kept, Shelf
from aviary.tweets.upkeep.store import Mark, Marked, OwnTweet, Vote

_MARK_IDS: Mapping[Mark, str] = {Mark.LIKE: "like_id", Mark.BOOKMARK: "bookmark_id"}


class SqliteOwnStore:
    """Keeps OwnStore's promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tweets(self, user_id: int, *, after: int, limit: int, retweets: bool) -> Sequence[OwnTweet]:
        def look(connection: sqlite3.Connection) -> Sequence[OwnTweet]:
            deleted = dict(_own(connection, user_id, after, limit, retweets=retweets))
            loaded = records.load(connection, list(deleted), viewer_id=user_id)
            earlier = _earlier(connection, list(deleted))
            return [
                OwnTweet(
                    tweet=loaded.tweets[each],
                    deleted_ms=deleted_ms,
                    earlier=earlier[each],
                    poll=loaded.polls.get(each),
                )
                for each, deleted_ms in deleted.items()
            ]

        return await self._database.read(look)

    async def marks(self, mark: Mark, user_id: int, *, after: int, limit: int) -> Sequence[Marked]:
        position = _MARK_IDS[mark]
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {position}, tweet_id FROM {mark.value} WHERE user_id = ? AND active AND {position} > ?"
                f" ORDER BY {position} LIMIT ?",
                (user_id, after, limit),
            ).fetchall()
        )
        return [Marked(mark_id, tweet_id) for mark_id, tweet_id in rows]

    async def votes(self, user_id: int, *, after: int, limit: int) -> Sequence[Vote]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT tweet_id, option FROM votes WHERE user_id = ? AND tweet_id > ? ORDER BY tweet_id LIMIT ?",
                (user_id, after, limit),
            ).fetchall()
        )
        return [Vote(tweet_id, option) for tweet_id, option in rows]

    async def drafts(self, shelf: Shelf, user_id: int, *, after: int, limit: int) -> Sequence[Kept]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {drafts.COLUMNS} FROM drafts WHERE user_id = ? AND {drafts.ON_SHELF[shelf]} AND id > ?"
                " ORDER BY id LIMIT ?",
                (user_id, after, limit),
            ).fetchall()
        )
        return [drafts.kept_of(row) for row in rows]

    async def pin(self, user_id: int) -> int:
        row = await self._database.read(
            lambda connection: connection.execute("SELECT tweet_id FROM pins WHERE user_id = ?", (user_id,)).fetchone()
        )
        return int(row[0]) if row else 0


def _own(
    connection: sqlite3.Connection, user_id: int, after: int, limit: int, *, retweets: bool
) -> Sequence[tuple[int, int]]:
    """Return ids with the moment of their deletion; both partial indices are merged as they are read."""
    arm = f"SELECT id, deleted_ms FROM tweets WHERE author_id = ?1 AND id > ?2 AND kind {'=' if retweets else '<>'} 3"
    return connection.execute(
        f"{arm} AND deleted_ms = 0 UNION ALL {arm} AND deleted_ms > 0 ORDER BY id LIMIT ?3", (user_id, after, limit)
    ).fetchall()


def _earlier(connection: sqlite3.Connection, tweet_ids: Sequence[int]) -> Mapping[int, Sequence[tuple[int, bytes]]]:
    versions: dict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for tweet_id, version, body in connection.execute(
        f"SELECT tweet_id, version, body FROM edits WHERE tweet_id IN ({records.marks(tweet_ids)})"
        " ORDER BY tweet_id, version",
        tweet_ids,
    ):
        versions[tweet_id].append((version, body))
    return versions
