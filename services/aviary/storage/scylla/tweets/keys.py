"""Over how many parts a poll's votes are spread."""

from __future__ import annotations

from aviary import ids

SHARDS = 16


def shard_of(user_id: int) -> int:
    return ids.spread(user_id, SHARDS)
