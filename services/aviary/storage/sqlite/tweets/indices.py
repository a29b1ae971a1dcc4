"""The indices of tweets on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aviary.paging import PageRequest
from aviary.storage.sqlite.database import Database
from aviary.surfaces import Index
from aviary.tweets.indices.store import Place


@dataclass(frozen=True, slots=True)
class _Source:
    table: str
    owner: str
    position: str
    condition: str = ""


_SOURCES: Mapping[Index, _Source] = {
    Index.MENTIONS: _Source("mentions", "user_id", "tweet_id", "AND entry.active"),
    Index.LIKES: _Source("likes", "user_id", "like_id", "AND entry.active"),
    Index.BOOKMARKS: _Source("bookmarks", "user_id", "bookmark_id", "AND entry.active"),
    Index.HASHTAG: _Source("hashtags", "tag", "tweet_id"),
}


class SqliteIndexStore:
    """Keeps IndexStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def places(self, index: Index, owner: int | str, page: PageRequest, *, since_id: int) -> Sequence[Place]:
        source = _SOURCES[index]

        def look(connection: sqlite3.Connection) -> Sequence[Place]:
            above = max(page.above, _since(connection, source, owner, since_id))
            rows = connection.execute(_stretch(source), (owner, page.below, above, page.limit))
            return [Place(position, tweet_id) for position, tweet_id in rows]

        return await self._database.read(look)

    async def pins(self, user_ids: Sequence[int]) -> Sequence[int]:
        def look(connection: sqlite3.Connection) -> dict[int, int]:
            rows = connection.execute(
                "SELECT pins.user_id, pins.tweet_id FROM pins JOIN tweets ON tweets.id = pins.tweet_id"
                f" WHERE pins.user_id IN ({','.join('?' * len(user_ids))}) AND tweets.deleted_ms = 0",
                list(user_ids),
            )
            return dict(rows.fetchall())

        pinned = await self._database.read(look)
        return [pinned.get(user_id, 0) for user_id in user_ids]


def _stretch(source: _Source) -> str:
    # CROSS JOIN: SQLite keeps the order written, so it walks the index and looks each tweet up.
    return (
        f"SELECT entry.{source.position}, entry.tweet_id FROM {source.table} AS entry"
        " CROSS JOIN tweets ON tweets.id = entry.tweet_id"
        f" WHERE entry.{source.owner} = ? AND entry.{source.position} < ? AND entry.{source.position} > ?"
        f" {source.condition} AND tweets.deleted_ms = 0 ORDER BY entry.{source.position} DESC LIMIT ?"
    )


def _since(connection: sqlite3.Connection, source: _Source, owner: int | str, since_id: int) -> int:
    if not since_id or source.position == "tweet_id":
        return since_id
    # Also the place of what was taken back, which the row keeps.
    row = connection.execute(
        f"SELECT {source.position} FROM {source.table} WHERE {source.owner} = ? AND tweet_id = ?", (owner, since_id)
    ).fetchone()
    return int(row[0]) if row else since_id
