"""The ports that remove for good, recount, and read all that is kept about one person."""

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


class Group(Enum):
    """Counters that are recounted together; the values are the tables that hold them."""

    TWEETS = "tweets"
    AUTHORS = "authors"
    POLLS = "poll_options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A counter that differs from the relations that it counts."""

    # The table and the column, such as "tweets.likes".
    counter: str
    entity_id: int
    # Which of a poll's options; 0 elsewhere.
    option: int = 0
    stored: int
    counted: int


@dataclass(frozen=True, slots=True)
class Recount:
    """A stretch that was recounted: how many counters, those that differ, and after which entity to go on."""

    examined: int
    drifts: Sequence[Drift]
    after: int | None


class CounterStore(Protocol):
    """Counters held against the relations, which are the truth."""

    async def recount(self, group: Group, *, after: int, limit: int) -> Recount:
        """Compare the counters of the next `limit` entities above `after`, all as of one moment.

        Writers don't wait for it, and what they change meanwhile is no drift.
        """

    async def repair(self, drift: Drift) -> bool:
        """Count that one again and store it; tell whether it still differed."""


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


class PersonalStore(Protocol):
    """All that is kept about one person, in stretches by rising id above `after`."""

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
