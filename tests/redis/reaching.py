"""How tests share a Redis: each has keys of its own."""

from __future__ import annotations

import itertools
import os

_numbers = itertools.count()


def new_prefix() -> str:
    """What the keys of one test begin with, and no other's in any process."""
    return f"test-{os.getpid()}-{next(_numbers)}"
