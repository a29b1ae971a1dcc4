"""The port that keeps lists of users, and its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol

from aviary.graph.store import Placed
from aviary.rpc.call import Claim

MAX_LISTS = 1_000
MAX_MEMBERS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UserList:
    """A list as it stands, with exact counts."""

    id: int
    owner_id: int
    name: str
    description: str
    private: bool
    created_ms: int
    version: int
    members: int
    followers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanges:
    """What to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    private: bool | None = None


class ListStore(Protocol):
    """Lists, their members and their followers. Each write that changes something emits LIST_CHANGED."""

    async def create(
        self, owner_id: int, *, name: str, description: str, private: bool, claim: Claim | None
    ) -> tuple[int, bool]:
        """Store a list and return its id, and whether a settled claim gave the first one again.

        Raises RateLimited when the owner has 1,000 lists, also under concurrency.
        """

    async def update(self, list_id: int, owner_id: int, changes: ListChanges) -> None:
        """Apply `changes`; nothing happens when they change nothing. Raises NotFound when it isn't the owner's list."""

    async def delete(self, list_id: int, owner_id: int) -> None:
        """Delete a list: gone at the commit, its rows soon after. Raises NotFound when it isn't the owner's list."""

    async def sweep(self) -> bool:
        """Remove some of what is left of deleted lists; tell whether there may be more. Safe to repeat at any time."""

    async def get_many(self, list_ids: Sequence[int]) -> Mapping[int, UserList]:
        """Return the lists that exist, by id."""

    async def owned(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` lists of an owner, newest first; the position is the id."""

    async def add_member(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Put a user on a list; tell whether they weren't.

        Raises RateLimited when 5,000 are, also under concurrency, NotFound when
        the list is gone or its owner and the user block one another.
        """

    async def remove_member(self, list_id: int, user_id: int, *, actor_id: int) -> bool:
        """Take a user off a list; tell whether they were on it."""

    async def follow(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        """Make a user follow a list; tell whether they didn't.

        Raises NotFound when the list is gone, or private and another's, or its owner and the user block one another.
        """

    async def unfollow(self, list_id: int, user_id: int) -> bool:
        """Make a user stop following a list; tell whether they did."""

    async def members(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` members, newest first, from below a position."""

    async def followers(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` followers, newest first, from below a position."""

    async def memberships(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` lists that the user is on, newest membership first, from below a position."""

    async def followed(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        """Return up to `limit` lists that the user follows, newest follow first, from below a position."""

    async def followed_among(self, user_id: int, list_ids: Sequence[int]) -> AbstractSet[int]:
        """Return those of the lists that the user follows."""
