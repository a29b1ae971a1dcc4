"""How many keys a query names, and over how many parts a poll's votes are spread."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from aviary import ids

# ScyllaDB refuses more than a hundred partitions in one query.
KEYS = 100
SHARDS = 16
T = TypeVar("T")


def pieces(keys: Iterable[T]) -> Sequence[list[T]]:
    """Return `keys` in lists that one query may name each."""
    every = list(keys)
    return [every[start : start + KEYS] for start in range(0, len(every), KEYS)]


def shard_of(user_id: int) -> int:
    return ids.spread(user_id, SHARDS)
