"""Schedules, and what the two loops send when."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from benchmarks.load import Exchange, closed_loop, open_loop
from benchmarks.schedule import arrivals
from benchmarks.wire import Answer


class Stall:
    """A server whose first answer waits for `release`, and whose clock is the test's."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[bytes] = []

    def clock(self) -> float:
        return self.now

    async def send(self, request: bytes) -> Answer:
        self.sent.append(request)
        self.now += 5.0 if len(self.sent) == 1 else 0.0
        return Answer(200, b"", self.now)


def numbered(number: int) -> bytes:
    return b"%d" % number


def test_a_schedule_has_the_rate_that_was_asked_for() -> None:
    due = arrivals(rate=200, duration_s=100, seed=3)

    # Six standard deviations of a Poisson count of 20,000.
    assert abs(len(due) - 20_000) < 6 * 20_000**0.5
    assert all(0 < earlier < later < 100 for earlier, later in pairwise(due))


def test_a_schedule_comes_in_bursts_as_independent_people_do() -> None:
    due = arrivals(rate=100, duration_s=200, seed=3)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5

    assert deviation == pytest.approx(mean, rel=0.05)


def test_a_schedule_is_the_same_for_the_same_seed_only() -> None:
    assert arrivals(rate=50, duration_s=2, seed=1) == arrivals(rate=50, duration_s=2, seed=1)
    assert arrivals(rate=50, duration_s=2, seed=1) != arrivals(rate=50, duration_s=2, seed=2)


@pytest.mark.parametrize(("rate", "duration_s"), [(0, 1), (1, 0), (-1, 1)])
def test_a_schedule_without_arrivals_is_refused(rate: float, duration_s: float) -> None:
    with pytest.raises(ValueError, match="has no arrivals"):
        arrivals(rate=rate, duration_s=duration_s, seed=1)


async def test_a_stall_counts_against_every_request_that_was_due_meanwhile() -> None:
    server = Stall()
    exchanges = await open_loop([server], [0.0, 1.0, 2.0, 4.0], numbered, clock=server.clock)

    assert [each.latency_s for each in exchanges] == [5.0, 4.0, 3.0, 1.0]
    assert not any(each.was_awaited for each in exchanges)


async def test_an_open_loop_sends_each_request_once_and_in_order() -> None:
    server = Stall()
    exchanges = await open_loop([server, server], [0.0] * 9, numbered, clock=server.clock)

    assert server.sent == [numbered(number) for number in range(9)]
    assert sorted(each.number for each in exchanges) == list(range(9))


async def test_an_open_loop_waits_until_a_request_is_due() -> None:
    loop = asyncio.get_running_loop()
    [exchange] = await open_loop([_Real()], [0.02], numbered, clock=loop.time)

    assert exchange.was_awaited
    assert exchange.sent >= exchange.due


async def test_an_open_loop_tells_of_each_exchange_as_it_ends() -> None:
    server, told = Stall(), list[Exchange]()
    exchanges = await open_loop([server], [0.0, 0.0], numbered, then=told.append, clock=server.clock)

    assert told == exchanges


async def test_a_closed_loop_sends_no_more_once_its_time_is_over() -> None:
    server = Stall()
    exchanges = await closed_loop([server], 3.0, numbered, clock=server.clock)

    assert [each.latency_s for each in exchanges] == [5.0]


class _Real:
    """Answers at once, on the loop's own clock."""

    async def send(self, request: bytes) -> Answer:
        return Answer(200, b"", asyncio.get_running_loop().time())
