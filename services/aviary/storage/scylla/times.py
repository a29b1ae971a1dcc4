"""The timestamps of writes, microseconds since the Unix epoch, on real time."""

from __future__ import annotations

import threading
import time


class Timestamps:
    """Timestamps that rise strictly within a process, so that of two writes the later one stands."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self, after: int = 0) -> int:
        """Return a timestamp above every earlier one, and above `after`."""
        with self._lock:
            self._last = max(time.time_ns() // 1_000, self._last + 1, after + 1)
            return self._last
