"""The ports that the fan-out writes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from aviary.eventlog import Record


class Tier(IntEnum):
    """How an author's tweets reach their followers; the numbers are those of aviary.api.fanout.v1.Tier."""

    PUSH = 1
    MID = 2
    PULL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorTier:
    """An author's tier, and the first tweet that it holds for."""

    author_id: int
    tier: Tier
    from_id: int


class TierStore(Protocol):
    """The authors above the push tier."""

    async def raise_tier(self, tier: AuthorTier) -> None:
        """Store the tier with the next version; nothing when the author has that tier or a higher one."""

    async def version(self) -> int:
        """Return the number of the newest change, 0 for none."""

    async def all(self) -> Sequence[AuthorTier]:
        """Return every author above the push tier, by author id."""


class DeadLetters(Protocol):
    """Events whose effect was given up after retries, for an operator to look at and replay."""

    async def add(self, log: str, record: Record, error: str) -> None:
        """Keep the event's place and what went wrong; once per place."""

    async def count(self) -> int:
        """Return how many are kept."""


class WarmTimelines(Protocol):
    """Home timelines that were read lately, as the fan-out sees them."""

    async def append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        """Add one packed row to each owner's warm list; absent lists are passed over.

        Returns how many lists took it. Repeating is harmless. With
        `active_only`, lists not read within the active time are passed over too.
        """

    async def append_each(self, appends: Sequence[tuple[bytes, bytes]]) -> int:
        """Add its row to each of several groups of owners, as `append` does, whenever they read.

        Returns the sum. When it raises, some may have been added.
        """

    async def forget(self, owner_ids: bytes) -> None:
        """Make the owners' lists absent, so that their next read builds them from the store."""

    async def clear(self) -> int:
        """Make every list absent; returns how many there were."""
