"""Rate limits in this process: an exact sliding window per subject, which the front counts in as well."""

from __future__ import annotations

from collections.abc import Callable

from aviary import _native
from aviary.rpc.limits import Limit, Usage


def _boottime_s() -> float:
    return _native.boottime_ns() / 1e9


class NativeRateLimits:
    """Keeps the time of each spent unit; a window never holds more than its limit.

    Costs O(1) amortised a unit and one entry of 16 bytes each. The longest
    unused subjects are forgotten above a million.
    """

    def __init__(self, *, now_s: Callable[[], float] = _boottime_s) -> None:
        # The front counts in it by the same clock.
        self.core = _native.RateLimits()
        self._now_s = now_s

    async def spend(self, limit: Limit, subject: str, units: int = 1) -> Usage:
        allowed, remaining, reset_s, token = self.core.spend(
            limit.name, limit.count, limit.window_s, subject, units, self._now_s()
        )
        return Usage(allowed=allowed, remaining=remaining, reset_s=reset_s, token=token)

    async def refund(self, limit: Limit, subject: str, token: int) -> None:
        self.core.refund(limit.name, subject, token)
