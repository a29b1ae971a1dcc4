"""The timeline of a list: its members' tweets by the rule of homes, merged at each read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Generic, TypeVar

from aviary import entries
from aviary._native import Sources
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.timelines import rule
from aviary.timelines.ports import Graph, Tweets

T = TypeVar("T")


class Curated(Generic[T]):
    """Pages of lists' timelines."""

    def __init__(self, graph: Graph, tweets: Tweets[T]) -> None:
        self._graph = graph
        self._tweets = tweets

    async def page(self, viewer_id: int, list_id: int, request: PageRequest) -> Page[T]:
        members = Sources(await self._graph.members(list_id, viewer_id=viewer_id))
        candidates = partial(self._candidates, members, request.above)
        return await fill(request, candidates, partial(self._show, viewer_id, members))

    async def _candidates(self, members: Sources, above: int, below: int, count: int) -> Candidates:
        rows = await self._tweets.entries(members.ids(), below=below, above=above, limit=count)
        is_end = len(rows) < count * entries.ROW_BYTES
        found = [entry.id for entry in entries.unpack(rows) if rule.admits(members, entry)]
        return Candidates(found, None if is_end else entries.last_id(rows))

    async def _show(self, viewer_id: int, members: Sources, candidates: Sequence[int]) -> Sequence[tuple[int, T]]:
        shown = await self._tweets.hydrate(viewer_id, candidates)
        # Nobody follows the members for being on a list, so one who is protected may be closed to the viewer.
        return await rule.once(self._tweets, members, shown, viewer_id=viewer_id)
