"""Calls a second, and what the fan-out makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.planning.plain import planned

from aviary.planning import figures, scales
from aviary.planning.demand import followed_beyond
from aviary.planning.plan import plan


def test_the_design_point_is_that_of_the_product() -> None:
    design = plan({**scales.workload("design", {}), **figures.shipped()})

    assert design["mean.posts"] == pytest.approx(4_630, abs=1)
    assert design["peak.posts"] == pytest.approx(20_000)
    assert design["mean.home"] + design["mean.other"] == pytest.approx(694_444, abs=1)


def test_retweets_are_told_apart_from_likes() -> None:
    plain = planned()

    assert plain["mean.retweets"] == pytest.approx(50)
    assert plain["mean.likes"] == pytest.approx(150)
    assert plain["peak.retweets"] == pytest.approx(100)


def test_a_post_is_pushed_to_warm_homes_and_in_the_middle_tier_to_active_ones() -> None:
    plain = planned()
    pulled, top = plain["audience.pulled-share"], plain["audience.top-share"]

    # Half of the accounts read within a day, a fifth of those within the hour.
    assert plain["audience.warm"] == 0.5
    assert plain["audience.active"] == pytest.approx(0.1)
    assert 0 < top < pulled < 1
    assert plain["audience.pushed"] == pytest.approx(100 * ((1 - pulled) * 0.5 + (pulled - top) * 0.1))
    assert plain["audience.pulled"] == pytest.approx(100 * pulled)
    # 100 posts and 50 retweets a second, twice as many at the peak.
    assert plain["mean.deliveries"] == pytest.approx(150 * plain["audience.pushed"])
    assert plain["peak.deliveries"] == pytest.approx(300 * plain["audience.pushed"])


def _followers(rank: int, accounts: int, shift: float, exponent: float) -> float:
    return float(accounts * (shift / (rank + shift)) ** exponent)


def test_the_law_agrees_with_counting_it_out() -> None:
    accounts, follows, exponent = 100_000, 100.0, 0.9
    # Found apart from the code: with it, as many follows are there as there should be.
    shift = next(
        shift / 100
        for shift in range(1, 10_000)
        if sum(_followers(rank, accounts, shift / 100, exponent) for rank in range(0, accounts, 25)) * 25
        >= accounts * follows
    )
    counts = [_followers(rank, accounts, shift, exponent) for rank in range(accounts)]
    for followers in (1_000, 10_000, 50_000):
        beyond = sum(count for count in counts if count > followers) / sum(counts)
        assert followed_beyond(followers, accounts, follows, exponent) == pytest.approx(beyond, rel=0.1)


def test_nobody_is_followed_by_more_than_all() -> None:
    assert followed_beyond(10_000, 10_000, 200, 0.9) == 0
    assert followed_beyond(10_000, 500, 200, 0.9) == 0
    assert followed_beyond(10_000, 1e6, 0, 0.9) == 0


@given(
    followers=st.floats(1, 1e7),
    more=st.floats(1, 100),
    accounts=st.floats(1e3, 1e10),
    share=st.floats(1e-9, 0.5),
    exponent=st.floats(0.1, 0.99),
)
def test_a_higher_bar_is_passed_by_fewer(
    followers: float, more: float, accounts: float, share: float, exponent: float
) -> None:
    follows = accounts * share
    low = followed_beyond(followers, accounts, follows, exponent)
    high = followed_beyond(followers * more, accounts, follows, exponent)

    assert 0 <= high <= low * (1 + 1e-9)
    assert low <= 1


def test_a_small_world_has_nobody_to_pull() -> None:
    small = planned({"workload.accounts": 9_000, "workload.dau": 4_500})

    assert small["audience.pulled"] == 0
    assert small["services.busy.pulls"] == small["tables.busy.pulls"] == 0
