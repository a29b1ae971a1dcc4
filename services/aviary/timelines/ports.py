"""What timelines ask of the other services: the ports, in timelines' own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aviary.surfaces import Index, Surface

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Following:
    """A viewer's sources as packed ids; `ids` is None when the version asked about is current."""

    sources_version: int
    follow_version: int
    ids: bytes | None
    # Business time at which a mute ends and the ids change by themselves, 0 for never.
    valid_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Pulled:
    """The authors among the viewer's sources whom readers pull; None when the version asked about is current."""

    version: int
    ids: bytes | None


@dataclass(frozen=True, slots=True)
class Indexed:
    """A stretch of an index, newest first: tweets, and their positions beside them."""

    ids: Sequence[int]
    positions: Sequence[int]


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
    """Who follows whom, and who is on which list."""

    async def following(self, viewer_id: int, *, if_version_not: int | None) -> Following:
        """Return the viewer and everybody whom the viewer follows and doesn't mute now."""

    async def members(self, list_id: int, *, viewer_id: int) -> bytes:
        """Return a list's members, without those whom the viewer blocks or mutes or is blocked by, as packed ids.

        Raises NotFound for a list that the viewer may not see.
        """


class Tiers(Protocol):
    """Which authors the fan-out leaves to readers."""

    async def pulled(self, author_ids: bytes, *, if_version_not: int | None) -> Pulled:
        """Return those of `author_ids` above the push tier."""


class Tweets(Protocol[T_co]):
    """Entries by author and by index, and tweets by id."""

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

    async def indexed(
        self, index: Index, *, below: int, limit: int, since_id: int, owner_id: int = 0, tag: str = ""
    ) -> Indexed:
        """Return a stretch of an index below a position and above where the tweet `since_id` stands, 0 for none."""

    async def hydrate(
        self, viewer_id: int, ids: Sequence[int], surface: Surface = Surface.SHOWN
    ) -> Sequence[Shown[T_co]]:
        """Return what the viewer may see of `ids`, in their order."""

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: bytes, *, viewer_id: int
    ) -> Sequence[int]:
        """Return for each original the earliest existing retweet by one of `author_ids`, 0 for none.

        Authors whose accounts don't stand are passed over and, with a viewer, those who are not open to them.
        """

    async def is_readable(self, author_id: int, *, viewer_id: int) -> bool:
        """Tell whether there is such an author and their tweets are open to the viewer."""


class Fragments(Protocol):
    """Tweets in parts."""

    async def fragments(self, viewer_id: int, tweet_ids: Sequence[int]) -> bytes:
        """Return an encoded aviary.api.tweets.v1.Fragments: the tweets, their authors, and the viewer's choices."""
