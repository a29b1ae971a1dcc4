"""Tiers on ScyllaDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aviary.fanout.store import AuthorTier, Tier
from aviary.storage.scylla.writes import Write, Writer

# What a process that answers readers knows of the tiers is at most so old; so long a raise waits for them.
_KNOWN_FOR_S = 0.25
# Of the clocks of two processes.
_SKEW_S = 1.0
# Changes in one partition.
_SLICE = 1_000


@dataclass(frozen=True, slots=True)
class _Raised:
    tier: AuthorTier
    at_ms: int


class ScyllaTierStore:
    """Keeps TierStore's promises for a fleet.

    Versions are counted, one for each raise, in turns: raises are rare. A
    process keeps all tiers and reads the raises that it doesn't know; since
    every page asks for the version, it does so now and then. Whoever raises a
    tier lets that time pass before the tier takes effect, so that no reader
    misses what was not pushed to them.
    """

    def __init__(self, writer: Writer, *, known_for_s: float = _KNOWN_FOR_S) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._known_for_s = known_for_s
        self._authors: dict[int, _Raised] = {}
        self._by_author: Sequence[AuthorTier] = []
        # The newest version among them, and until when there need be none newer.
        self._version, self._until = 0, 0.0
        # Those whose raise has taken effect as far as this process knows.
        self._in_effect: dict[int, Tier] = {}
        self._learning = asyncio.Lock()

    async def raise_tier(self, tier: AuthorTier) -> None:
        if self._in_effect.get(tier.author_id, Tier.PUSH) >= tier.tier:
            return
        pause_s = await self._writer.in_turn("tiers", lambda write: self._raise(write, tier))
        await asyncio.sleep(pause_s)
        # From here on whoever asks is told of it; whoever asked before has to ask again.
        await self._writer.news.tiers()
        self._in_effect[tier.author_id] = tier.tier

    async def version(self) -> int:
        if time.monotonic() >= self._until:
            await self._learn()
        return self._version

    async def all(self) -> Sequence[AuthorTier]:
        await self._learn()
        if len(self._by_author) != len(self._authors):
            self._by_author = [self._authors[each].tier for each in sorted(self._authors)]
        return self._by_author

    async def _raise(self, write: Write, tier: AuthorTier) -> float:
        """Write the raise, unless it was made; return how long to wait until every reader knows."""
        await self._learn()
        held = self._authors.get(tier.author_id)
        if held is not None and held.tier.tier >= tier.tier:
            # Whoever raised it may have died before the time had passed.
            passed_s = time.time() - held.at_ms / 1_000
            return min(max(0.0, self._known_for_s + _SKEW_S - passed_s), self._known_for_s + _SKEW_S)
        version = self._version + 1
        write.put(
            "tiers",
            slice=version // _SLICE,
            version=version,
            author_id=tier.author_id,
            tier=int(tier.tier),
            from_id=tier.from_id if held is None else held.tier.from_id,
            raised_ms=time.time_ns() // 1_000_000,
        )
        return self._known_for_s

    async def _learn(self) -> None:
        """Read the raises that are not known yet. A slice that is full has another behind it."""
        async with self._learning:
            until = time.monotonic() + self._known_for_s
            reached = -1
            while (self._version + 1) // _SLICE > reached:
                reached = (self._version + 1) // _SLICE
                rows = await self._tables.rows(
                    "SELECT version, author_id, tier, from_id, raised_ms FROM tiers WHERE slice = ? AND version > ?",
                    *(reached, self._version),
                )
                for version, author_id, tier, from_id, at_ms in rows:
                    raised = AuthorTier(author_id=author_id, tier=Tier(tier), from_id=from_id)
                    self._authors[author_id] = _Raised(raised, at_ms)
                    self._version = version
                if rows:
                    self._by_author = []
            self._until = until
