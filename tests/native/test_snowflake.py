"""Ids: their order, their parts, and what a clock or a lease can do to them."""

from __future__ import annotations

import struct
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary._native import EPOCH_MS, ClockBehind, LeaseExpired, Snowflake, boottime_ns, first_id_at, id_time_ms

NOW_MS = EPOCH_MS + 60_000


class ModelSnowflake:
    """The generator in ten lines: one counter of (time, sequence), never below the clock."""

    def __init__(self, worker: int) -> None:
        self.worker, self.tick = worker, 1

    def mint(self, n: int, now_ms: int) -> list[int] | None:
        tick = max(self.tick, (now_ms - EPOCH_MS) << 12)
        if (tick + max(n - 1, 0) >> 12) > now_ms - EPOCH_MS + 1000:
            return None
        self.tick = tick + n
        return [(at >> 12) << 22 | self.worker << 12 | at & 4095 for at in range(tick, tick + n)]


@given(
    worker=st.integers(0, 1023),
    steps=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 5_000)), max_size=12),
)
def test_ids_are_those_of_the_model_whatever_the_clock_does(worker: int, steps: list[tuple[int, int]]) -> None:
    ids, model = Snowflake(worker), ModelSnowflake(worker)
    for n, offset_ms in steps:
        expected = model.mint(n, NOW_MS + offset_ms)
        if expected is None:
            with pytest.raises(ClockBehind, match="1000 ms ahead"):
                ids.next_many(n, NOW_MS + offset_ms)
        else:
            assert ids.next_many(n, NOW_MS + offset_ms) == expected


def test_one_by_one_as_a_list_and_packed_they_are_one_sequence() -> None:
    ids, model = Snowflake(3), ModelSnowflake(3)
    minted = [ids.next(NOW_MS), *ids.next_many(2, NOW_MS), *struct.unpack("<3q", ids.next_packed(3, NOW_MS))]
    assert minted == model.mint(6, NOW_MS)


def test_by_the_system_clock_more_than_a_second_of_ids_waits_and_stays_in_order() -> None:
    ids = Snowflake(1)
    batches = [ids.next_packed(1 << 20) for _ in range(5)]
    ends = [end for batch in batches for end in struct.unpack("<q", batch[:8]) + struct.unpack("<q", batch[-8:])]
    assert all(a < b for a, b in pairwise(ends))
    assert id_time_ms(ends[-1]) <= time.time_ns() // 1_000_000 + 1000


def test_a_clock_that_steps_back_too_far_is_refused_after_a_bounded_wait() -> None:
    ids = Snowflake(1)
    in_an_hour = id_time_ms(Snowflake(1).next()) + 3_600_000
    ids.next(in_an_hour)
    with pytest.raises(ClockBehind, match="must advance by"):
        ids.next()


def test_threads_never_get_the_same_id() -> None:
    ids = Snowflake(9)
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(ids.next_many, [500] * 40))
    minted = [id for batch in batches for id in batch]
    assert len(set(minted)) == len(minted) == 20_000
    assert all(batch == sorted(batch) for batch in batches)


def test_a_mint_after_the_lease_is_refused_and_a_longer_lease_allows_it_again() -> None:
    ids = Snowflake(1)
    ids.lease_until(boottime_ns() - 1)
    with pytest.raises(LeaseExpired):
        ids.next()
    with pytest.raises(LeaseExpired):
        ids.next_packed(10, NOW_MS)
    ids.lease_until(boottime_ns() + 60_000_000_000)
    assert ids.next() > 0


@pytest.mark.parametrize("worker", [-1, 1024, 1 << 40])
def test_a_worker_number_that_does_not_fit_is_refused(worker: int) -> None:
    with pytest.raises(ValueError, match=f"worker {worker}; workers are from 0 to 1023"):
        Snowflake(worker)


@pytest.mark.parametrize("n", [-1, (1 << 20) + 1])
def test_a_batch_that_is_too_large_or_negative_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"{n} ids were asked for"):
        Snowflake(1).next_many(n)


def test_a_time_beyond_41_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="41 bits"):
        Snowflake(1).next(EPOCH_MS + (1 << 41))
    with pytest.raises(ValueError, match="41 bits"):
        first_id_at(EPOCH_MS + (1 << 41))


@given(st.integers(EPOCH_MS, EPOCH_MS + (1 << 41) - 1))
def test_the_first_id_of_a_time_bounds_what_is_minted_then(ms: int) -> None:
    assert id_time_ms(first_id_at(ms)) == ms
    assert first_id_at(ms) <= Snowflake(0).next(ms) < first_id_at(ms) + (1 << 22)


def test_before_the_epoch_the_first_id_is_0() -> None:
    assert first_id_at(0) == first_id_at(EPOCH_MS) == 0
