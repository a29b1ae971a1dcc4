"""Business time: the real clock plus an offset that only ever grows, so that tests can move it."""

from __future__ import annotations

from aviary import _native


class Clock:
    """Milliseconds since the Unix epoch that never step back within one process.

    Tokens, leases and deadlines stay on real time; what users see runs on this.
    """

    def __init__(self) -> None:
        # The core answers by it, too.
        self.core = _native.Clock()

    def now_ms(self) -> int:
        return self.core.now_ms()

    def advance(self, ms: int) -> None:
        """Move business time forward by `ms`; it cannot go back."""
        if ms < 0:
            raise ValueError(f"the clock moves forward only, not by {ms} ms")
        self.core.advance(ms)
