"""What one author tweeted, as far as it is open to the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from aviary import entries, ids, texts
from aviary.errors import InvalidInput, NotFound
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.surfaces import Surface
from aviary.timelines.ports import Tweets

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a user timeline leaves out."""

    no_replies: bool = False
    media_only: bool = False


FILTERS = {"all": Filter(), "no_replies": Filter(no_replies=True), "media": Filter(media_only=True)}


def filter_named(name: str) -> Filter:
    """Return the filter that a caller named."""
    if name not in FILTERS:
        allowed = ", ".join(FILTERS)
        raise InvalidInput(f"filter is {texts.shown(name)}; it must be one of {allowed}", fields={"filter": allowed})
    return FILTERS[name]


class AuthorTimeline(Generic[T]):
    """One request for one author's tweets."""

    def __init__(self, tweets: Tweets[T], viewer_id: int, author_id: int, wanted: Filter) -> None:
        self._tweets = tweets
        self._viewer_id = viewer_id
        self._author_id = author_id
        self._wanted = wanted
        # A tweet that is shown proves its author open, so only who shows none is asked about.
        self._is_open = False

    async def page(self, request: PageRequest) -> Page[T]:
        page = await fill(request, partial(self._candidates, request.above), self._show)
        await self._must_be_open()
        return page

    async def _candidates(self, above: int, below: int, count: int) -> Candidates:
        rows = await self._tweets.entries(
            ids.pack([self._author_id]),
            below=below,
            above=above,
            limit=count,
            no_replies=self._wanted.no_replies,
            media_only=self._wanted.media_only,
        )
        found = [entry.id for entry in entries.unpack(rows)]
        return Candidates.stretch(found, of=count)

    async def _show(self, candidates: Sequence[int]) -> Sequence[tuple[int, T]]:
        shown = await self._tweets.hydrate(self._viewer_id, candidates, Surface.ASKED)
        self._is_open = self._is_open or bool(shown)
        # Asked before the page is refilled, or a closed author would cost every round of it.
        await self._must_be_open()
        return [(each.id, each.tweet) for each in shown]

    async def _must_be_open(self) -> None:
        self._is_open = self._is_open or await self._tweets.is_readable(self._author_id, viewer_id=self._viewer_id)
        if not self._is_open:
            raise NotFound(f"there is no user {self._author_id} whose tweets are open to you")
