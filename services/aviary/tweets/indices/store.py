"""The port that reads tweets by who is in them and who kept them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.paging import PageRequest
from aviary.surfaces import Index


@dataclass(frozen=True, slots=True)
class Place:
    """A tweet, and where it stands in an index."""

    position: int
    tweet_id: int


class IndexStore(Protocol):
    """Ordered stretches of indices; who may see what is not decided here."""

    async def places(self, index: Index, owner: int | str, page: PageRequest, *, since_id: int) -> Sequence[Place]:
        """Return up to `page.limit` existing tweets within the bounds of `page`, highest position first.

        `owner` is the user, or for HASHTAG the tag's key. With `since_id`, 0 for
        none, only what stands above that tweet: above the position that it has
        or last had, and when it never had one, above its id. One read.
        """

    async def pins(self, user_ids: Sequence[int]) -> Sequence[int]:
        """Return what each pinned, in the order asked for; 0 for nothing and for a tweet that is gone."""
