"""The home timeline: merged from held lists, once only, down to the very first tweet.

The rule. A viewer's sources are the viewer and whom they follow now. To the
home belong the sources' originals, quotes and retweets, and those of their
replies whose counterpart is a source too. An original and its retweets appear
once: where the original itself belongs to the home, its retweets are hidden;
else the earliest existing retweet by a source stands for it. Nothing else
decides: neither caches, nor page size, nor what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

from aviary import entries
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.timelines.lists import HomeLists
from aviary.timelines.peers import Shown, Tweets
from aviary.timelines.sources import HomeSources, SourcesByViewer
from aviary.timelines.store import LIVE, ListKey, Piece

T = TypeVar("T")
# Stretches without a candidate that one request walks over before it answers with a cursor.
_EMPTY_STRETCHES = 16


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
        earliest = await self._earliest(shown, sources)
        return [
            (each.id, each.tweet) for each in shown if not each.original_id or earliest.get(each.original_id) == each.id
        ]

    async def _earliest(self, shown: Sequence[Shown[T]], sources: HomeSources) -> dict[int, int]:
        """Return the retweet that stands for each original which is not in this home itself; one look-up."""
        originals = sorted({each.original_id for each in shown if each.original_id and not _stands(each, sources)})
        if not originals:
            return {}
        found = await self._tweets.earliest_retweets(originals, sources.packed)
        return dict(zip(originals, found, strict=True))


class _Walk(Generic[T]):
    """One request's way down a viewer's home, from list to list."""

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
        found = Candidates([], below)
        for _ in range(_EMPTY_STRETCHES):
            if found.ids or found.below is None:
                break
            found = await self._stretch(found.below, count)
        return found

    async def _stretch(self, below: int, count: int) -> Candidates:
        extra = await self._pulled(below, count)
        # When the pulled authors have more than was asked for, the answer is complete only as far as theirs.
        is_cut = len(extra) == count * entries.ROW_BYTES
        above = max(self._above, entries.last_id(extra) - 1) if is_cut else self._above
        piece = await self._read(below, above, count, extra)
        found = [each.id for each in entries.unpack(piece.rows)]
        if len(found) == count:
            return Candidates(found, found[-1])
        if piece.reach > above + 1:
            # The list ends above what was asked for: the next one begins where it ends.
            self._uppers.append(piece.reach)
            return Candidates(found, piece.reach)
        return Candidates(found, above + 1 if is_cut else None)

    async def _pulled(self, below: int, count: int) -> bytes:
        if self._uppers[-1] != LIVE:
            return b""
        return await self._tweets.entries(self._sources.pulled, below=below, above=self._above, limit=count)

    async def _read(self, below: int, above: int, count: int, extra: bytes) -> Piece:
        key = ListKey(viewer_id=self._viewer_id, upper=self._uppers[-1], version=self._sources.follow_version)
        return await self._lists.read(key, self._sources, below=below, above=above, limit=count, extra=extra)


def _stands(retweet: Shown[T], sources: HomeSources) -> bool:
    """Tell whether the original of a retweet belongs to the home itself."""
    reply_to = retweet.original_reply_to_user_id
    return retweet.original_author_id in sources.sources and (not reply_to or reply_to in sources.sources)
