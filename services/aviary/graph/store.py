"""The port that keeps the graph, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did: whether the graph changed, and whether an idempotency key made it a repeat."""

    changed: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people follow a user, and how many the user follows."""

    followers: int
    following: int


@dataclass(frozen=True, slots=True)
class Versions:
    """`follow` rises with each follow of the viewer, `sources` with each follow and unfollow."""

    follow: int
    sources: int


class GraphStore(Protocol):
    """Follow relations, both ways, with exact counts."""

    async def follow(self, follower_id: int, followee_id: int, *, claim: Claim | None) -> Change:
        """Make the relation active, with its event, counts and versions, in one commit.

        Changes nothing when it is active already, or when `claim` was settled
        before. Raises Conflict when the claim's key came with another body.
        """

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        """Make the relation inactive, with its event, counts and versions; nothing when it is inactive."""

    async def are_following(self, pairs: Sequence[tuple[int, int]]) -> Sequence[bool]:
        """Tell for each (follower, followee) whether it is active, in the order asked for."""

    async def followers(self, user_id: int, page: PageRequest) -> Page[int]:
        """Return a page of the users who follow `user_id`, newest follow first; positions are follow ids."""

    async def following(self, user_id: int, page: PageRequest) -> Page[int]:
        """Return a page of the users whom `user_id` follows, newest follow first."""

    async def follower_ids(self, user_id: int, *, after: int, limit: int) -> tuple[Sequence[int], int]:
        """Return up to `limit` followers with a follow id above `after`, oldest first, and where to go on."""

    async def following_ids(self, user_id: int) -> Sequence[int]:
        """Return everybody whom `user_id` follows, in no order."""

    async def versions(self, user_id: int) -> Versions:
        """Return the versions of a viewer; zeros for somebody who never followed."""

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        """Return exact counts in the order asked for, zeros for the unknown."""
