"""Ids in batches of 1,000: the core against a straightforward generator in Python, and snowflake-id from PyPI."""

from __future__ import annotations

import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from snowflake import SnowflakeGenerator

from aviary._native import EPOCH_MS, Snowflake

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

BATCH = 1000


class PlainSnowflake:
    """The generator as one writes it in Python, with nothing checked beyond what the ids need."""

    def __init__(self, worker: int) -> None:
        self._worker = worker << 12
        self._last_ms = 0
        self._sequence = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            now_ms = max(time.time_ns() // 1_000_000 - EPOCH_MS, self._last_ms)
            self._sequence = self._sequence + 1 & 4095 if now_ms == self._last_ms else 0
            self._last_ms = now_ms + (now_ms == self._last_ms and self._sequence == 0)
            return self._last_ms << 22 | self._worker | self._sequence

    def next_many(self, n: int) -> list[int]:
        return [self.next() for _ in range(n)]


def packed(minted: bytes) -> list[int]:
    return list(struct.unpack(f"<{BATCH}q", minted))


def from_package() -> list[int]:
    """Its generator gives None when a millisecond is used up, and is to be asked again."""
    minted: list[int] = []
    while len(minted) < BATCH:
        id = next(PACKAGE)
        if id is not None:
            minted.append(id)
    return minted


PLAIN = PlainSnowflake(1)
PACKAGE = SnowflakeGenerator(1, epoch=EPOCH_MS)
CORE = Snowflake(1)
WAYS: dict[str, tuple[Callable[[], object], Callable[[object], list[int]]]] = {
    "python": (lambda: PLAIN.next_many(BATCH), lambda minted: list(minted)),  # type: ignore[call-overload]
    "snowflake_id": (from_package, lambda minted: list(minted)),  # type: ignore[call-overload]
    "core_list": (lambda: CORE.next_many(BATCH), lambda minted: list(minted)),  # type: ignore[call-overload]
    "core_packed": (lambda: CORE.next_packed(BATCH), lambda minted: packed(minted)),  # type: ignore[arg-type]
}


@pytest.mark.benchmark(group="ids: 1,000 a batch")
@pytest.mark.parametrize("way", WAYS)
def test_ids(benchmark: BenchmarkFixture, way: str) -> None:
    mint, read = WAYS[way]
    ids = read(benchmark(mint))

    assert len(set(ids)) == BATCH
    assert ids == sorted(ids)
    assert {id >> 12 & 1023 for id in ids} == {1}
