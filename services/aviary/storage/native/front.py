"""The front of this process: what hot reads are answered from, told of every write before it is acknowledged."""

from __future__ import annotations

import logging

from prometheus_client import Gauge

from aviary._native import Front
from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.paging import Cursors
from aviary.rpc.ready import described
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.told import Told

_log = logging.getLogger("aviary.front")


class NativeFront:
    """Fragments and lists in the core; it dies with the process."""

    def __init__(
        self, timelines: NativeTimelines, clock: Clock, cursors: Cursors, metrics: Metrics, *, max_bytes: int
    ) -> None:
        self._clock = clock
        self.core = Front(
            timelines.core,
            clock=clock.core,
            descriptors=described("aviary.api.tweets.v1.Tweet"),
            cursor_key=cursors.key,
            max_bytes=max_bytes,
        )
        size = Gauge("aviary_front_bytes", "Memory of the fragments held for hot reads.", registry=metrics.registry)
        size.set_function(lambda: self.core.stats()["bytes"])

    def tell(self, told: Told) -> None:
        """Take in what a write changed; called by the writers, one at a time for each store."""
        try:
            if told.all:
                self.core.clear()
            self.core.apply(told.events, self._clock.now_ms())
        except Exception:  # noqa: BLE001 - whatever it is, nobody may be served what it leaves
            # Of two wrongs the smaller: all is read anew, and nothing that changed is shown as it was.
            _log.exception("front_not_told")
            self.core.clear()
