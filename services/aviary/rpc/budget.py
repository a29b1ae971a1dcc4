"""What may be spent on asking again: a share of the calls, so that a struggling service is not buried by retries."""

from __future__ import annotations


class RetryBudget:
    """Each call earns a share of a retry; what is not spent is kept, up to `burst`."""

    def __init__(self, *, share: float, burst: int) -> None:
        self._share = share
        self._burst = burst
        self._left = float(burst)

    def earn(self) -> None:
        self._left = min(self._burst, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False, and nothing taken, when less than one is left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
