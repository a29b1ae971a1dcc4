"""Business time: the real clock plus an offset that only ever grows, so that tests can move it."""

from __future__ import annotations

import threading
import time


class Clock:
    """Milliseconds since the Unix epoch that never step back within one process.

    Tokens, leases and deadlines stay on real time; what users see runs on this.
    """

    def __init__(self) -> None:
        self._offset_ms = 0
        self._last_ms = 0
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        with self._lock:
            self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000 + self._offset_ms)
            return self._last_ms

    def advance(self, ms: int) -> None:
        """Move business time forward by `ms`; it cannot go back."""
        if ms < 0:
            raise ValueError(f"the clock moves forward only, not by {ms} ms")
        with self._lock:
            self._offset_ms += ms
