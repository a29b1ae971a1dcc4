"""Worlds that are drawn as they are asked for: exact, plausible, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary.seed.call import Op
from aviary.seed.doings import Doings
from aviary.seed.multitude import Multitude, Size

MADE = {Op.POST, Op.REPLY, Op.QUOTE, Op.RETWEET}


@st.composite
def sizes(draw: st.DrawFn) -> Size:
    people = draw(st.integers(2, 30))
    return Size(
        people=people, follows=draw(st.integers(0, people * (people - 1) // 4)), tweets=draw(st.integers(0, 60))
    )


@given(size=sizes(), seed=st.integers(0, 9))
def test_follows_are_as_many_as_asked_for_and_nobody_follows_twice_or_themselves(size: Size, seed: int) -> None:
    following = Multitude(size, seed=seed).following

    assert sum(map(len, following)) == size.follows
    assert all(len(set(idols)) == len(idols) and who not in idols for who, idols in enumerate(following))
    assert all(0 <= idol < size.people for idol in chain.from_iterable(following))


@given(size=sizes(), seed=st.integers(0, 9))
def test_acts_are_about_what_was_made_before_and_nobody_likes_or_retweets_it_twice(size: Size, seed: int) -> None:
    made: dict[int, Op] = {}
    once: set[tuple[Op, int, int]] = set()
    for number, act in enumerate(Doings(Multitude(size, seed=seed))):
        assert act.index == number
        assert (act.of is None) is (act.op is Op.POST)
        if act.of is not None:
            assert made[act.of] is not Op.RETWEET
        if act.op in MADE:
            made[act.index] = act.op
        if act.op in {Op.LIKE, Op.RETWEET}:
            assert act.of is not None
            assert (act.op, act.who, act.of) not in once
            once.add((act.op, act.who, act.of))
    assert len(made) == size.tweets


def test_the_same_seed_gives_the_same_world_and_another_another() -> None:
    size = Size(people=40, follows=300, tweets=50)
    one, same, other = Multitude(size, seed=1), Multitude(size, seed=1), Multitude(size, seed=2)

    assert list(one.following) == list(same.following) != list(other.following)
    assert list(Doings(one)) == list(Doings(same)) != list(Doings(other))


def test_a_few_are_followed_by_very_many() -> None:
    world = Multitude(Size(people=1_000, follows=30_000, tweets=0))
    followers = sorted(Counter(chain.from_iterable(world.following)).values(), reverse=True)

    # A hundredth of the people have an eighth of the followers, and the median far fewer than the mean of 30.
    assert sum(followers[:10]) > 30_000 / 8
    assert followers[500] < 20


def test_all_kinds_of_acts_are_there_in_their_shares() -> None:
    acts = Counter(act.op for act in Doings(Multitude(Size(people=200, follows=4_000, tweets=4_000))))

    assert sum(acts[op] for op in MADE) == 4_000
    assert all(acts[op] > 200 for op in MADE)
    assert 4_000 < acts[Op.LIKE] <= 8_000


@pytest.mark.parametrize(
    ("people", "follows", "tweets", "sentence"),
    [
        (1, 0, 0, "a world of 1 people cannot be made; it takes 2 to 5,760,000"),
        (6_000_000, 0, 0, "a world of 6,000,000 people cannot be made; it takes 2 to 5,760,000"),
        (10, 23, 0, "10 people cannot follow 23 times; the limit is 22"),
        (10, -1, 0, "10 people cannot follow -1 times; the limit is 22"),
        (10, 0, -1, "-1 tweets cannot be made; the least is 0"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_a_sentence(
    people: int, follows: int, tweets: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Size(people=people, follows=follows, tweets=tweets)
