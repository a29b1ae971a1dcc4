"""Graphs and texts as they come, the worlds made up in their stead, and the plan of a load."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aviary.seed.call import Op
from aviary.seed.invention import invent
from aviary.seed.people import MOST_PEOPLE, password, person
from aviary.seed.plan import plan
from aviary.seed.texts import MOST_WEIGHT, clean, read_texts, weight_bound
from aviary.seed.world import World, read_edges

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content.encode())
        return path

    return written


@pytest.mark.parametrize(
    "content",
    [
        "7 8\n7 9\n",
        "# a comment\n7 8\r\n\r\n7 9",
        "source target\n7 8\n7 9\n",
        "7,8,0.5\n7,9,0.25\n",
        "%%MatrixMarket matrix coordinate\n% note\n9 9 2\n7 8\n7 9\n",
        "7\t8\n8 7\n7 7\n7 9\n7 9\n",
    ],
)
def test_an_edge_is_a_follow_each_way(write: Write, content: str) -> None:
    assert read_edges(write(content)) == (3, ((0, 1), (1, 0), (0, 2), (2, 0)))


def test_a_directed_edge_is_a_follow_one_way(write: Write) -> None:
    assert read_edges(write("ann bob\nbob cid\n"), directed=True) == (3, ((0, 1), (1, 2)))


def test_a_line_that_is_no_edge_is_named(write: Write) -> None:
    with pytest.raises(ValueError, match="line 2 has one column; an edge needs two"):
        read_edges(write("1 2\n3\n"))


@pytest.mark.parametrize("content", ["", "# nothing\n", "1 1\n"])
def test_a_graph_without_edges_is_refused(write: Write, content: str) -> None:
    with pytest.raises(ValueError, match="holds no edge"):
        read_edges(write(content))


def test_a_text_is_the_last_column_unescaped_and_tidied(write: Write) -> None:
    content = "1\t0.5\tI &lt;3  tea &amp; toast\r\n\r\nplain\x07line\ncafe\u0301\n"
    assert read_texts(write(content)) == ("I <3 tea & toast", "plain line", "caf\u00e9")


def test_a_file_without_texts_is_refused(write: Write) -> None:
    with pytest.raises(ValueError, match="holds no text"):
        read_texts(write("\n\r\n"))


@given(st.text(max_size=600))
def test_a_clean_text_is_never_too_heavy_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)

    assert weight_bound(cleaned) <= MOST_WEIGHT
    # Unescaping may bring out another entity, as in "&amp;lt;".
    assert "&" in cleaned or clean(cleaned) == cleaned


@given(st.integers(0, 12), st.integers(0, 30))
def test_short_addresses_count_as_much_as_any(addresses: int, words: int) -> None:
    text = clean(" ".join(["a.co"] * addresses + ["word"] * words))

    assert text.count("a.co") * 23 + len(text.replace("a.co", "")) <= MOST_WEIGHT


def test_names_are_valid_unique_and_the_same_each_time() -> None:
    names = [person(number).username for number in range(5_000)]

    assert len({name.lower() for name in names}) == 5_000
    assert all(re.fullmatch(r"[A-Za-z0-9_]{1,15}", name) for name in [*names, person(MOST_PEOPLE - 1).username])
    assert names[:2] == [person(0).username, person(1).username]


def test_there_are_only_so_many_names() -> None:
    with pytest.raises(ValueError, match=f"there are names for {MOST_PEOPLE} people"):
        person(MOST_PEOPLE)


def test_passwords_are_of_a_run_and_a_person() -> None:
    assert len({password(run, number) for run in ("a", "b") for number in range(10)}) == 20


def test_an_invented_world_is_connected_uneven_and_repeatable() -> None:
    world = invent(200)
    followers = [sum(whom == who for _, whom in world.follows) for who in range(200)]

    assert world == invent(200)
    assert world.follows != invent(200, seed=2).follows
    assert all(who != whom for who, whom in world.follows)
    assert {who for who, _ in world.follows} == set(range(1, 200)) | {0}
    assert max(followers) > 4 * sorted(followers)[100]


def test_invented_texts_mention_people_who_exist() -> None:
    world = invent(30)
    mentioned = {name for text in world.texts for name in re.findall(r"@(\w+)", text)}

    assert mentioned
    assert mentioned <= {person(number).username for number in range(30)}


def test_a_plan_is_repeatable_and_numbered_in_order() -> None:
    world = invent(30)
    stages = plan(world, tweets_per_user=20, seed=1)
    calls = [call for stage in stages for call in stage.calls]

    assert stages == plan(world, tweets_per_user=20, seed=1)
    assert stages != plan(world, tweets_per_user=20, seed=2)
    assert [call.index for call in calls] == list(range(len(calls)))
    assert {call.op for call in calls} == set(Op)


def test_a_plan_follows_every_edge_once_at_least() -> None:
    world = invent(30)
    calls = [call for stage in plan(world, tweets_per_user=5, seed=1) for call in stage.calls]

    assert {(call.who, call.whom) for call in calls if call.op is Op.FOLLOW} == set(world.follows)


def test_a_plan_removes_only_what_an_earlier_stage_made() -> None:
    stages = plan(invent(30), tweets_per_user=20, seed=1)
    removals = 0
    for stage in stages:
        for call in stage.calls:
            if call.op in {Op.DELETE, Op.UNRETWEET}:
                removals += 1
                assert call.of is not None
                assert call.of < stage.calls[0].index

    assert removals > 10


def test_a_plan_without_texts_is_refused() -> None:
    with pytest.raises(ValueError, match="3 tweets per user need texts"):
        plan(World(2, ((0, 1),), ()), tweets_per_user=3, seed=1)


def test_nobody_is_told_to_act_on_whatis_gone() -> None:
    """By the plan's own order, every tweet acted upon was made before and not removed."""
    rng = Random(1)
    for _ in range(5):
        there: set[int] = set()
        for stage in plan(invent(20, seed=rng.randrange(99)), tweets_per_user=20, seed=rng.randrange(99)):
            for call in stage.calls:
                assert call.of is None or call.of in there
                if call.op is Op.DELETE and call.of is not None:
                    there.discard(call.of)
                elif call.op in {Op.POST, Op.REPLY, Op.QUOTE, Op.RETWEET}:
                    there.add(call.index)
