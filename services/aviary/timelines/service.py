"""The timelines' decisions."""

from __future__ import annotations

from typing import Generic, TypeVar

from aviary import texts
from aviary.errors import InvalidInput
from aviary.paging import MAX_LIMIT, Page, PageRequest
from aviary.timelines.authors import AuthorTimeline, filter_named
from aviary.timelines.collections import Collection, Collections
from aviary.timelines.curated import Curated
from aviary.timelines.home import Home
from aviary.timelines.ports import Graph, Tweets
from aviary.timelines.store import HeldTimelines

T = TypeVar("T")
ORDERS = ("latest",)


class TimelineService(Generic[T]):
    """Every list of tweets that a reader asks for, conversations apart."""

    def __init__(self, home: Home[T], graph: Graph, tweets: Tweets[T], held: HeldTimelines) -> None:
        self._home = home
        self._tweets = tweets
        self._collections = Collections(tweets)
        self._curated = Curated(graph, tweets)
        self._held = held

    async def home(self, viewer_id: int, request: PageRequest, *, order: str) -> Page[T]:
        if order not in ORDERS:
            raise InvalidInput(f"order is {texts.shown(order)}; it must be latest", fields={"order": "latest"})
        return await self._home.page(viewer_id, request)

    async def count_home(self, viewer_id: int, *, since_id: int) -> tuple[int, bool]:
        """Return how much of the home is newer than `since_id`, up to a full page, and whether there is more."""
        if since_id < 0:
            raise InvalidInput(f"since_id is {since_id}; ids are positive", fields={"since_id": "a positive id"})
        page = await self._home.page(viewer_id, PageRequest(limit=MAX_LIMIT, above=since_id))
        return len(page.items), page.next_below is not None

    async def user(self, viewer_id: int, user_id: int, request: PageRequest, *, filter_name: str) -> Page[T]:
        timeline = AuthorTimeline(self._tweets, viewer_id, user_id, filter_named(filter_name))
        return await timeline.page(request)

    async def collection(self, viewer_id: int, collection: Collection, request: PageRequest) -> Page[T]:
        return await self._collections.page(viewer_id, collection, request)

    async def curated(self, viewer_id: int, list_id: int, request: PageRequest) -> Page[T]:
        return await self._curated.page(viewer_id, list_id, request)

    async def drop_cache(self) -> int:
        return await self._held.clear()
