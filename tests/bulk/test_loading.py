"""A bulk load leaves what the public API would have left, and the platform cannot tell."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.bulk.dumps import Names, dump, names, told
from tests.bulk.replay import replay, sign_in
from tests.rpc.serving import PASSWORD, Person, Serving, serving

from aviary.api.fanout.v1.fanout_pb2 import GetProgressRequest
from aviary.api.reconcile.v1.reconcile_pb2 import ReconcileRequest
from aviary.api.users.v1.users_pb2 import GetUserRequest
from aviary.bulk import loading
from aviary.errors import Unavailable
from aviary.lifecycle import locked
from aviary.seed.bulk import fill
from aviary.seed.call import Op
from aviary.seed.doings import Doings
from aviary.seed.multitude import Multitude, Size
from aviary.settings import Settings

WORLD = Multitude(Size(people=16, follows=60, tweets=60), seed=3)
STORES = ("users", "graph", "tweets", "fanout")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The same world in two folders."""

    bulk: Settings
    api: Settings


@pytest.fixture
def tiered(settings: Settings) -> Settings:
    """Authors of every tier among sixteen people."""
    return replace(settings, fanout_small_followers=4, fanout_mid_followers=5, fanout_pull_followers=8)


@pytest.fixture
async def loaded(tiered: Settings, tmp_path: Path) -> Loaded:
    bulk = replace(tiered, data_dir=tmp_path / "bulk")
    api = replace(tiered, data_dir=tmp_path / "api")
    async with loading(bulk, password=PASSWORD) as stores:
        await fill(WORLD, stores)
    async with serving(api) as served:
        await replay(WORLD, served)
    return Loaded(bulk, api)


@pytest.fixture
async def served(tiered: Settings) -> AsyncIterator[Serving]:
    async with loading(tiered, password=PASSWORD) as stores:
        await fill(WORLD, stores)
    async with serving(tiered) as served:
        yield served


async def test_a_bulk_load_and_the_public_api_leave_the_same(loaded: Loaded) -> None:
    by_bulk, by_api = names(loaded.bulk.data_dir), names(loaded.api.data_dir)
    for store in STORES:
        bulk = dump(loaded.bulk.data_dir / f"{store}.db", by_bulk)
        api = dump(loaded.api.data_dir / f"{store}.db", by_api)
        assert bulk.keys() == api.keys()
        for table in api:
            assert _comparable(table, bulk[table]) == _comparable(table, api[table]), f"{store}.{table}"

    assert await _surfaces(loaded.bulk, by_bulk) == await _surfaces(loaded.api, by_api)


async def test_the_world_of_the_comparison_has_everything_in_it(tiered: Settings) -> None:
    done = {call.op for call in Doings(WORLD)}
    followers = [sum(each in idols for idols in WORLD.following) for each in range(WORLD.size.people)]

    assert done == {Op.POST, Op.REPLY, Op.QUOTE, Op.RETWEET, Op.LIKE}
    assert max(followers) >= tiered.fanout_pull_followers
    assert any(tiered.fanout_mid_followers <= each < tiered.fanout_pull_followers for each in followers)


async def test_every_tier_holds_from_its_authors_first_tweet(served: Serving) -> None:
    folder = served.platform.settings.data_dir
    with (
        closing(sqlite3.connect(folder / "fanout.db")) as fanout,
        closing(sqlite3.connect(folder / "tweets.db")) as tweets,
    ):
        first = dict(tweets.execute("SELECT author_id, min(id) FROM tweets GROUP BY author_id"))
        tiers = fanout.execute("SELECT author_id, from_id FROM tiers").fetchall()

    assert tiers
    assert all(first[author] == from_id for author, from_id in tiers)


async def test_after_a_bulk_load_no_consumer_has_anything_to_do(served: Serving) -> None:
    progress = await served.clients.fanout.GetProgress(GetProgressRequest(), metadata=served.as_operator())

    assert progress.committed_offset == progress.end_offset > WORLD.size.tweets
    assert progress.appended_entries == 0


async def test_after_a_bulk_load_no_counter_has_drifted(served: Serving) -> None:
    clients, operator = served.clients, served.as_operator()
    drifts = [
        drift
        for service in (clients.tweets, clients.graph)
        async for drift in service.Reconcile(ReconcileRequest(), metadata=operator)
    ]

    assert drifts[-1].examined > 0
    assert [drift.counter for drift in drifts if drift.counter] == []


async def test_what_is_posted_after_a_bulk_load_reaches_the_followers(served: Serving) -> None:
    who, idol = next((who, idols[0]) for who, idols in enumerate(WORLD.following) if idols)
    reader, author = await sign_in(served, who), await sign_in(served, idol)
    before = await reader.home()
    posted = await author.tweet("after the load")
    await served.settle()

    assert await reader.home() == [posted.id, *before]


async def test_ids_go_on_above_those_of_a_bulk_load(served: Serving) -> None:
    with closing(sqlite3.connect(served.platform.settings.data_dir / "tweets.db")) as tweets:
        (newest,) = tweets.execute("SELECT max(event_id) FROM outbox").fetchone()

    assert (await (await sign_in(served, 0)).tweet("newer")).id > newest


async def test_a_folder_that_holds_stores_is_not_loaded_into(served: Serving, tiered: Settings, tmp_path: Path) -> None:
    other = replace(tiered, data_dir=tmp_path / "used")
    other.data_dir.mkdir()
    (other.data_dir / "users.db").touch()

    with pytest.raises(Unavailable, match=r"holds users\.db; a bulk load takes an empty one"):
        async with loading(other, password=PASSWORD):
            pytest.fail("it began")
    assert sorted(each.name for each in other.data_dir.iterdir()) == ["lock", "users.db"]


async def test_a_folder_that_a_platform_runs_on_is_not_loaded_into(tiered: Settings) -> None:
    tiered.data_dir.mkdir()
    with locked(tiered.data_dir), pytest.raises(Unavailable, match="another Aviary runs on the data folder"):
        async with loading(tiered, password=PASSWORD):
            pytest.fail("it began")


async def test_a_load_that_fails_leaves_nothing_and_can_be_repeated(tiered: Settings) -> None:
    with pytest.raises(RuntimeError, match="the power went out"):
        await _cut_short(tiered)
    assert [each.name for each in tiered.data_dir.iterdir()] == ["lock"]

    async with loading(tiered, password=PASSWORD) as stores:
        assert len((await fill(WORLD, stores)).people) == WORLD.size.people


async def _cut_short(settings: Settings) -> None:
    async with loading(settings, password=PASSWORD) as stores:
        await fill(WORLD, stores)
        raise RuntimeError("the power went out")


def _comparable(table: str, rows: list[Any]) -> list[Any]:
    if table != "tiers":
        return rows
    # Four workers raise tiers side by side, so the order and the tweet that did it are not said.
    return sorted((row["author_id"], row["tier"]) for row in rows)


async def _surfaces(settings: Settings, known: Names) -> list[Any]:
    """What everybody reads: their home, everybody's timeline and everybody's profile."""
    async with serving(settings) as served:
        people = [await sign_in(served, number) for number in range(WORLD.size.people)]
        return [await _read(who, people, known) for who in people]


async def _read(who: Person, people: list[Person], known: Names) -> list[Any]:
    home = await who.home_page(limit=100)
    timelines = [await who.user_page(other.id, limit=100) for other in people[:4]]
    profile = await who.clients.users.GetUser(GetUserRequest(id=who.id), metadata=who.signed)
    return [told(each, known) for each in (*home.tweets, *(t for page in timelines for t in page.tweets), profile)]
