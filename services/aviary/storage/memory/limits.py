"""Rate limits in this process: an exact sliding window per subject."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque

from aviary.rpc.limits import Limit, Usage

_MAX_SUBJECTS = 1_000_000


class MemoryRateLimits:
    """Keeps the time of each spent unit; a window never holds more than its limit.

    Costs O(1) amortised a unit and one deque entry each. The longest unused
    subjects are forgotten above a million.
    """

    def __init__(self) -> None:
        self._spent: OrderedDict[tuple[str, str], deque[tuple[float, int]]] = OrderedDict()
        self._tokens = itertools.count(1)

    async def spend(self, limit: Limit, subject: str, units: int = 1) -> Usage:
        now = time.monotonic()
        spent = self._window(limit, subject, now)
        left = limit.count - len(spent)
        if units > left:
            # So many of the oldest must leave the window first.
            last = min(units - left, len(spent)) - 1
            return Usage(allowed=False, remaining=left, reset_s=_reset_s(limit, spent, now, last), token=0)
        token = next(self._tokens)
        spent.extend([(now, token)] * units)
        return Usage(allowed=True, remaining=left - units, reset_s=_reset_s(limit, spent, now), token=token)

    async def refund(self, limit: Limit, subject: str, token: int) -> None:
        spent = self._spent.get((limit.name, subject), deque())
        # From the right: what is given back was nearly always spent just now.
        newer: list[tuple[float, int]] = []
        while spent and spent[-1][1] > token:
            newer.append(spent.pop())
        while spent and spent[-1][1] == token:
            spent.pop()
        spent.extend(reversed(newer))

    def _window(self, limit: Limit, subject: str, now: float) -> deque[tuple[float, int]]:
        key = (limit.name, subject)
        spent = self._spent.setdefault(key, deque())
        self._spent.move_to_end(key)
        while spent and spent[0][0] <= now - limit.window_s:
            spent.popleft()
        if len(self._spent) > _MAX_SUBJECTS:
            self._spent.popitem(last=False)
        return spent


def _reset_s(limit: Limit, spent: deque[tuple[float, int]], now: float, place: int = 0) -> float:
    if not spent:
        return limit.window_s
    # The age first: adding the window to the clock's reading rounds, and a reset beyond the window would be told.
    return limit.window_s - (now - spent[place][0])
