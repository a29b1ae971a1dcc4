"""The port that keeps follows, and its records."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from aviary.rpc.call import Claim


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did: whether the graph changed, and whether the follow waits for a protected account's answer."""

    changed: bool
    requested: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people follow a user, and how many the user follows."""

    followers: int
    following: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A user or a list at its position in a list that is paged, newest first."""

    position: int
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Whose tweets belong to a home; `ids` is None when the caller's version is current.

    `follow_version` rises whenever somebody may have been added, `sources_version`
    with every change; both rise at `valid_until_ms`, when the next mute ends, 0 for never.
    """

    sources_version: int
    follow_version: int
    ids: Sequence[int] | None
    valid_until_ms: int = 0


class GraphStore(Protocol):
    """Follow relations, both ways, with exact counts."""

    async def follow(self, follower_id: int, followee_id: int, *, protected: bool, claim: Claim | None) -> Change:
        """Make the relation active, with its event, counts and versions, in one commit; a request ends with it.

        With `protected` make a request instead, with its event, unless the
        relation is active. Changes nothing when it is there already, or when
        `claim` was settled before; a settled claim gives the first answer.
        Raises Forbidden when either blocks the other at that commit, Conflict
        when the claim's key came with another body.
        """

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        """Make the relation or the request inactive, with its event, counts and versions; nothing when neither is."""

    async def remove_follower(self, user_id: int, follower_id: int) -> Change:
        """Unfollow `user_id` in the name of `follower_id`; the event's actor is `user_id`."""

    async def are_following(self, pairs: Sequence[tuple[int, int]]) -> Sequence[bool]:
        """Tell for each (follower, followee) whether it is active, in the order asked for."""

    async def followers(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` users who follow `user_id`, newest follow first, from below a position."""

    async def following(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` users whom `user_id` follows, newest follow first, from below a position."""

    async def followers_among(self, user_id: int, candidates: Sequence[int]) -> AbstractSet[int]:
        """Return those of `candidates` who follow `user_id`; one look-up each."""

    async def follower_ids(self, user_id: int, *, after: int, limit: int) -> tuple[Sequence[int], int]:
        """Return up to `limit` followers with a position above `after`, oldest first, and where to go on."""

    async def few_followers(self, user_ids: Sequence[int], *, most: int) -> Sequence[Sequence[int] | None]:
        """Return everybody who follows each user, in the order asked for; None for those with more than `most`."""

    async def sources(self, viewer_id: int, *, if_version_not: int | None) -> Sources:
        """Return the viewer and everybody whom they follow and don't mute now, in no order, with the versions.

        Neither version ever falls, mutes that end and writes that meet such a
        mute included. At most one read of versions and two of relations.
        """

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        """Return exact counts in the order asked for, zeros for the unknown."""
