"""The home timeline: merged from held lists, by the rule, down to the very first tweet.

A viewer's sources are the viewer and those whom they follow and don't mute now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

from aviary import entries
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.timelines import rule
from aviary.timelines.lists import HomeLists
from aviary.timelines.ports import Tweets
from aviary.timelines.sources import HomeSources, SourcesByViewer
from aviary.timelines.store import LIVE, ListKey, Piece

T = TypeVar("T")


class Home(Generic[T]):
    """Pages of home timelines."""

    def __init__(self, sources: SourcesByViewer, lists: HomeLists[T], tweets: Tweets[T]) -> None:
        self._sources = sources
        self._lists = lists
        self._tweets = tweets

    async def page(self, viewer_id: int, request: PageRequest) -> Page[T]:
        sources = await self._sources.of(viewer_id)
        walk = _Walk(viewer_id, sources, self._lists, self._tweets, request)
        page = await fill(request, walk.candidates, partial(self._show, viewer_id, sources))
        return page if page.next_below is None else replace(page, hint=walk.list_at(page.next_below))

    async def _show(self, viewer_id: int, sources: HomeSources, candidates: Sequence[int]) -> Sequence[tuple[int, T]]:
        shown = await self._tweets.hydrate(viewer_id, candidates)
        return await rule.once(self._tweets, sources.sources, shown)


class _Walk(Generic[T]):
    """One request's way down a viewer's home, from list to list; each stretch builds one list at most."""

    def __init__(
        self, viewer_id: int, sources: HomeSources, lists: HomeLists[T], tweets: Tweets[T], request: PageRequest
    ) -> None:
        self._viewer_id = viewer_id
        self._sources = sources
        self._lists = lists
        self._tweets = tweets
        self._above = request.above
        # The upper ends of the lists read, newest first.
        self._uppers = [request.hint or LIVE]

    def list_at(self, below: int) -> int:
        """Return the list in which a page that starts below `below` begins; 0 for the live one."""
        upper = min(upper for upper in self._uppers if upper >= below)
        return 0 if upper == LIVE else upper

    async def candidates(self, below: int, count: int) -> Candidates:
        # A list that is gone would be built from its upper end, perhaps far above what is asked for.
        if below < self._uppers[-1] and not await self._lists.holds(self._key()):
            self._uppers[-1] = below
        extra = await self._pulled(below, count)
        # When the pulled authors have more than was asked for, the answer is complete only as far as theirs.
        is_cut = len(extra) == count * entries.ROW_BYTES
        above = max(self._above, entries.last_id(extra) - 1) if is_cut else self._above
        piece = await self._read(below, above, count, extra)
        found = [each.id for each in entries.unpack(piece.rows)]
        if len(found) == count:
            return Candidates(found, found[-1])
        if piece.reach > above + 1:
            # The list ends above what was asked for: the next one begins where it ends, but not above `below`.
            self._uppers.append(min(piece.reach, below))
            return Candidates(found, self._uppers[-1])
        return Candidates(found, above + 1 if is_cut else None)

    async def _pulled(self, below: int, count: int) -> bytes:
        if self._uppers[-1] != LIVE:
            return b""
        return await self._tweets.entries(self._sources.pulled, below=below, above=self._above, limit=count)

    async def _read(self, below: int, above: int, count: int, extra: bytes) -> Piece:
        return await self._lists.read(self._key(), self._sources, below=below, above=above, limit=count, extra=extra)

    def _key(self) -> ListKey:
        return ListKey(viewer_id=self._viewer_id, upper=self._uppers[-1], version=self._sources.follow_version)
