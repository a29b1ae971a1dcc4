"""What stands in while Redis is away: answers stay right and cost more, and say so."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from aviary._native import Sources
from aviary.errors import Unavailable
from aviary.eventlog import insist
from aviary.fanout.store import WarmTimelines
from aviary.metrics import Metrics
from aviary.rpc.call import current_call
from aviary.rpc.limits import Limit, RateLimits, Usage
from aviary.storage.native.limits import NativeRateLimits
from aviary.storage.redis import bags
from aviary.timelines.store import HeldTimelines, ListKey, Piece

HEADER = "x-aviary-degraded"
# Nobody appends to lists of this process, so they serve whoever asked for them and those who ask with them.
_FRESH_S = 1.0
_LISTS = 256
# When the fan-out could not append for longer, what is warm is further behind than a rebuild would be.
_BEHIND_S = 5.0
_OURS = -1


class Droppable(WarmTimelines, Protocol):
    """Warm timelines that can be made absent at once, however many there are."""

    async def drop(self) -> None:
        """Make every list absent; their memory comes back later."""


class Marks:
    """Counts what is answered without Redis, and marks the answer of the call that is being served."""

    def __init__(self, metrics: Metrics) -> None:
        self._degraded = metrics.degraded

    def mark(self, what: str) -> None:
        self._degraded.labels(what).inc()
        if (call := current_call.get()) is not None:
            marks = {*call.headers.get(HEADER, what).split(","), what}
            call.headers[HEADER] = ",".join(sorted(marks))


@dataclass(frozen=True, slots=True)
class _Passing:
    rows: bytes
    floor: int
    until: float


class DegradedTimelines:
    """HeldTimelines whose lists are built from the tables for one reading while Redis is away."""

    def __init__(self, held: HeldTimelines, marks: Marks, *, fresh_s: float = _FRESH_S) -> None:
        self._held = held
        self._marks = marks
        self._fresh_s = fresh_s
        self._passing: OrderedDict[ListKey, _Passing] = OrderedDict()

    async def read(
        self, key: ListKey, *, sources: Sources, below: int, above: int, limit: int, extra: bytes
    ) -> Piece | None:
        try:
            return await self._held.read(key, sources=sources, below=below, above=above, limit=limit, extra=extra)
        except Unavailable:
            self._marks.mark("timelines")
        if (kept := self._kept(key)) is None:
            return None
        return bags.page(
            kept.rows,
            floor=kept.floor,
            upper=key.upper,
            sources=sources,
            below=below,
            above=above,
            limit=limit,
            extra=extra,
        )

    async def holds(self, key: ListKey) -> bool:
        try:
            return await self._held.holds(key)
        except Unavailable:
            return self._kept(key) is not None

    async def begin(self, key: ListKey) -> int:
        try:
            return await self._held.begin(key)
        except Unavailable:
            return _OURS

    async def finish(self, key: ListKey, token: int, rows: bytes, *, floor: int) -> bool:
        if token != _OURS:
            try:
                return await self._held.finish(key, token, rows, floor=floor)
            except Unavailable:
                # It went away in between; what was read is still good for this reader.
                self._marks.mark("timelines")
        self._passing[key] = _Passing(rows, floor, time.monotonic() + self._fresh_s)
        self._passing.move_to_end(key)
        while len(self._passing) > _LISTS:
            self._passing.popitem(last=False)
        return True

    async def abort(self, key: ListKey, token: int) -> None:
        if token != _OURS:
            try:
                await self._held.abort(key, token)
            except Unavailable:
                # It stays a list that is being built, until that has taken too long.
                self._marks.mark("timelines")

    async def clear(self) -> int:
        self._passing.clear()
        return await self._held.clear()

    def _kept(self, key: ListKey) -> _Passing | None:
        kept = self._passing.get(key)
        return kept if kept is not None and time.monotonic() < kept.until else None


class PatientTimelines:
    """WarmTimelines that wait for Redis: an event is done when its lists have it or are absent, and not before.

    So the log's offset stays where it is while Redis is away, and whoever dies
    meanwhile leaves nothing out. When it was away for long, all lists are made
    absent first: they would be behind until the fan-out has caught up.
    """

    def __init__(self, warm: Droppable, marks: Marks, *, behind_s: float = _BEHIND_S) -> None:
        self._warm = warm
        self._marks = marks
        self._behind_s = behind_s
        self._away_since: float | None = None
        self._recovering = asyncio.Lock()

    async def append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        return await insist(partial(self._append, owner_ids, row, active_only=active_only), what="warm timelines")

    async def append_each(self, appends: Sequence[tuple[bytes, bytes]]) -> int:
        return sum(await asyncio.gather(*(self.append(*each, active_only=False) for each in appends)))

    async def forget(self, owner_ids: bytes) -> None:
        await insist(partial(self._warm.forget, owner_ids), what="warm timelines")

    async def clear(self) -> int:
        return await insist(self._warm.clear, what="warm timelines")

    async def _append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        try:
            if self._away_since is not None:
                await self._catch_up()
            appended = await self._warm.append(owner_ids, row, active_only=active_only)
        except Unavailable:
            self._marks.mark("fanout")
            self._away_since = self._away_since or time.monotonic()
            raise
        self._away_since = None
        return appended

    async def _catch_up(self) -> None:
        async with self._recovering:
            away_since = self._away_since
            if away_since is not None and time.monotonic() - away_since > self._behind_s:
                await self._warm.drop()
                self._away_since = None


class DegradedRateLimits:
    """RateLimits that each process counts by itself while Redis is away: looser, but never lifted."""

    def __init__(self, limits: RateLimits, marks: Marks) -> None:
        self._limits = limits
        self._own = NativeRateLimits()
        self._marks = marks

    async def spend(self, limit: Limit, subject: str, units: int = 1) -> Usage:
        try:
            return await self._limits.spend(limit, subject, units)
        except Unavailable:
            self._marks.mark("limits")
        usage = await self._own.spend(limit, subject, units)
        # Below 0, so that what was spent here is given back here.
        return replace(usage, token=-usage.token)

    async def refund(self, limit: Limit, subject: str, token: int) -> None:
        if token < 0:
            await self._own.refund(limit, subject, -token)
            return
        try:
            await self._limits.refund(limit, subject, token)
        except Unavailable:
            # It stays spent until it leaves the window.
            self._marks.mark("limits")
