"""Fills the front: reads from the other services what a page of a reader misses."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from aviary import entries, ids
from aviary._native import Front, Miss
from aviary.clock import Clock
from aviary.ids import MAX_ID
from aviary.timelines.lists import HomeLists
from aviary.timelines.ports import Fragments, Tweets
from aviary.timelines.sources import SourcesByViewer
from aviary.timelines.store import LIVE, ListKey

T = TypeVar("T")
# Of an author's own tweets so many are held; whoever reads on is served by the handlers.
AUTHOR_ROWS = 200


class Copies(Protocol):
    """Where the front's home lists come from when they are not its own."""

    async def copy(self, viewer_id: int, version: int) -> None:
        """Copy a viewer's list into the front. Raises Unavailable when there is none of this version."""


class Filler(Generic[T]):
    """Puts what a miss names. The front's clock is noted first, so that what changes meanwhile is not kept."""

    def __init__(
        self,
        front: Front,
        *,
        sources: SourcesByViewer,
        lists: HomeLists[T],
        tweets: Tweets[T],
        fragments: Fragments,
        clock: Clock,
        copies: Copies | None = None,
    ) -> None:
        self._front = front
        self._sources = sources
        self._lists = lists
        self._tweets = tweets
        self._fragments = fragments
        self._clock = clock
        self._copies = copies

    async def fill(self, viewer_id: int, miss: Miss) -> None:
        """Put all that `miss` names. Raises what the services raise; what was put until then stays."""
        then = self._front.now()
        if miss.home:
            await self._home(viewer_id, then)
        for author_id in ids.unpack(miss.authors):
            await self._author(author_id)
        if miss.choices or miss.tweets:
            found = await self._fragments.fragments(viewer_id, ids.unpack(miss.tweets))
            self._front.put(viewer_id, miss.tweets, found, then)
        if miss.originals:
            await self._earliest(viewer_id, miss.originals, then)

    async def _home(self, viewer_id: int, then: int) -> None:
        found = await self._sources.of(viewer_id)
        self._front.put_home(
            viewer_id,
            found.packed,
            follow_version=found.follow_version,
            pulled=found.pulled,
            valid_until_ms=found.valid_until_ms,
            then=then,
        )
        # Reading of it what nobody needs builds a list that is absent.
        key = ListKey(viewer_id=viewer_id, upper=LIVE, version=found.follow_version)
        await self._lists.read(key, found, below=MAX_ID, above=MAX_ID - 1, limit=1, extra=b"")
        if self._copies is not None:
            await self._copies.copy(viewer_id, found.follow_version)

    async def _author(self, author_id: int) -> None:
        # Begun before the store is read: a tweet committed meanwhile lands in the list, is read, or both.
        token = self._front.begin_author(author_id, self._clock.now_ms())
        try:
            rows = await self._tweets.entries(ids.pack([author_id]), below=MAX_ID, above=0, limit=AUTHOR_ROWS)
        except BaseException:
            self._front.abort_author(author_id, token)
            raise
        is_full = len(rows) == AUTHOR_ROWS * entries.ROW_BYTES
        floor = entries.last_id(rows) if is_full else 0
        self._front.finish_author(author_id, token, rows, floor=floor, now_ms=self._clock.now_ms())

    async def _earliest(self, viewer_id: int, originals: bytes, then: int) -> None:
        sources = await self._sources.of(viewer_id)
        found = await self._tweets.earliest_retweets(ids.unpack(originals), sources.sources.ids(), viewer_id=0)
        self._front.put_earliest(viewer_id, originals, ids.pack(found), then)
