"""The newest 50 of 200 lists of 800: the held store against heapq over Python lists of ints."""

from __future__ import annotations

import heapq
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from benchmarks.core.samples import packed_ids, plain_rows, row_ids, spread_lists

from aviary._native import MAX_ID, TimelineStore, merge_rows

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LISTS, LENGTH, TOP = 200, 800, 50

pytestmark = pytest.mark.benchmark(group="merge: 200 lists x 800, newest 50")


@pytest.fixture(scope="module")
def lists() -> list[list[int]]:
    return spread_lists(LISTS, LENGTH)


@pytest.fixture(scope="module")
def newest(lists: list[list[int]]) -> list[int]:
    return sorted((id for ids in lists for id in ids), reverse=True)[:TOP]


@pytest.fixture(scope="module")
def store(lists: list[list[int]]) -> TimelineStore:
    held = TimelineStore(capacity=LENGTH)
    for owner, ids in enumerate(lists, start=1):
        token = held.begin(owner, version=0, now_ms=0)
        assert held.finish(owner, token, plain_rows(owner, ids), floor=0, now_ms=0)
    return held


def test_heapq_over_lists(benchmark: BenchmarkFixture, lists: list[list[int]], newest: list[int]) -> None:
    merged = benchmark(lambda: list(islice(heapq.merge(*lists, reverse=True), TOP)))
    assert merged == newest


def test_held_store(benchmark: BenchmarkFixture, store: TimelineStore, newest: list[int]) -> None:
    owners = packed_ids(range(1, LISTS + 1))
    rows, _ = benchmark(store.merge, owners, below=MAX_ID, above=0, limit=TOP, now_ms=0)
    assert row_ids(rows) == newest


def test_held_store_from_the_middle(benchmark: BenchmarkFixture, store: TimelineStore, lists: list[list[int]]) -> None:
    owners = packed_ids(range(1, LISTS + 1))
    below = 500_000_000
    rows, _ = benchmark(store.merge, owners, below=below, above=0, limit=TOP, now_ms=0)
    assert row_ids(rows) == sorted((id for ids in lists for id in ids if id < below), reverse=True)[:TOP]


def test_rows_that_are_not_held(benchmark: BenchmarkFixture, lists: list[list[int]], newest: list[int]) -> None:
    parts = [plain_rows(author, ids[:TOP]) for author, ids in enumerate(lists, start=1)]
    rows = benchmark(merge_rows, parts, below=MAX_ID, above=0, limit=TOP)
    assert row_ids(rows) == newest
