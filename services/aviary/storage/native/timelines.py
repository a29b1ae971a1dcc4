"""Home timelines in the core's store: one adapter for the worker that appends and the service that reads."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import Gauge

from aviary._native import Sources, TimelineStore
from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.timelines.store import ListKey, Piece


class NativeTimelines:
    """Keeps the promises of WarmTimelines and HeldTimelines; it dies with the process, and so do all lists."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        self.core = TimelineStore(
            capacity=settings.timeline_entries,
            idle_ttl_ms=settings.timeline_idle_s * 1000,
            max_bytes=settings.timeline_memory_bytes,
        )
        self._active_ms = settings.timeline_active_s * 1000
        self._clock = clock
        self._rebuilds = metrics.timeline_rebuilds
        # Only where they are in this process: Redis tells of its own memory.
        lists = Gauge("aviary_timeline_lists", "Timelines held, warm and deep.", registry=metrics.registry)
        lists.set_function(lambda: self.core.stats()["lists"])
        size = Gauge("aviary_timeline_bytes", "Memory of the timelines held.", registry=metrics.registry)
        size.set_function(lambda: self.core.stats()["bytes"])

    async def append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        within = self._active_ms if active_only else None
        return self.core.append(owner_ids, row, now_ms=self._clock.now_ms(), read_within_ms=within)

    async def append_each(self, appends: Sequence[tuple[bytes, bytes]]) -> int:
        return self.core.append_each(appends, now_ms=self._clock.now_ms())

    async def forget(self, owner_ids: bytes) -> None:
        self.core.forget(owner_ids)

    async def clear(self) -> int:
        held = self.core.stats()["lists"]
        self.core.clear()
        return held

    async def read(
        self, key: ListKey, *, sources: Sources, below: int, above: int, limit: int, extra: bytes
    ) -> Piece | None:
        found = self.core.page(
            key.viewer_id,
            version=key.version,
            sources=sources,
            below=below,
            above=above,
            limit=limit,
            extra=extra,
            now_ms=self._clock.now_ms(),
            upper=key.upper,
        )
        return None if found is None else Piece(*found)

    async def holds(self, key: ListKey) -> bool:
        now = self._clock.now_ms()
        return self.core.state(key.viewer_id, version=key.version, now_ms=now, upper=key.upper) != "absent"

    async def begin(self, key: ListKey) -> int:
        self._rebuilds.inc()
        return self.core.begin(key.viewer_id, version=key.version, now_ms=self._clock.now_ms(), upper=key.upper)

    async def finish(self, key: ListKey, token: int, rows: bytes, *, floor: int) -> bool:
        now = self._clock.now_ms()
        return self.core.finish(key.viewer_id, token, rows, floor=floor, now_ms=now, upper=key.upper)

    async def abort(self, key: ListKey, token: int) -> None:
        self.core.abort(key.viewer_id, token, upper=key.upper)

    def forget_idle(self) -> None:
        """Give back the memory of lists that nobody read within the idle time."""
        self.core.forget_idle(self._clock.now_ms())
