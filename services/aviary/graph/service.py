"""The graph's decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.errors import InvalidInput, NotFound
from aviary.graph.store import Change, Counts, GraphStore
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim


class People(Protocol):
    """What the graph asks of the users service."""

    async def exist(self, user_ids: Sequence[int]) -> bool:
        """Tell whether every one of `user_ids` is a user whom others may see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whose tweets belong to a home; `ids` is None when the caller's version is current."""

    sources_version: int
    follow_version: int
    ids: Sequence[int] | None


class GraphService:
    """Follows, and the questions that others ask about them."""

    def __init__(self, store: GraphStore, people: People) -> None:
        self._store = store
        self._people = people

    async def follow(self, follower_id: int, followee_id: int, *, claim: Claim | None) -> Change:
        if follower_id == followee_id:
            raise InvalidInput(f"user {follower_id} cannot follow themselves", fields={"id": "somebody else's id"})
        await self._must_exist(followee_id)
        return await self._store.follow(follower_id, followee_id, claim=claim)

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        if follower_id == followee_id:
            raise InvalidInput(f"user {follower_id} cannot unfollow themselves", fields={"id": "somebody else's id"})
        await self._must_exist(followee_id)
        return await self._store.unfollow(follower_id, followee_id)

    async def followers(self, user_id: int, page: PageRequest) -> Page[int]:
        await self._must_exist(user_id)
        return await self._store.followers(user_id, page)

    async def following(self, user_id: int, page: PageRequest) -> Page[int]:
        await self._must_exist(user_id)
        return await self._store.following(user_id, page)

    async def relationship(self, user_id: int, target_id: int) -> tuple[bool, bool]:
        """Whether `user_id` follows `target_id`, and the other way round."""
        await self._must_exist(user_id, target_id)
        following, followed_by = await self._store.are_following([(user_id, target_id), (target_id, user_id)])
        return following, followed_by

    async def sources(self, viewer_id: int, *, if_version_not: int | None) -> Sources:
        # The version is read first: a follow that lands in between makes the next read ask again.
        versions = await self._store.versions(viewer_id)
        unchanged = versions.sources == if_version_not
        ids = None if unchanged else [viewer_id, *await self._store.following_ids(viewer_id)]
        return Sources(sources_version=versions.sources, follow_version=versions.follow, ids=ids)

    async def stream_followers(self, user_id: int, *, page_size: int) -> AsyncIterator[Sequence[int]]:
        """Yield the followers in pages, oldest follow first."""
        after = 0
        while True:
            ids, after = await self._store.follower_ids(user_id, after=after, limit=page_size)
            if ids:
                yield ids
            if len(ids) < page_size:
                return

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        return await self._store.counts(user_ids) if user_ids else []

    async def _must_exist(self, *user_ids: int) -> None:
        if not await self._people.exist(sorted(set(user_ids))):
            raise NotFound(f"there is no user {' or '.join(map(str, user_ids))}")
