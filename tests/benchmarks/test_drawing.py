"""What scenarios ask for is what their files say: the mix, where pages begin, what is written, and when."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from benchmarks import drawing
from benchmarks.crowd import Person
from benchmarks.drawing import Composed, EachOnce, Interrupted, Mixture, Page, Wish
from benchmarks.load import Exchange
from benchmarks.scenario import Composing, Operations, Reading
from benchmarks.schedule import along, share_at
from benchmarks.settlement import LIMITED, Settlement
from benchmarks.subject import SubjectFailed
from benchmarks.wire import Answer
from hypothesis import given, settings
from hypothesis import strategies as st

from aviary import _native

PEOPLE = tuple(Person(str(number), f"token{number}") for number in range(20))
PLACE = Settlement(
    people=PEOPLE,
    names=tuple(f"person{number}" for number in range(20)),
    followers=tuple(tuple(each for each in range(20) if each != who) for who in range(20)),
    texts=("hello",),
    world="a test",
    celebrity=Person("99", "token99"),
)
MIX = Operations(
    home=Reading(weight=60, page=10, start=(0, 100)),
    user=Reading(weight=30, page=10, start=(0, 100)),
    compose=Composing(weight=10, characters=256, mentions=(1, 6), urls=(1, 6)),
)


def found(*, size: int = 10) -> dict[str, list[Page]]:
    return {name: [Page(f"GET {name} {n}".encode(), size, 1 << 63) for n in range(50)] for name in ("home", "user")}


def answered(ids: list[int], status: int = 200) -> Answer:
    page = {"tweets": [{"id": str(id)} for id in ids], "pagination": {"next_cursor": "abc"}}
    return Answer(status, json.dumps(page).encode(), 0.0)


def test_a_mixture_has_its_weights() -> None:
    mixture = Mixture(MIX, found(), PLACE, seed=1)
    drawn = Counter(mixture.kind(number) for number in range(60_000))

    # Six standard deviations of a share of 60,000.
    assert drawn["home"] == pytest.approx(36_000, abs=720)
    assert drawn["user"] == pytest.approx(18_000, abs=675)
    assert drawn["compose"] == pytest.approx(6_000, abs=441)


def test_a_mixtures_requests_are_of_their_kind_and_judged_so() -> None:
    mixture = Mixture(MIX, found(), PLACE, seed=1)
    numbers = {mixture.kind(number): number for number in range(100)}

    for name in ("home", "user"):
        assert mixture.request(numbers[name]).startswith(f"GET {name}".encode())
        assert mixture.fault(Exchange(numbers[name], 0, 0, answered(list(range(9, 0, -1))))) == "9 tweets instead of 10"
        assert mixture.fault(Exchange(numbers[name], 0, 0, answered(list(range(10, 0, -1))))) == ""
    head, _, body = mixture.request(numbers["compose"]).partition(b"\r\n\r\n")
    sent = json.loads(body)["content"]
    assert head.startswith(b"POST /api/v1/tweets ")
    right = Answer(200, json.dumps({"id": "5", "content": sent}).encode(), 0.0)
    assert mixture.fault(Exchange(numbers["compose"], 0, 0, right)) == ""
    wrong = Answer(200, json.dumps({"id": "5", "content": "else"}).encode(), 0.0)
    assert mixture.fault(Exchange(numbers["compose"], 0, 0, wrong)) == "another content than was sent"


def test_pages_begin_anywhere_between_their_bounds() -> None:
    starts = Counter(wish.start for wish in drawing.wishes("home", Reading(start=(0, 100)), PLACE, seed=3, most=40_400))

    assert set(starts) == set(range(101))
    # 400 each: the chi-square of 100 degrees of freedom, whose deviation is 14.
    assert sum((count - 400) ** 2 / 400 for count in starts.values()) < 100 + 6 * 14.2


def test_homes_are_read_by_their_owners_and_users_by_anybody() -> None:
    homes = drawing.wishes("home", Reading(), PLACE, seed=3, most=drawing.enough(PLACE))
    users = drawing.wishes("user", Reading(), PLACE, seed=3, most=drawing.enough(PLACE))

    assert {wish.path for wish in homes} == {"/timeline/home"}
    assert {wish.path for wish in users} == {f"/timeline/user/{person.id}" for person in PEOPLE}
    assert {wish.token for wish in homes} == {wish.token for wish in users} == {person.token for person in PEOPLE}


class Timeline:
    """Answers as a timeline of `length` tweets does, whose cursor is understood, or passed over."""

    def __init__(self, length: int, *, knows_cursors: bool = True, status: int = 200) -> None:
        self._ids = list(range(length, 0, -1))
        self._knows_cursors = knows_cursors
        self._status = status
        self._skipped = 0

    async def send(self, request: bytes) -> Answer:
        line = request.split(b"\r\n", 1)[0].decode()
        limit = int(line.split("limit=")[1].split("&")[0].split()[0])
        if "cursor=abc" not in line:
            self._skipped = limit
            return answered(self._ids[:limit], self._status)
        begin = self._skipped if self._knows_cursors else 0
        return answered(self._ids[begin : begin + limit], self._status)


async def test_a_page_that_begins_later_is_found_by_its_cursor() -> None:
    [page] = await drawing.pages([Timeline(110)], [Wish("/timeline/home", "t", 100)], 10)  # type: ignore[list-item]

    assert b"/timeline/home?limit=10&cursor=abc" in page.request
    # Below the last of the hundred before it.
    assert page.below == 11


@pytest.mark.parametrize("timeline", [Timeline(99), Timeline(109), Timeline(300, knows_cursors=False)])
async def test_a_page_that_is_not_there_is_not_asked_for(timeline: Timeline) -> None:
    assert await drawing.pages([timeline], [Wish("/timeline/home", "t", 100)], 10) == []  # type: ignore[list-item]


async def test_limits_are_told_instead_of_an_empty_world() -> None:
    with pytest.raises(SubjectFailed) as told:
        await drawing.pages([Timeline(300, status=429)], [Wish("/timeline/home", "t", 5)], 10)  # type: ignore[list-item]
    assert str(told.value) == LIMITED


@given(st.integers(0, 10_000), st.integers(1, 280), st.integers(0, 6), st.integers(0, 6))
@settings(max_examples=200)
def test_what_is_composed_may_be_posted(seed: int, characters: int, mentions: int, urls: int) -> None:
    composing = Composing(characters=characters, mentions=(mentions, mentions), urls=(urls, urls))
    text = drawing.composed(composing, ["a" * 15], Random(seed))
    [parsed] = _native.parse_texts([text])

    assert parsed.weighted_length <= 280
    assert len(parsed.mentions) == mentions
    assert len(parsed.urls) == urls
    # As many as were asked for, or as fit.
    assert len(text.split()[0]) == characters or parsed.weighted_length == 280


def test_each_post_has_a_key_of_its_own() -> None:
    posts = Composed(Composing(), PEOPLE, PLACE.names, seed=1)
    keys = {posts.request(number).split(b"idempotency-key: ")[1].split(b"\r\n")[0] for number in range(5_000)}

    assert len(keys) == 5_000


def test_a_burst_comes_at_its_times_between_the_rest() -> None:
    mixture = Mixture(MIX, found(), PLACE, seed=1)
    posts = Composed(Composing(), [Person("99", "token99")], PLACE.names, seed=1)
    work = Interrupted(mixture, posts, due=[0.1, 0.2, 0.9], burst=[0.15, 0.5])

    assert work.due == [0.1, 0.15, 0.2, 0.5, 0.9]
    kinds = [work.kind(number) for number in range(5)]
    assert [kinds[1], kinds[3]] == ["celebrity", "celebrity"]
    assert [kinds[0], kinds[2], kinds[4]] == [mixture.kind(number) for number in range(3)]
    assert b"Bearer token99" in work.request(1)
    assert work.fault(Exchange(1, 0, 0, answered([], 503))) == "status 503"


def test_what_is_asked_once_is_asked_in_order() -> None:
    pages = drawing.first_pages(PLACE, 20)
    work = EachOnce(pages)

    assert [work.request(number) for number in range(20)] == [page.request for page in pages]
    assert len({page.request for page in pages}) == 20
    assert work.fault(Exchange(0, 0, 0, answered(list(range(20, 0, -1))))) == ""


def test_a_page_that_shows_what_stood_before_it_is_wrong() -> None:
    page = Page(b"", 3, below=7)

    assert page.fault(answered([6, 5, 4])) == ""
    assert page.fault(answered([7, 5, 4])) == "a tweet of the page before"


curves = st.lists(st.floats(0, 1), min_size=1, max_size=24).filter(lambda shares: max(shares) > 0.05)


@given(curves, st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_a_curve_integrates_to_what_was_asked(shares: list[float], seed: int) -> None:
    due = along(shares, peak=400, duration_s=50, seed=seed)
    # Straight from share to share and from the last to the first: the mean is that of the shares.
    expected = 400 * 50 * sum(shares) / len(shares)

    assert abs(len(due) - expected) < 6 * expected**0.5 + 1
    assert all(0 < earlier < later < 50 for earlier, later in pairwise(due))


def test_a_curve_has_its_rate_at_every_hour() -> None:
    shares = [1.0, 0.2, 0.0, 0.6]
    due = along(shares, peak=2_000, duration_s=40, seed=5)
    for step, share in enumerate(shares):
        here = sum(step * 10 <= at < step * 10 + 10 for at in due)
        expected = 2_000 * 10 * (share + shares[(step + 1) % 4]) / 2
        assert abs(here - expected) < 6 * expected**0.5
    assert [share_at(shares, place) for place in (0, 0.125, 0.25, 0.875)] == pytest.approx([1.0, 0.6, 0.2, 0.8])


@pytest.mark.parametrize("shares", [[], [0, 0], [0.5, 1.1], [-0.1, 1]])
def test_a_curve_that_is_none_is_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="a curve has shares from 0 to 1"):
        along(shares, peak=10, duration_s=1, seed=1)


def test_watchers_are_followers_and_no_more_than_wanted() -> None:
    watchers = PLACE.watchers([0, 1], 5)

    assert {len(each) for each in watchers.values()} == {5}
    assert PEOPLE[0] not in watchers["0"]
    assert set(PLACE.watchers([0], 50)["0"]) == set(PEOPLE[1:])
