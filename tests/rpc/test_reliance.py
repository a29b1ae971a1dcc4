"""The parts that a remote call is made of, on a clock of their own: breaker, budget, lateness, readiness, addresses."""

from __future__ import annotations

import pytest

from aviary.errors import InvalidInput, Unavailable
from aviary.rpc.addresses import addresses
from aviary.rpc.bounds import Bounds
from aviary.rpc.breaker import Breaker, State
from aviary.rpc.budget import RetryBudget
from aviary.rpc.hedging import Latencies
from aviary.rpc.readiness import Readiness
from aviary.settings import Settings

BOUNDS = Bounds(breaker_window_s=10, breaker_attempts=10, breaker_share=0.5, breaker_open_s=2, breaker_trials=2)


class Rig:
    """A breaker and the seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.states: list[State] = []
        self.breaker = Breaker("users", BOUNDS, on_change=self.states.append, now=lambda: self.now)

    def attempt(self, *, failed: bool) -> None:
        self.breaker.record(failed=failed, trial=self.breaker.admit())

    def open(self) -> None:
        for _ in range(10):
            self.attempt(failed=True)
        assert self.breaker.state is State.OPEN

    def is_admitted(self) -> bool:
        try:
            self.breaker.admit()
        except Unavailable:
            return False
        return True


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_breaker_opens_at_its_share_of_failures_and_not_before(rig: Rig) -> None:
    for number in range(40):
        rig.attempt(failed=number % 5 == 0)
    for _ in range(23):
        rig.attempt(failed=True)
    assert rig.states == []

    # The 32nd of 64.
    rig.attempt(failed=True)
    assert rig.states == [State.OPEN]


def test_a_few_failures_of_few_calls_open_nothing(rig: Rig) -> None:
    for _ in range(9):
        rig.attempt(failed=True)
    assert rig.breaker.state is State.CLOSED


def test_failures_that_left_the_window_are_forgotten(rig: Rig) -> None:
    for _ in range(9):
        rig.attempt(failed=True)
    rig.now += 11
    rig.attempt(failed=True)
    assert rig.breaker.state is State.CLOSED


def test_an_open_breaker_says_when_to_come_back(rig: Rig) -> None:
    rig.open()
    with pytest.raises(Unavailable, match="the users service does not answer") as caught:
        rig.breaker.admit()
    assert caught.value.retry_after_s in {2, 3}


def test_trials_come_one_at_a_time_and_close_it(rig: Rig) -> None:
    rig.open()
    rig.now += 2.5
    trial = rig.breaker.admit()
    assert trial
    assert not rig.is_admitted()

    rig.breaker.record(failed=False, trial=trial)
    assert rig.states[-1] is State.HALF_OPEN
    rig.attempt(failed=False)
    assert rig.states == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    # What failed before is no reason to open it again.
    rig.attempt(failed=True)
    assert rig.breaker.state is State.CLOSED


def test_each_failed_trial_doubles_the_wait_up_to_a_bound(rig: Rig) -> None:
    rig.open()
    waits: list[float] = []
    for _ in range(7):
        opened = rig.now
        while not rig.is_admitted():
            rig.now += 0.1
        waits.append(rig.now - opened)
        rig.breaker.record(failed=True, trial=True)

    for wait, meant in zip(waits, (2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.9 * meant - 0.1 <= wait <= 1.1 * meant + 0.2


def test_a_trial_that_nobody_reports_on_does_not_keep_it_open(rig: Rig) -> None:
    rig.open()
    rig.now += 2.5
    assert rig.breaker.admit()
    rig.now += 6
    assert rig.is_admitted()


def test_calls_from_before_it_opened_are_no_trials(rig: Rig) -> None:
    late = rig.breaker.admit()
    rig.open()
    rig.now += 2.5
    rig.breaker.admit()
    rig.breaker.record(failed=True, trial=late)
    assert rig.breaker.state is State.HALF_OPEN


def test_a_budget_is_a_share_and_a_few() -> None:
    budget = RetryBudget(share=0.1, burst=5)
    assert sum(budget.spend() for _ in range(100)) == 5
    for _ in range(1_000):
        budget.earn()
    # Not what a thousand calls earned: a quiet hour must not pay for a storm.
    assert sum(budget.spend() for _ in range(100)) == 5

    spent = 0
    for _ in range(1_000):
        budget.earn()
        spent += budget.spend()
    assert 99 <= spent <= 100


def test_late_is_later_than_nearly_all_and_never_sooner_than_the_floor() -> None:
    latencies = Latencies(quantile=0.95, floor_s=0.02)
    for _ in range(19):
        latencies.add(0.001)
    assert latencies.late_s() is None
    latencies.add(0.001)
    assert latencies.late_s() == 0.02

    slower = Latencies(quantile=0.95, floor_s=0.02)
    for number in range(200):
        slower.add(number / 1_000)
    assert slower.late_s() == pytest.approx(0.189)
    for _ in range(200):
        slower.add(0.05)
    assert slower.late_s() == 0.05


async def test_readiness_turns_after_several_probes_that_agree() -> None:
    answers = "+-+--+---+-++"
    left = iter(answers)

    async def check() -> None:
        if next(left) == "-":
            raise Unavailable("the tables don't answer")

    readiness = Readiness([check])
    seen = []
    for _ in answers:
        await readiness.probe()
        seen.append(readiness.is_ready)

    assert "".join("+" if is_ready else "-" for is_ready in seen) == "++++++++----+"


async def test_any_check_that_fails_in_any_way_counts() -> None:
    async def good() -> None:
        return None

    async def broken() -> None:
        raise RuntimeError("a bug of the check itself")

    readiness = Readiness([good, broken])
    for _ in range(3):
        await readiness.probe()
    assert not readiness.is_ready


def test_addresses_are_read_by_service_each_as_often_as_it_comes() -> None:
    found = addresses("users=users.internal:50051, graph=10.0.0.1:1,users=[::1]:65535,")

    assert {name: [str(each) for each in many] for name, many in found.items()} == {
        "users": ["users.internal:50051", "[::1]:65535"],
        "graph": ["10.0.0.1:1"],
    }
    assert addresses("") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("user=a:1", "AVIARY_SERVICES names 'user'; it must be one of users, graph"),
        ("users", "has 'users'; it must look like users=host:port"),
        ("users=a", "has 'users=a'"),
        ("users=:1", "has 'users=:1'"),
        ("users=a:0", "has 'users=a:0'"),
        ("users=a:65536", "has 'users=a:65536'"),
        ("users=a:x", "has 'users=a:x'"),
    ],
)
def test_addresses_that_are_none_are_named(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        addresses(text)


def test_every_bound_that_an_operator_may_choose_is_taken_from_the_settings() -> None:
    chosen = Bounds.of(
        Settings(deadline_ms=1_000, retry_percent=50, breaker_percent=25, breaker_open_s=7.0, hedge_after_ms=100)
    )

    assert (chosen.deadline_s, chosen.retry_share, chosen.breaker_share) == (1.0, 0.5, 0.25)
    assert (chosen.breaker_open_s, chosen.hedge_after_s) == (7.0, 0.1)
