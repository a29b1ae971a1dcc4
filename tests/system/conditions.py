"""Waiting for what must become true, never for time."""

from __future__ import annotations

import time
from collections.abc import Callable

_POLL_S = 0.02


def eventually(condition: Callable[[], bool], *, within_s: float = 10.0) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not true within {within_s} s"
        time.sleep(_POLL_S)
