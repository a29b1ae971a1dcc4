"""How many keys one query names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

# ScyllaDB refuses more than a hundred partitions in one query.
KEYS = 100
T = TypeVar("T")


def pieces(keys: Iterable[T]) -> list[list[T]]:
    """Return `keys` in lists that one query may name each."""
    every = list(keys)
    return [every[start : start + KEYS] for start in range(0, len(every), KEYS)]
