"""The front of this process: what hot reads are answered from, told of every write before it is acknowledged."""

from __future__ import annotations

import logging

from prometheus_client import Gauge

from aviary._native import Front, TimelineStore
from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.paging import Cursors
from aviary.rpc.ready import described
from aviary.secrets import Secrets
from aviary.settings import Settings
from aviary.storage.told import Told

_log = logging.getLogger("aviary.front")


def front(
    lists: TimelineStore, settings: Settings, clock: Clock, secrets: Secrets, metrics: Metrics, *, is_shared: bool
) -> Front:
    """Return an empty front over home lists, bounded by the settings, with its gauges."""
    core = Front(
        lists,
        clock=clock.core,
        descriptors=described("aviary.api.tweets.v1.Tweet"),
        cursor_key=Cursors(secrets.derive("cursors")).key,
        is_shared=is_shared,
        max_bytes=settings.front_memory_bytes,
    )
    size = Gauge("aviary_front_bytes", "Memory of the fragments held for hot reads.", registry=metrics.registry)
    size.set_function(lambda: core.stats()["bytes"])
    return core


class NativeFront:
    """A front that is told of every write by those who make them."""

    def __init__(self, core: Front, clock: Clock) -> None:
        self.core = core
        self._clock = clock

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
