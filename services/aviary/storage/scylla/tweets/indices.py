"""The indices of tweets on ScyllaDB."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from aviary.paging import PageRequest
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.listings import HASHTAGS, MENTIONS, Listing, Owner
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Marks
from aviary.storage.scylla.writes import Writer
from aviary.surfaces import Index
from aviary.tweets.indices.store import Place

_LISTINGS: Mapping[Index, Listing] = {Index.MENTIONS: MENTIONS, Index.HASHTAG: HASHTAGS}
_MARKS: Mapping[Index, Marks] = {Index.LIKES: LIKES, Index.BOOKMARKS: BOOKMARKS}
_STEP = 20

# Those of a stretch of rows that stand, as places.
_Standing = Callable[[Sequence[Row]], Awaitable[Sequence[Place]]]


class ScyllaIndexStore:
    """Keeps IndexStore's promises."""

    def __init__(self, writer: Writer) -> None:
        self._tables = writer.tables

    async def places(self, index: Index, owner: int | str, page: PageRequest, *, since_id: int) -> Sequence[Place]:
        if index in _MARKS:
            return await self._marked(_MARKS[index], int(owner), page, since_id)

        async def named(rows: Sequence[Row]) -> Sequence[Place]:
            return [Place(row[0], row[0]) for row in rows if index is Index.HASHTAG or row[1]]

        return await self._places(_LISTINGS[index], owner, page, max(page.above, since_id), named)

    async def pins(self, user_ids: Sequence[int]) -> Sequence[int]:
        statement = "SELECT user_id, tweet_id FROM pins WHERE user_id IN ?"
        answers = await self._tables.each(statement, [(some,) for some in pieces(set(user_ids))])
        pinned = {user_id: tweet_id for rows in answers for user_id, tweet_id in rows if tweet_id}
        existing = await records.exist(self._tables, set(pinned.values()))
        return [tweet_id if (tweet_id := pinned.get(user_id, 0)) in existing else 0 for user_id in user_ids]

    async def _marked(self, marks: Marks, user_id: int, page: PageRequest, since_id: int) -> Sequence[Place]:
        # Also the place of what was taken back, which the truth keeps.
        since = (await marks.one(self._tables, user_id, since_id)).id or since_id if since_id else 0

        async def standing(rows: Sequence[Row]) -> Sequence[Place]:
            found = await marks.standing_of_user(self._tables, user_id, rows)
            return [Place(row[0], row[1]) for row in found]

        return await self._places(marks.by_user, user_id, page, max(page.above, since), standing)

    async def _places(
        self, listing: Listing, owner: Owner, page: PageRequest, above: int, standing: _Standing
    ) -> Sequence[Place]:
        found: list[Place] = []
        step = max(page.limit, _STEP)
        async for rows in listing.walk(self._tables, owner, below=page.below, above=above, step=step):
            found += await _existing(self._tables, await standing(rows))
            if len(found) >= page.limit:
                break
        return found[: page.limit]


async def _existing(tables: Tables, places: Sequence[Place]) -> Sequence[Place]:
    existing = await records.exist(tables, {each.tweet_id for each in places})
    return [each for each in places if each.tweet_id in existing]
