"""Conversations and quotes on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from aviary.paging import Candidates, PageRequest
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.tweets import records
from aviary.tweets.conversations.store import Standing
from aviary.tweets.store import Tweet

# Tweets of the conversation looked at for one stretch.
_LOOKED_AT = 1_000
_STEP = 100

# Up from some tweets to what they reply to; `places` stands in for replies that were removed. A tweet that many
# of them share is walked once.
_PARENTS = """
WITH RECURSIVE up (id, ref_id) AS (
    SELECT id, ref_id FROM tweets WHERE id IN (SELECT value FROM json_each(?1))
    UNION SELECT t.id, t.ref_id FROM up JOIN tweets t ON t.id = up.ref_id AND t.kind = 1 WHERE up.ref_id > ?2
    UNION SELECT p.tweet_id, p.ref_id FROM up JOIN places p ON p.conversation_id = ?3 AND p.tweet_id = up.ref_id
        WHERE up.ref_id > ?2
)
SELECT id, ref_id FROM up
"""

_ANCESTORS = """
WITH RECURSIVE up (id, depth) AS (
    SELECT ?1, 1
    UNION ALL SELECT t.ref_id, up.depth + 1 FROM up JOIN tweets t ON t.id = up.id AND t.kind = 1
    UNION ALL SELECT p.ref_id, up.depth + 1 FROM up JOIN places p ON p.conversation_id = ?2 AND p.tweet_id = up.id
    LIMIT ?3
)
SELECT id FROM up ORDER BY depth
"""


class SqliteConversationStore:
    """Keeps ConversationStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ancestors(self, tweet: Tweet, *, limit: int) -> Sequence[int]:
        if not tweet.ref_id:
            return []
        rows = await self._database.read(
            lambda connection: connection.execute(_ANCESTORS, (tweet.ref_id, tweet.conversation_id, limit)).fetchall()
        )
        return [each for (each,) in rows]

    async def descendants(self, tweet: Tweet, page: PageRequest) -> Candidates:
        return await self._database.read(lambda connection: _descendants(connection, tweet, page))

    async def standings(self, ids: Sequence[int]) -> Mapping[int, Standing]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT id, author_id, likes, retweets, replies, quotes FROM tweets"
                " WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(ids)),),
            ).fetchall()
        )
        return {
            tweet_id: Standing(author_id=author_id, likes=likes, retweets=retweets, replies=replies, quotes=quotes)
            for tweet_id, author_id, likes, retweets, replies, quotes in rows
        }

    async def quote_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        quotes = "quote_id = ? AND quote_id > 0"
        return await self._database.read(lambda connection: records.newest_ids(connection, quotes, tweet_id, page))


def _descendants(connection: sqlite3.Connection, tweet: Tweet, page: PageRequest) -> Candidates:
    step, above = max(_STEP, page.limit), max(page.above, tweet.id)
    found: list[int] = []
    below: int | None = page.below
    looked_at = 0
    while below is not None and len(found) < page.limit and looked_at < _LOOKED_AT:
        members = _members(connection, tweet, below=below, above=above, limit=step)
        found.extend(_below(connection, tweet, members))
        below = members[-1] if len(members) == step else None
        looked_at += len(members)
    if len(found) <= page.limit:
        return Candidates(found, below)
    return Candidates(found[: page.limit], found[page.limit - 1])


def _members(connection: sqlite3.Connection, tweet: Tweet, *, below: int, above: int, limit: int) -> Sequence[int]:
    rows = connection.execute(
        "SELECT id FROM tweets WHERE conversation_id = ? AND kind <> 3 AND deleted_ms = 0 AND id < ? AND id > ?"
        " ORDER BY id DESC LIMIT ?",
        (tweet.conversation_id, below, above, limit),
    )
    return [member for (member,) in rows]


def _below(connection: sqlite3.Connection, tweet: Tweet, members: Sequence[int]) -> Sequence[int]:
    """Return those of `members` that reply to `tweet`, to a reply to it, and so on."""
    if tweet.id == tweet.conversation_id:
        return members
    walk = (json.dumps(list(members)), tweet.id, tweet.conversation_id)
    parents: dict[int, int] = dict(connection.execute(_PARENTS, walk).fetchall())
    # A reply is younger than what it replies to, so by rising ids each parent is known before its replies.
    inside = {tweet.id}
    for each in sorted(parents):
        if parents[each] in inside:
            inside.add(each)
    return [member for member in members if member in inside]
