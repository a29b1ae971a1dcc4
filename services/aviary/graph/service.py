"""The decisions about follows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from aviary.errors import InvalidInput, no_user
from aviary.graph.regard import Regards
from aviary.graph.store import Change, Counts, GraphStore, Placed, Sources
from aviary.graph.walk import walk
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Relationship:
    """Whether one follows the other, both ways."""

    following: bool
    followed_by: bool


@dataclass(frozen=True, slots=True)
class Audience:
    """How many follow a user, and who where they are few."""

    count: int
    ids: Sequence[int] = ()


class GraphService:
    """Follows, and the questions that others ask about them."""

    def __init__(self, store: GraphStore, regards: Regards) -> None:
        self._store = store
        self._regards = regards

    async def follow(self, follower_id: int, followee_id: int, *, claim: Claim | None) -> Change:
        must_differ(follower_id, followee_id, "follow")
        account = await self._regards.account(followee_id)
        return await self._store.follow(follower_id, followee_id, protected=account.protected, claim=claim)

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        must_differ(follower_id, followee_id, "unfollow")
        await self._regards.must_exist(followee_id)
        return await self._store.unfollow(follower_id, followee_id)

    async def remove_follower(self, user_id: int, follower_id: int) -> Change:
        must_differ(user_id, follower_id, "remove")
        await self._regards.must_exist(follower_id)
        return await self._store.remove_follower(user_id, follower_id)

    async def followers(self, viewer_id: int, user_id: int, page: PageRequest) -> Page[int]:
        await self._regards.must_open(viewer_id, user_id)
        return await walk(page, partial(self._followers, user_id), partial(self._regards.met, viewer_id))

    async def following(self, viewer_id: int, user_id: int, page: PageRequest) -> Page[int]:
        await self._regards.must_open(viewer_id, user_id)
        return await walk(page, partial(self._following, user_id), partial(self._regards.met, viewer_id))

    async def mutuals(self, viewer_id: int, user_id: int, page: PageRequest) -> Page[int]:
        """Page through those whom the viewer follows and who follow the user."""
        await self._regards.must_open(viewer_id, user_id)

        async def pick(candidates: Sequence[int]) -> AbstractSet[int]:
            # The viewer's own follows are few; whoever is asked about may have millions of followers.
            common = await self._store.followers_among(user_id, candidates)
            return await self._regards.met(viewer_id, sorted(common))

        return await walk(page, partial(self._following, viewer_id), pick)

    async def relationship(self, viewer_id: int, user_id: int, target_id: int) -> Relationship:
        """Tell how two people stand; about others, where a list that tells it is open to the viewer."""
        regard = await self._regards.of(viewer_id, sorted({user_id, target_id}))
        both_stand = all(each in regard.accounts and regard.accounts[each].stands for each in (user_id, target_id))
        is_listed = regard.meets(user_id) and regard.meets(target_id)
        is_told = is_listed and (regard.opens(user_id) or regard.opens(target_id))
        if not both_stand or not (is_told or viewer_id in {user_id, target_id}):
            raise no_user(user_id, target_id)
        following, followed_by = await self._store.are_following([(user_id, target_id), (target_id, user_id)])
        return Relationship(following=following, followed_by=followed_by)

    async def sources(self, viewer_id: int, *, if_version_not: int | None) -> Sources:
        return await self._store.sources(viewer_id, if_version_not=if_version_not)

    async def stream_followers(self, user_id: int, *, page_size: int) -> AsyncIterator[Sequence[int]]:
        """Yield the followers in pages, oldest follow first."""
        after = 0
        while True:
            ids, after = await self._store.follower_ids(user_id, after=after, limit=page_size)
            if ids:
                yield ids
            if len(ids) < page_size:
                return

    async def few_followers(self, user_ids: Sequence[int], *, most: int) -> Sequence[Audience]:
        """Return the followers of each who has at most so many, and how many all have; the rest is not read."""
        found = await self._store.few_followers(user_ids, most=most)
        many = [user_id for user_id, followers in zip(user_ids, found, strict=True) if followers is None]
        counts = dict(zip(many, await self.counts(many), strict=True))
        return [
            # A count that lags behind does not make them few.
            Audience(len(each), each) if each is not None else Audience(max(most + 1, counts[user_id].followers))
            for user_id, each in zip(user_ids, found, strict=True)
        ]

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        return await self._store.counts(user_ids) if user_ids else []

    async def _followers(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.followers(user_id, below=below, limit=count)

    async def _following(self, user_id: int, below: int, count: int) -> Sequence[Placed]:
        return await self._store.following(user_id, below=below, limit=count)


def must_differ(user_id: int, other_id: int, verb: str) -> None:
    """Raise InvalidInput for oneself."""
    if user_id == other_id:
        raise InvalidInput(f"user {user_id} cannot {verb} themselves", fields={"id": "somebody else's id"})
