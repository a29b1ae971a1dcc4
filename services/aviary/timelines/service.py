"""The timelines' decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from aviary import entries, ids
from aviary.errors import InvalidInput, NotFound
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.timelines.home import Home
from aviary.timelines.peers import People, Tweets
from aviary.timelines.store import HeldTimelines

T = TypeVar("T")
ORDERS = ("latest",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a user timeline leaves out."""

    no_replies: bool = False
    media_only: bool = False


FILTERS = {"all": Filter(), "no_replies": Filter(no_replies=True), "media": Filter(media_only=True)}


class TimelineService(Generic[T]):
    """Home and user timelines."""

    def __init__(self, home: Home[T], tweets: Tweets[T], people: People, held: HeldTimelines) -> None:
        self._home = home
        self._tweets = tweets
        self._people = people
        self._held = held

    async def home(self, viewer_id: int, request: PageRequest, *, order: str) -> Page[T]:
        if order not in ORDERS:
            raise InvalidInput(f"order is {order!r}; it must be latest", fields={"order": "latest"})
        return await self._home.page(viewer_id, request)

    async def user(self, viewer_id: int, user_id: int, request: PageRequest, *, filter_name: str) -> Page[T]:
        if filter_name not in FILTERS:
            allowed = ", ".join(FILTERS)
            raise InvalidInput(f"filter is {filter_name!r}; it must be one of {allowed}", fields={"filter": allowed})
        if not await self._people.exists(user_id):
            raise NotFound(f"there is no user {user_id}")
        candidates = partial(self._of_author, ids.pack([user_id]), request.above, FILTERS[filter_name])
        return await fill(request, candidates, partial(self._show, viewer_id))

    async def drop_cache(self) -> int:
        return await self._held.clear()

    async def _of_author(self, author: bytes, above: int, wanted: Filter, below: int, count: int) -> Candidates:
        rows = await self._tweets.entries(
            author,
            below=below,
            above=above,
            limit=count,
            no_replies=wanted.no_replies,
            media_only=wanted.media_only,
        )
        found = [entry.id for entry in entries.unpack(rows)]
        return Candidates(found, found[-1] if len(found) == count else None)

    async def _show(self, viewer_id: int, candidates: Sequence[int]) -> Sequence[tuple[int, T]]:
        return [(each.id, each.tweet) for each in await self._tweets.hydrate(viewer_id, candidates)]
