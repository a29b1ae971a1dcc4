"""Collections: what an index of the tweets service holds, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from aviary import hashtags
from aviary.errors import InvalidInput
from aviary.paging import Candidates, Page, PageRequest, fill
from aviary.surfaces import Index, Surface
from aviary.timelines.ports import Tweets

T = TypeVar("T")
_MAX_TAG = 100
# In one's own collections nobody is muted: what one kept, one finds again.
_SURFACES = {Index.LIKES: Surface.ASKED, Index.BOOKMARKS: Surface.ASKED}


@dataclass(frozen=True, slots=True)
class Collection:
    """One stretch of an index: a user's, or a tag's."""

    index: Index
    owner_id: int = 0
    tag: str = ""


class Collections(Generic[T]):
    """Pages of collections; positions are those of the index."""

    def __init__(self, tweets: Tweets[T]) -> None:
        self._tweets = tweets

    async def page(self, viewer_id: int, collection: Collection, request: PageRequest) -> Page[T]:
        candidates = partial(self._candidates, collection, request.above)
        return await fill(request, candidates, partial(self._show, viewer_id, collection))

    async def _candidates(self, collection: Collection, since_id: int, below: int, count: int) -> Candidates:
        found = await self._tweets.indexed(
            collection.index,
            owner_id=collection.owner_id,
            tag=collection.tag,
            below=below,
            limit=count,
            since_id=since_id,
        )
        return Candidates.stretch(found.ids, of=count, positions=found.positions)

    async def _show(self, viewer_id: int, collection: Collection, candidates: Sequence[int]) -> Sequence[tuple[int, T]]:
        surface = _SURFACES.get(collection.index, Surface.SHOWN)
        return [(each.id, each.tweet) for each in await self._tweets.hydrate(viewer_id, candidates, surface)]


def tagged(tag: str) -> Collection:
    """Return the collection of a hashtag, written with or without its sign and in any case."""
    name = hashtags.key(tag).removeprefix("#")
    if not 1 <= len(name) <= _MAX_TAG:
        raise InvalidInput(
            f"tag has {len(name)} characters; it must have 1 to {_MAX_TAG}",
            fields={"tag": f"1 to {_MAX_TAG} characters"},
        )
    return Collection(Index.HASHTAG, tag=name)
