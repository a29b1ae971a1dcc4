"""The store in its two duties: a fan-out batch of 1,000 followers, and a reader's page of 20."""

from __future__ import annotations

import random
import struct
from itertools import count
from typing import TYPE_CHECKING

import pytest
from benchmarks.core.samples import packed_ids, plain_rows, row_ids

from aviary._native import MAX_ID, Sources, TimelineStore

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

OWNERS, HELD, AUTHORS = 1000, 800, 200


@pytest.fixture
def store() -> TimelineStore:
    rng = random.Random(7)
    held = TimelineStore(capacity=HELD)
    for owner in range(1, OWNERS + 1):
        token = held.begin(owner, version=0, now_ms=0)
        rows = b"".join(plain_rows(rng.randrange(1, AUTHORS), [id]) for id in range(1, HELD + 1))
        assert held.finish(owner, token, rows, floor=0, now_ms=0)
    return held


@pytest.mark.benchmark(group="store: one tweet to 1,000 followers")
def test_fan_out_batch(benchmark: BenchmarkFixture, store: TimelineStore) -> None:
    owners, ids = packed_ids(range(1, OWNERS + 1)), count(HELD + 1)
    appended = benchmark(lambda: store.append(owners, struct.pack("<4Q", next(ids), 1, 0, 0), now_ms=0))
    assert appended == OWNERS


@pytest.mark.benchmark(group="store: a page of 20")
def test_page(benchmark: BenchmarkFixture, store: TimelineStore) -> None:
    sources = Sources(packed_ids(range(1, AUTHORS)))
    pulled = plain_rows(3, range(HELD + 10, HELD, -1))
    answer = benchmark(
        store.page, 7, version=0, sources=sources, below=MAX_ID, above=0, limit=20, extra=pulled, now_ms=0
    )
    assert answer is not None
    assert row_ids(answer[0]) == list(range(HELD + 10, HELD - 10, -1))
