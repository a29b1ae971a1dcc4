"""The trend sketch against exact counts."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary._native import TrendSketch

BUCKET_S, BUCKETS = 300, 4
KEYS = st.sampled_from(["rust", "日本語", "", "a" * 40, "tea", "b", "ab", "topic1"])
EVENTS = st.lists(st.tuples(KEYS, st.integers(0, 50), st.integers(0, 9 * BUCKET_S)), max_size=30)


class ModelSketch:
    """Exact counts by span of time, which a ring of four forgets in turn."""

    def __init__(self) -> None:
        self.newest = 0
        self.counts: Counter[tuple[str, int]] = Counter()

    def add(self, key: str, count: int, now_s: int) -> bool:
        span = now_s // BUCKET_S
        if self.newest - span >= BUCKETS:
            return False
        self.newest = max(self.newest, span)
        self.counts[key, span] += count
        return True

    def count(self, key: str, now_s: int, window_s: int) -> int:
        first, last = max(now_s - window_s + 1, 0) // BUCKET_S, now_s // BUCKET_S
        alive = range(max(first, last - BUCKETS + 1, self.newest - BUCKETS + 1), last + 1)
        return sum(self.counts[key, span] for span in alive) if window_s else 0


def small(*, width: int = 4096, top: int = 8) -> TrendSketch:
    return TrendSketch(width=width, depth=4, bucket_s=BUCKET_S, buckets=BUCKETS, top=top)


@given(EVENTS, st.integers(0, 5 * BUCKET_S) | st.sampled_from([BUCKET_S, 5 * BUCKET_S, 9 * BUCKET_S]))
def test_with_room_for_every_key_windows_count_exactly(events: list[tuple[str, int, int]], window_s: int) -> None:
    sketch, model = small(), ModelSketch()
    for key, count, now_s in events:
        assert sketch.add_many([key], now_s=now_s, counts=[count]) == model.add(key, count, now_s)
    now_s = model.newest * BUCKET_S + BUCKET_S - 1
    keys = sorted({key for key, _, _ in events})
    exact = [model.count(key, now_s, window_s) for key in keys]
    assert sketch.estimate(keys, now_s=now_s, window_s=window_s) == exact
    ranked = sorted(
        ((key, count) for key, count in zip(keys, exact, strict=True) if count), key=lambda kc: (-kc[1], kc[0])
    )
    assert [found for found in sketch.top(3, now_s=now_s, window_s=window_s) if found[1]] == ranked[:3]


@given(EVENTS, EVENTS)
def test_a_merged_sketch_has_counted_what_both_did(
    ours: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]]
) -> None:
    merged, other, together = small(), small(), small()
    for sketch, events in ((merged, ours), (other, theirs)):
        for key, count, now_s in events:
            sketch.add_many([key], now_s=now_s, counts=[count])
    merged.merge(other)
    # Older ones first, so that both rings have moved as far before anything is too late.
    newest = max((now_s for _, _, now_s in ours + theirs), default=0)
    alive = [event for event in ours + theirs if newest // BUCKET_S - event[2] // BUCKET_S < BUCKETS]
    keys = sorted({key for key, _, _ in alive})
    for key, count, now_s in sorted(alive, key=lambda event: event[2]):
        together.add_many([key], now_s=now_s, counts=[count])
    window = BUCKETS * BUCKET_S
    estimates = merged.estimate(keys, now_s=newest, window_s=window)
    assert estimates == together.estimate(keys, now_s=newest, window_s=window)


@pytest.mark.parametrize("width", [64, 256, 1024])
def test_an_estimate_is_never_too_low_and_seldom_above_the_bound(width: int) -> None:
    rng = random.Random(width)
    keys = [f"tag{int(rng.paretovariate(0.6)) % 5000}" for _ in range(20_000)]
    sketch, truth = small(width=width), Counter(keys)
    sketch.add_many(keys, now_s=0)
    estimates = dict(zip(truth, sketch.estimate(list(truth), now_s=0, window_s=BUCKET_S), strict=True))
    assert all(estimates[key] >= count for key, count in truth.items())
    bound = 2.719 * len(keys) / width
    above = sum(estimates[key] > count + bound for key, count in truth.items())
    assert above <= 0.0184 * len(truth)


def test_the_heaviest_keys_are_found_among_many_light_ones() -> None:
    rng = random.Random(7)
    keys = [f"hot{rank}" for rank in range(20) for _ in range(60 - rank)] + [f"cold{n}" for n in range(20_000)]
    rng.shuffle(keys)
    sketch = small(width=1 << 16, top=20)
    for at in range(0, len(keys), 1000):
        sketch.add_many(keys[at : at + 1000], now_s=0)
    assert [key for key, _ in sketch.top(20, now_s=0, window_s=BUCKET_S)] == [f"hot{rank}" for rank in range(20)]


def test_counts_of_another_length_shapes_that_differ_and_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="1 counts for 2 keys"):
        small().add_many(["a", "b"], now_s=0, counts=[1])
    with pytest.raises(ValueError, match="cannot be merged"):
        small().merge(small(width=64))
    for shape in ({"width": 100}, {"depth": 9}, {"bucket_s": 0}, {"buckets": 0}, {"top": 0}):
        with pytest.raises(ValueError, match="width is a power of two"):
            TrendSketch(**shape)


def test_a_sketch_merged_into_itself_counts_twice() -> None:
    sketch = small()
    sketch.add_many(["a"], now_s=0, counts=[3])
    sketch.merge(sketch)
    assert sketch.estimate(["a"], now_s=0, window_s=1) == [6]
