"""The ports that recount counters and read all that is kept about one person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A counter that differs from the relations that it counts."""

    # The group and the column, such as "tweets.likes".
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

    @property
    def groups(self) -> Sequence[str]:
        """The counters that are recounted together, by the name of what holds them."""

    async def recount(self, group: str, *, after: int, limit: int) -> Recount:
        """Compare the counters of the next `limit` entities above `after`, each as of one moment.

        Writers don't wait for it, and what they change meanwhile is no drift.
        """

    async def repair(self, drift: Drift) -> bool:
        """Count that one again and store it; tell whether it still differed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A few rows of one file of a person's export, each one JSON object."""

    file: str
    rows: Sequence[str]


class PersonalStore(Protocol):
    """All that is kept about one person, for that person to take away."""

    def of(self, user_id: int) -> AsyncIterator[Piece]:
        """Yield the files one after the other, each in pieces of bounded size and oldest first.

        A file that has no rows comes as one empty piece, so that its absence is never taken for an omission.
        """
