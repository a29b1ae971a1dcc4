"""Ids as the services pass them: positive int64, packed little-endian when there are many."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable

from aviary import _freshness, _native
from aviary.clock import Clock

# A core that is older than its sources would answer as yesterday's code did.
_freshness.check()

MAX_ID = 2**63 - 1


def pack(ids: Iterable[int]) -> bytes:
    """Return `ids` as little-endian int64."""
    packed = array("q", ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack(packed: bytes) -> array[int]:
    """Return the ids that `pack` packed."""
    ids = array("q")
    ids.frombytes(packed)
    if sys.byteorder == "big":
        ids.byteswap()
    return ids


class IdGenerator:
    """Snowflake ids on business time, larger than every id minted before.

    `after` is the largest id that the store already holds: a clock that was set
    back while the process was down must not make ids fall.
    """

    def __init__(self, clock: Clock, *, worker: int = 0, after: int = 0) -> None:
        self._snowflake = _native.Snowflake(worker)
        self._clock = clock
        self._floor_ms = _native.id_time_ms(after) + 1 if after else 0

    def next(self) -> int:
        return self._snowflake.next(max(self._clock.now_ms(), self._floor_ms))


def time_ms(snowflake: int) -> int:
    """The moment in an id, ms since the Unix epoch."""
    return _native.id_time_ms(snowflake)


def first_at(ms: int) -> int:
    """Return the smallest id of a moment, ms since the Unix epoch."""
    return _native.first_id_at(ms)


def spread(snowflake: int, among: int) -> int:
    """Return which of `among` places an id belongs to; not its modulo, for ids end in a number that is mostly 0."""
    return (snowflake * 0x9E3779B97F4A7C15 % 2**64 >> 32) % among
