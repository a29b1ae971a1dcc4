"""The ports that keep what people do with tweets, and their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.paging import PageRequest
from aviary.rpc.call import Claim


@dataclass(frozen=True, slots=True)
class Engaged:
    """Somebody who engaged with a tweet, and where they stand in the list of those who did."""

    position: int
    user_id: int


class EngagementStore(Protocol):
    """Bookmarks, pins, and who likes and retweets; with exact counters.

    Whatever tells whether it changed something tells no for the repeat of a claim.
    """

    async def settled(self, claim: Claim) -> bool:
        """Tell whether `claim` was used before. Raises Conflict for another body."""

    async def bookmark(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Make a bookmark active, with event and count; tell whether it was not.

        Raises NotFound for a deleted tweet.
        """

    async def remove_bookmark(self, tweet_id: int, user_id: int) -> None:
        """Make a bookmark inactive, with event and count; nothing when it is.

        A retweet stands for its original. The tweet may be deleted.
        """

    async def pin(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Put a tweet in the place of what the user pinned, with event; tell whether it was not there.

        Raises NotFound for a deleted tweet.
        """

    async def unpin(self, tweet_id: int, user_id: int) -> None:
        """Take the pin off, with event, when it is on this tweet."""

    async def likers(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        """Return up to `page.limit` people who like the tweet, newest like first, within the bounds of `page`."""

    async def retweeters(self, tweet_id: int, page: PageRequest) -> Sequence[Engaged]:
        """Return up to `page.limit` people whose retweet exists, newest first, within the bounds of `page`."""


class PollStore(Protocol):
    """Votes, each person's once, with exact counts."""

    async def vote(self, tweet_id: int, user_id: int, option: int, *, claim: Claim | None) -> bool:
        """Count a vote, with its event; tell whether it is new. The same vote again is none.

        Raises NotFound for a deleted tweet, FailedPrecondition without a poll,
        after its end and for another vote, InvalidInput for an option that it doesn't have.
        """
