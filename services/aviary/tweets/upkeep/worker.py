"""Removes what is deleted for long, and what belongs to accounts that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aviary.clock import Clock
from aviary.eventlog import insist
from aviary.settings import Settings
from aviary.tweets.upkeep.store import RemovalStore

# Few enough that a step holds up other writes hardly longer than a group of them does.
_ROWS_A_STEP = 100
_PURGE_EVERY_S = 60.0


class Removal:
    """Erases people, and looks for tweets to purge once a minute."""

    def __init__(self, store: RemovalStore, *, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._purge_after_ms = settings.purge_after_s * 1000

    async def run(self) -> None:
        """Purge; runs until cancelled."""
        while True:
            await self.purge()
            await asyncio.sleep(_PURGE_EVERY_S)

    async def purge(self) -> None:
        """Remove every tweet that was deleted long enough ago."""
        before_ms = self._clock.now_ms() - self._purge_after_ms
        await _exhaust(partial(self._store.purge, before_ms, rows=_ROWS_A_STEP), what="purge")

    async def erase(self, user_id: int) -> None:
        """Remove all that is of this person, a step at a time."""
        await _exhaust(partial(self._store.erase, user_id, rows=_ROWS_A_STEP), what="erasure")


async def _exhaust(step: Callable[[], Awaitable[int]], *, what: str) -> None:
    while await insist(step, what=what):
        pass
