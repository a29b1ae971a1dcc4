"""The ports that look after the graph as a whole: erasure, what is kept of a person, and counters recounted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Piece:
    """A few rows of one file of a person's export, each one JSON object."""

    file: str
    rows: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A counter that differed from the relations that it counts."""

    counter: str
    entity_id: int
    stored: int
    counted: int
    repaired: bool


@dataclass(frozen=True, slots=True)
class Recount:
    """What a piece of the recount found, and how many counters were looked at so far."""

    drifts: Sequence[Drift]
    examined: int


class GraphErasure(Protocol):
    """Removes a person whose account is gone."""

    async def erase(self, user_id: int) -> None:
        """Remove every row that names the user, in bounded steps, with the counts, versions and events of others.

        Nothing about the user is written afterwards, whoever was let in before.
        Safe to repeat, and to begin anew where a process stopped.
        """


class GraphRecords(Protocol):
    """What the graph keeps about a person, for that person to take away."""

    def of(self, user_id: int) -> AsyncIterator[Piece]:
        """Yield the files of a person one after the other, in pieces of bounded size, oldest first."""


class GraphCounters(Protocol):
    """Counters held against the relations that they count."""

    def recount(self, *, repair: bool) -> AsyncIterator[Recount]:
        """Recount everything in pieces; with `repair` correct what has drifted, each in one commit with its count.

        A write that happens meanwhile never looks like drift.
        """
