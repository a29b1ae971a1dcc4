"""Counting 10,000 hashtags: the core against bounter and datasketches, sketches in C and C++, and a plain Counter."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from benchmarks.core.samples import skewed_keys
from bounter import CountMinSketch
from datasketches import count_min_sketch, frequent_items_error_type, frequent_strings_sketch

from aviary._native import TrendSketch

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

KEYS = skewed_keys(10_000)
TRUTH = Counter(KEYS)
NOW_S = 1_000_000

pytestmark = pytest.mark.benchmark(group="sketch: 10,000 keys of 65,536 x 4")


def test_bounter(benchmark: BenchmarkFixture) -> None:
    sketch = CountMinSketch(width=1 << 16, depth=4)
    benchmark(sketch.update, KEYS)
    fresh = CountMinSketch(width=1 << 16, depth=4)
    fresh.update(KEYS)
    assert all(fresh[key] >= count for key, count in TRUTH.items())


def test_datasketches_count_min(benchmark: BenchmarkFixture) -> None:
    def counted() -> count_min_sketch:
        sketch = count_min_sketch(4, 1 << 16)
        for key in KEYS:
            sketch.update(key)
        return sketch

    sketch = benchmark(counted)
    assert all(sketch.get_estimate(key) >= count for key, count in TRUTH.items())


def test_datasketches_frequent(benchmark: BenchmarkFixture) -> None:
    def counted() -> frequent_strings_sketch:
        sketch = frequent_strings_sketch(16)
        for key in KEYS:
            sketch.update(key)
        return sketch

    found = benchmark(counted).get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    top = [(key, count) for key, count, _, _ in found[: len(TRUTH)]]
    assert sorted(top, key=lambda item: (-item[1], item[0]))[:3] == _heaviest(3)


def _heaviest(most: int) -> list[tuple[str, int]]:
    return sorted(TRUTH.items(), key=lambda item: (-item[1], item[0]))[:most]


def test_core(benchmark: BenchmarkFixture) -> None:
    sketch = TrendSketch(width=1 << 16, depth=4)
    benchmark(sketch.add_many, KEYS, now_s=NOW_S)
    fresh = TrendSketch(width=1 << 16, depth=4)
    fresh.add_many(KEYS, now_s=NOW_S)
    estimates = fresh.estimate(list(TRUTH), now_s=NOW_S, window_s=300)
    assert all(estimate >= count for estimate, count in zip(estimates, TRUTH.values(), strict=True))
    assert fresh.top(3, now_s=NOW_S, window_s=300) == _heaviest(3)


def test_counter(benchmark: BenchmarkFixture) -> None:
    counts: Counter[str] = Counter()
    benchmark(counts.update, KEYS)
    assert set(counts) == set(TRUTH)
