"""What one person wrote and did, on ScyllaDB."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from aviary.ids import MAX_ID
from aviary.storage.scylla.tables import Row
from aviary.storage.scylla.tweets import drafts, records
from aviary.storage.scylla.tweets.listings import BY_AUTHOR, VOTES
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Marks
from aviary.storage.scylla.writes import Writer
from aviary.tweets.drafts.store import Kept, Shelf
from aviary.tweets.store import Kind
from aviary.tweets.upkeep.store import Mark, Marked, OwnTweet, Vote

_MARKS: Mapping[Mark, Marks] = {Mark.LIKE: LIKES, Mark.BOOKMARK: BOOKMARKS}


class ScyllaOwnStore:
    """Keeps OwnStore's promises."""

    def __init__(self, writer: Writer) -> None:
        self._tables = writer.tables

    async def tweets(self, user_id: int, *, after: int, limit: int, retweets: bool) -> Sequence[OwnTweet]:
        def is_wanted(row: Row) -> bool:
            return (row[1] == Kind.RETWEET) is retweets

        rows = await BY_AUTHOR.first(
            self._tables, user_id, below=MAX_ID, above=after, limit=limit, wanted=is_wanted, rising=True
        )
        ids = [row[0] for row in rows]
        loaded, stored, earlier = await asyncio.gather(
            records.load(self._tables, ids, user_id), records.stored(self._tables, ids), self._earlier(ids)
        )
        return [
            OwnTweet(
                tweet=loaded.tweets[each],
                deleted_ms=stored[each].deleted_ms,
                earlier=versions,
                poll=loaded.polls.get(each),
            )
            for each, versions in zip(ids, earlier, strict=True)
            if each in loaded.tweets and each in stored
        ]

    async def marks(self, mark: Mark, user_id: int, *, after: int, limit: int) -> Sequence[Marked]:
        kind, found = _MARKS[mark], list[Row]()
        async for rows in kind.by_user.walk(self._tables, user_id, below=MAX_ID, above=after, step=limit, rising=True):
            found += await kind.standing_of_user(self._tables, user_id, rows)
            if len(found) >= limit:
                break
        return [Marked(row[0], row[1]) for row in found[:limit]]

    async def votes(self, user_id: int, *, after: int, limit: int) -> Sequence[Vote]:
        rows = await VOTES.first(
            self._tables, user_id, below=MAX_ID, above=after, limit=limit, wanted=lambda _row: True, rising=True
        )
        return [Vote(tweet_id, option) for tweet_id, option in rows]

    async def drafts(self, shelf: Shelf, user_id: int, *, after: int, limit: int) -> Sequence[Kept]:
        return await drafts.oldest(self._tables, user_id, shelf, after=after, limit=limit)

    async def pin(self, user_id: int) -> int:
        row = await self._tables.one("SELECT tweet_id FROM pins WHERE user_id = ?", user_id)
        pinned = int(row[0]) if row else 0
        # The pin of a deleted tweet stays and is none.
        return pinned if pinned and pinned in await records.exist(self._tables, [pinned]) else 0

    async def _earlier(self, ids: Sequence[int]) -> Sequence[Sequence[tuple[int, bytes]]]:
        rows = await self._tables.each("SELECT version, body FROM edits WHERE tweet_id = ?", [(each,) for each in ids])
        return [[(version, body) for version, body in each] for each in rows]
