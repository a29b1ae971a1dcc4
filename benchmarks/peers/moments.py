"""Moments as the API and its ids say them."""

from __future__ import annotations

import datetime as dt
import time

EPOCH_MS = 1_704_067_200_000


def now() -> str:
    """This moment as the API writes it, to the millisecond."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_id(last: int) -> int:
    """An id of this moment that is larger than `last`; its low 22 bits tell those of one millisecond apart."""
    return max(last + 1, time.time_ns() // 1_000_000 - EPOCH_MS << 22)
