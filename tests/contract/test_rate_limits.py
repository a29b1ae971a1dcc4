"""What every adapter of RateLimits promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.redis.reaching import new_prefix

from aviary.rpc.limits import Limit, RateLimits
from aviary.storage.native.limits import NativeRateLimits
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.limits import RedisRateLimits

THREE_A_MINUTE = Limit("tweets", 3, 60)


class Time:
    """The clock as a test moves it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(
    params=["memory", *(pytest.param(each, marks=pytest.mark.cluster) for each in ("redis", "redis_cluster"))]
)
async def limits(request: pytest.FixtureRequest, time: Time) -> AsyncIterator[RateLimits]:
    if request.param == "memory":
        yield NativeRateLimits(now_s=lambda: time.now_s)
        return
    servers = RedisServers(request.getfixturevalue(request.param))
    yield RedisRateLimits(servers, prefix=new_prefix(), now_us=lambda: round(time.now_s * 1_000_000))
    await servers.close()


async def spend(limits: RateLimits, times: int, *, limit: Limit = THREE_A_MINUTE, subject: str = "ada") -> list[bool]:
    return [(await limits.spend(limit, subject)).allowed for _ in range(times)]


async def test_so_many_units_are_given_and_no_more(limits: RateLimits) -> None:
    assert await spend(limits, 5) == [True, True, True, False, False]


async def test_every_answer_tells_what_is_left_and_when_more_comes(limits: RateLimits, time: Time) -> None:
    first = await limits.spend(THREE_A_MINUTE, "ada")
    time.now_s += 10
    second = await limits.spend(THREE_A_MINUTE, "ada")

    assert (first.remaining, first.reset_s) == (2, 60)
    assert (second.remaining, second.reset_s) == (1, 50)
    await spend(limits, 1)
    refused = await limits.spend(THREE_A_MINUTE, "ada")
    assert (refused.allowed, refused.remaining, refused.reset_s) == (False, 0, 50)


async def test_the_window_slides_and_never_holds_more_than_the_limit(limits: RateLimits, time: Time) -> None:
    # A fixed window would give six units within the two seconds around its end.
    given: list[float] = []
    for _ in range(400):
        time.now_s += 1
        if (await limits.spend(THREE_A_MINUTE, "ada")).allowed:
            given.append(time.now_s)

    assert len(given) == 3 * 7  # three at each of 1, 61, 121 … 361 s
    assert all(later - earlier >= 60 for earlier, later in zip(given, given[3:], strict=False))


async def test_a_refused_call_uses_nothing_up(limits: RateLimits, time: Time) -> None:
    await spend(limits, 3)
    time.now_s += 59
    await spend(limits, 10)
    time.now_s += 1

    assert await spend(limits, 4) == [True, True, True, False]


async def test_a_unit_given_back_can_be_spent_again_once(limits: RateLimits) -> None:
    usages = [await limits.spend(THREE_A_MINUTE, "ada") for _ in range(3)]
    await limits.refund(THREE_A_MINUTE, "ada", usages[1].token)
    await limits.refund(THREE_A_MINUTE, "ada", usages[1].token)

    assert await spend(limits, 2) == [True, False]


async def test_giving_back_what_was_never_spent_changes_nothing(limits: RateLimits) -> None:
    await limits.refund(THREE_A_MINUTE, "nobody", 1)
    await spend(limits, 3)
    await limits.refund(THREE_A_MINUTE, "ada", 10_000)

    assert await spend(limits, 1) == [False]


async def test_giving_back_the_oldest_unit_moves_the_reset(limits: RateLimits, time: Time) -> None:
    oldest = await limits.spend(THREE_A_MINUTE, "ada")
    time.now_s += 30
    await spend(limits, 2)
    await limits.refund(THREE_A_MINUTE, "ada", oldest.token)
    await spend(limits, 1)

    assert (await limits.spend(THREE_A_MINUTE, "ada")).reset_s == 60


async def test_subjects_and_limits_do_not_share(limits: RateLimits) -> None:
    await spend(limits, 3)

    assert await spend(limits, 1, subject="bob") == [True]
    assert await spend(limits, 1, limit=Limit("likes", 3, 60)) == [True]


async def test_the_count_is_exact_under_concurrency(limits: RateLimits) -> None:
    limit = Limit("requests", 20, 60)
    usages = await asyncio.gather(*(limits.spend(limit, "ada") for _ in range(100)))

    assert sum(usage.allowed for usage in usages) == 20
    assert sorted(usage.remaining for usage in usages if usage.allowed) == list(range(20))


async def test_tokens_are_never_the_same(limits: RateLimits) -> None:
    limit = Limit("requests", 100, 60)
    tokens = [(await limits.spend(limit, "ada")).token for _ in range(100)]
    assert len(set(tokens)) == 100


async def test_the_reset_is_never_beyond_the_window(limits: RateLimits, time: Time) -> None:
    # Readings at which adding a window and taking it away again rounds upwards.
    for number in range(1_000):
        time.now_s = 8_190.000_001 + number * 0.123_456_7
        usage = await limits.spend(Limit("tweets", 3, 10_800), f"subject {number}")
        assert usage.reset_s <= 10_800


async def test_several_units_are_given_together_or_not_at_all(limits: RateLimits, time: Time) -> None:
    first = await limits.spend(THREE_A_MINUTE, "ada", 2)
    time.now_s += 10
    refused = await limits.spend(THREE_A_MINUTE, "ada", 2)

    assert (first.allowed, first.remaining, first.reset_s) == (True, 1, 60)
    assert (refused.allowed, refused.remaining) == (False, 1)
    assert await spend(limits, 2) == [True, False]


async def test_a_refusal_tells_when_as_many_as_asked_for_will_be_left(limits: RateLimits, time: Time) -> None:
    for _ in range(3):
        await limits.spend(THREE_A_MINUTE, "ada")
        time.now_s += 10

    for units, reset_s in ((1, 30), (2, 40), (3, 50)):
        usage = await limits.spend(THREE_A_MINUTE, "ada", units)
        assert (usage.allowed, usage.reset_s) == (False, reset_s)


async def test_more_units_than_the_limit_are_never_given(limits: RateLimits, time: Time) -> None:
    usage = await limits.spend(THREE_A_MINUTE, "ada", 4)
    assert (usage.allowed, usage.remaining, usage.reset_s) == (False, 3, 60)
    await spend(limits, 1)
    time.now_s += 10
    usage = await limits.spend(THREE_A_MINUTE, "ada", 4)
    assert (usage.allowed, usage.remaining, usage.reset_s) == (False, 2, 50)


async def test_units_spent_together_come_back_together_and_alone(limits: RateLimits) -> None:
    limit = Limit("tweets", 6, 60)
    one, two, three = [await limits.spend(limit, "ada", units) for units in (1, 2, 3)]
    await limits.refund(limit, "ada", two.token)
    await limits.refund(limit, "ada", two.token)

    assert await spend(limits, 3, limit=limit) == [True, True, False]
    await limits.refund(limit, "ada", three.token)
    await limits.refund(limit, "ada", one.token)
    assert await spend(limits, 5, limit=limit) == [True, True, True, True, False]
