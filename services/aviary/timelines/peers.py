"""What timelines ask of the other services: the ports, in timelines' own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Following:
    """A viewer's sources as packed ids; `ids` is None when the version asked about is current."""

    sources_version: int
    follow_version: int
    ids: bytes | None


@dataclass(frozen=True, slots=True)
class Pulled:
    """The authors among the viewer's sources whom readers pull; None when the version asked about is current."""

    version: int
    ids: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(Generic[T_co]):
    """A tweet that the viewer may see; the original's fields are 0 when it is no retweet."""

    id: int
    tweet: T_co
    original_id: int
    original_author_id: int
    # Whom the original replies to, 0 for nobody.
    original_reply_to_user_id: int


class Graph(Protocol):
    """Who follows whom."""

    async def following(self, viewer_id: int, *, if_version_not: int | None) -> Following:
        """Return the viewer and everybody whom the viewer follows now."""


class Tiers(Protocol):
    """Which authors the fan-out leaves to readers."""

    async def pulled(self, author_ids: bytes, *, if_version_not: int | None) -> Pulled:
        """Return those of `author_ids` above the push tier."""


class Tweets(Protocol[T_co]):
    """Entries by author, and tweets by id."""

    async def entries(
        self,
        author_ids: bytes,
        *,
        below: int,
        above: int,
        limit: int,
        no_replies: bool = False,
        media_only: bool = False,
    ) -> bytes:
        """Return the newest rows of all authors together, newest first."""

    async def hydrate(self, viewer_id: int, ids: Sequence[int]) -> Sequence[Shown[T_co]]:
        """Return what the viewer may see of `ids`, in their order."""

    async def earliest_retweets(self, original_ids: Sequence[int], author_ids: bytes) -> Sequence[int]:
        """Return for each original the earliest existing retweet by one of `author_ids`, 0 for none."""


class People(Protocol):
    """Who exists."""

    async def exists(self, user_id: int) -> bool:
        """Tell whether there is such a user whom others may see."""
