"""The port that holds home timelines, as their reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aviary._native import Sources
from aviary.ids import MAX_ID

# The upper end of the live list, which the fan-out appends to.
LIVE = MAX_ID


def longest(entries_kept: int) -> int:
    """Return how long a list may grow before it is trimmed to what is kept, so that trimming costs little an append."""
    return entries_kept + entries_kept // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKey:
    """One held list: the ids of a viewer's home below `upper`, built under a follow version."""

    viewer_id: int
    upper: int
    version: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows, newest first, and the id down to which nothing is missing; 0 for down to the first tweet."""

    rows: bytes
    reach: int


class HeldTimelines(Protocol):
    """Lists of home timelines. Absent is not empty: an absent list says nothing."""

    async def read(
        self, key: ListKey, *, sources: Sources, below: int, above: int, limit: int, extra: bytes
    ) -> Piece | None:
        """Merge the list with `extra` and return what belongs to the viewer's home; None when absent.

        Only rows whose author, and for a reply whose counterpart, is a source;
        no retweet of an original that is in the list's reach by right.
        """

    async def holds(self, key: ListKey) -> bool:
        """Tell whether the list is ready or being built; this is no read."""

    async def begin(self, key: ListKey) -> int:
        """Install the list as building, so that appends land in it; returns a token."""

    async def finish(self, key: ListKey, token: int, rows: bytes, *, floor: int) -> bool:
        """Add what the store gave, complete down to `floor`; False when another build took over."""

    async def abort(self, key: ListKey, token: int) -> None:
        """Make a list that could not be built absent."""

    async def clear(self) -> int:
        """Make every list absent; returns how many there were."""
