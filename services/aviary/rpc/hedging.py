"""When a call is late: later than nearly all of the same kind were lately."""

from __future__ import annotations

from collections import deque

_REMEMBERED = 200
# Fewer say nothing yet, and so often what is remembered is sorted again.
_ENOUGH = 20


class Latencies:
    """How long the last answers to one method took."""

    def __init__(self, *, quantile: float, floor_s: float) -> None:
        self._quantile = quantile
        self._floor_s = floor_s
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)
        self._since = 0
        self._late_s: float | None = None

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)
        self._since += 1
        if self._since >= _ENOUGH:
            self._since = 0
            ordered = sorted(self._seconds)
            self._late_s = max(self._floor_s, ordered[int(self._quantile * (len(ordered) - 1))])

    def late_s(self) -> float | None:
        """After how long a call is late; None while too few were seen."""
        return self._late_s
