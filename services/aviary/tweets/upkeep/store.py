"""The ports that remove for good, and read what one person wrote and did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aviary.tweets.drafts.store import Kept, Shelf
from aviary.tweets.store import Poll, Tweet


class RemovalStore(Protocol):
    """Physical removal, a bounded number of rows at a time, so that nobody's write waits long."""

    async def purge(self, before_ms: int, *, rows: int) -> int:
        """Remove about `rows` rows of tweets deleted before `before_ms` and of what hangs on them; 0 when none is left.

        Retweets of them are deleted as tweets are, with event and counters.
        Replies below them keep their place in the conversation.
        """

    async def erase(self, user_id: int, *, rows: int) -> int:
        """Remove about `rows` rows of what is kept about a user; 0 when nothing is left.

        Each step is whole: counters, events and rows agree after it.
        """


class Mark(Enum):
    """What a person may put on a tweet."""

    LIKE = "likes"
    BOOKMARK = "bookmarks"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTweet:
    """A person's own tweet with all that hangs on it; `earlier` are the texts that edits replaced, by version."""

    tweet: Tweet
    deleted_ms: int
    earlier: Sequence[tuple[int, bytes]]
    poll: Poll | None


@dataclass(frozen=True, slots=True)
class Marked:
    """A like or a bookmark; its id holds the time."""

    id: int
    tweet_id: int


@dataclass(frozen=True, slots=True)
class Vote:
    """A person's vote; what the option says is the poll's author's."""

    tweet_id: int
    option: int


class OwnStore(Protocol):
    """What one person wrote and did to tweets, in stretches by rising id above `after`."""

    async def tweets(self, user_id: int, *, after: int, limit: int, retweets: bool) -> Sequence[OwnTweet]:
        """Return retweets or all others, those included that are deleted and not removed yet."""

    async def marks(self, mark: Mark, user_id: int, *, after: int, limit: int) -> Sequence[Marked]:
        """Return what stands, oldest first."""

    async def votes(self, user_id: int, *, after: int, limit: int) -> Sequence[Vote]:
        """Return votes by tweet."""

    async def drafts(self, shelf: Shelf, user_id: int, *, after: int, limit: int) -> Sequence[Kept]:
        """Return what is on a shelf."""

    async def pin(self, user_id: int) -> int:
        """Return the pinned tweet, 0 for none."""
