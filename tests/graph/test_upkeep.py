"""The graph as a whole: somebody leaves it, takes along what it keeps, and its counters are recounted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from tests.contract.upkeep import GRAPH_FILES, drifts
from tests.graph.asking import block, delete_account, make_list, mute, protect
from tests.graph.stores import ADA, BOB, CYD, DAN, START_MS, Stores, claim, fill
from tests.rpc.serving import serving
from tests.rpc.waiting import until

from aviary import ids
from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.personal.v1 import personal_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.errors import Forbidden, NotFound
from aviary.events.v1 import events_pb2
from aviary.graph.store import Counts
from aviary.settings import Settings
from aviary.standing import APART, Standing

UNFOLLOWED = events_pb2.EVENT_TYPE_UNFOLLOWED


@pytest.mark.parametrize("at_once", [1, 2, 500])
async def test_an_erased_person_is_in_no_table(stores: Stores, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(sys.modules[type(stores.removal).__module__], "_AT_ONCE", at_once)
    hers, his = await fill(stores)
    await stores.settle()
    assert sorted(await stores.tables_with(ADA)) == sorted(stores.naming)
    await stores.removal.erase(ADA)
    await stores.settle()

    assert await stores.tables_with(ADA) == []
    assert await stores.tables_with(hers) == []
    assert await stores.counts(BOB, CYD) == [Counts(0, 1), Counts(1, 0)]
    left = (await stores.lists.get_many([his]))[his]
    assert (left.members, left.followers) == (2, 0)


async def test_an_erasure_moves_the_versions_of_others_and_tells_of_each_follow(stores: Stores) -> None:
    await fill(stores)
    before = {each: await stores.graph.sources(each, if_version_not=None) for each in (BOB, DAN)}
    known = len(await stores.events())
    await stores.removal.erase(ADA)

    after = {each: await stores.graph.sources(each, if_version_not=None) for each in (BOB, DAN)}
    assert sorted(after[BOB].ids or ()) == [BOB, CYD]
    assert after[BOB].sources_version > before[BOB].sources_version
    assert after[DAN].follow_version > before[DAN].follow_version
    told = [event for event in (await stores.events())[known:] if event.type == UNFOLLOWED]
    assert sorted((event.key, event.target_id, event.actor_id) for event in told) == [(ADA, BOB, 0), (BOB, ADA, 0)]


async def test_an_erasure_begun_and_left_is_finished_by_the_next_and_repeats_change_nothing(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[type(stores.removal).__module__], "_AT_ONCE", 1)
    await fill(stores)
    started = asyncio.create_task(stores.removal.erase(ADA))
    known = len(await stores.events())

    async def has_begun() -> bool:
        return len(await stores.events()) > known

    await until(has_begun, what="some of it was erased")
    started.cancel()
    await asyncio.gather(started, return_exceptions=True)
    await stores.removal.erase(ADA)
    assert await stores.tables_with(ADA) == []

    told = len(await stores.events())
    await stores.removal.erase(ADA)
    assert len(await stores.events()) == told
    assert await stores.counts(BOB, CYD) == [Counts(0, 1), Counts(1, 0)]


async def test_whoever_was_let_in_before_an_erasure_writes_nothing_behind_it(stores: Stores) -> None:
    _, his = await fill(stores)
    await stores.removal.erase(ADA)

    for late in (
        stores.graph.follow(BOB, ADA, protected=False, claim=None),
        stores.graph.follow(ADA, BOB, protected=True, claim=None),
        stores.relations.block(BOB, ADA, claim=None),
        stores.relations.mute(ADA, BOB, until_ms=0, claim=None),
        stores.relations.accept(BOB, ADA, claim=None),
        stores.lists.create(ADA, name="late", description="", private=False, claim=claim(ADA)),
        stores.lists.add_member(his, ADA, claim=None),
        stores.lists.follow(his, ADA, claim=None),
    ):
        with pytest.raises(NotFound, match=f"user {ADA}"):
            await late
    assert await stores.tables_with(ADA) == []


async def test_a_deleted_account_leaves_the_graph_by_way_of_the_log(settings: Settings) -> None:
    async with serving(settings) as served:
        ada, bob, cyd = await served.register("ada", "bob", "cyd")
        await ada.follow(bob)
        await bob.follow(ada, cyd)
        await make_list(bob, "his", ada, cyd)
        await mute(cyd, ada)
        await delete_account(ada)
        await served.settle()

        asked = graph_pb2.BatchGetCountsRequest(ids=[bob.id, cyd.id])
        counts = (await served.clients.graph.BatchGetCounts(asked, metadata=served.as_operator())).counts
        assert [(each.follower_count, each.following_count) for each in counts] == [(0, 1), (1, 0)]
        sources = graph_pb2.GetSourcesRequest(viewer_id=bob.id)
        found = await served.clients.graph.GetSources(sources, metadata=served.as_operator())
        assert sorted(ids.unpack(found.ids)) == [bob.id, cyd.id]
        left = await served.database("graph").read(
            lambda reader: [
                reader.execute(f"SELECT count(*) FROM {table} WHERE {column} = ?", (ada.id,)).fetchone()[0]
                for table, column in (
                    ("follows", "follower_id"),
                    ("follows", "followee_id"),
                    ("bonds", "member_id"),
                    ("list_bonds", "user_id"),
                    ("accounts", "user_id"),
                )
            ]
        )
        assert left == [0, 0, 0, 0, 0]


async def _taken(stores: Stores, user_id: int) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    async for piece in stores.personal.of(user_id):
        files[piece.file].extend(json.loads(row) for row in piece.rows)
    return files


@pytest.mark.parametrize("at_once", [1, 500])
async def test_a_person_takes_along_all_that_is_active(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(sys.modules[type(stores.personal).__module__], "_AT_ONCE", at_once)
    hers, his = await fill(stores)
    await stores.relations.mute(ADA, BOB, until_ms=START_MS + 1_000, claim=None)
    files = await _taken(stores, ADA)
    people = {
        name: [row["user_id"] for row in files[name]]
        for name in ("following", "followers", "blocks", "mutes", "follow_requests_sent", "follow_requests_received")
    }

    assert people == {
        "following": [str(BOB)],
        "followers": [str(BOB)],
        "blocks": ["5"],
        "mutes": [str(DAN), str(BOB)],
        "follow_requests_sent": [str(DAN)],
        "follow_requests_received": [str(DAN)],
    }
    assert [row["expires_at"] for row in files["mutes"]] == [None, "2026-09-21T14:13:21.000Z"]
    assert files["following"][0]["followed_at"].startswith("2026-09-21T14:13:20")
    (listed,) = files["lists"]
    assert (listed["list_id"], listed["name"], listed["description"], listed["private"]) == (
        str(hers),
        "hers",
        "of Ada",
        True,
    )
    assert sorted(row["list_id"] for row in files["followed_lists"]) == sorted([str(hers), str(his)])
    assert [(row["list_id"], row["user_id"]) for row in files["list_members"]] == [
        (str(hers), str(ADA)),
        (str(hers), str(BOB)),
    ]


async def test_the_export_of_a_person_comes_in_files(settings: Settings) -> None:
    async with serving(settings, workers=False) as served:
        ada, bob, cyd = await served.register("ada", "bob", "cyd")
        await ada.follow(bob)
        await block(ada, cyd)
        stream = served.clients.graph.StreamPersonalData(
            personal_pb2.PersonalDataRequest(user_id=ada.id), metadata=served.as_operator()
        )
        files = {piece.file: [json.loads(row)["user_id"] for row in piece.rows] async for piece in stream}
        assert files == {file: [] for file in GRAPH_FILES} | {"following": [str(bob.id)], "blocks": [str(cyd.id)]}


async def test_counters_equal_their_relations_whatever_fifty_people_do_at_once(stores: Stores) -> None:
    graph, relations, lists = stores.graph, stores.relations, stores.lists
    people = range(900_010, 900_018)
    made = [await lists.create(one, name="l", description="", private=False, claim=None) for one in people]
    list_ids = [list_id for list_id, _ in made]

    async def act(chance: random.Random) -> None:
        for _ in range(12):
            one, other = chance.sample(people, 2)
            list_id = chance.choice(list_ids)
            deeds: list[Callable[[], Awaitable[object]]] = [
                partial(graph.follow, one, other, protected=chance.random() < 0.3, claim=None),
                partial(graph.follow, one, other, protected=False, claim=None),
                partial(graph.unfollow, one, other),
                partial(graph.remove_follower, one, other),
                partial(relations.accept, one, other, claim=None),
                partial(relations.block, one, other, claim=None),
                partial(relations.unblock, one, other),
                partial(lists.add_member, list_id, one, claim=None),
                partial(lists.remove_member, list_id, one, actor_id=one),
                partial(lists.follow, list_id, one, claim=None),
                partial(lists.unfollow, list_id, one),
            ]
            with contextlib.suppress(Forbidden, NotFound):
                await chance.choice(deeds)()

    await asyncio.gather(*(act(random.Random(seed)) for seed in range(50)), stores.removal.erase(900_010))

    await stores.settle()
    assert await drifts(stores.counters) == []
    assert await stores.tables_with(900_010) == []
    for one, other in itertools.permutations(people, 2):
        (standing,) = await relations.standings(one, [other])
        assert not (standing & Standing.FOLLOWING and standing & APART)


async def test_a_recount_is_told_piece_by_piece(settings: Settings) -> None:
    async with serving(settings, workers=False) as served:
        ada, bob = await served.register("ada", "bob")
        await ada.follow(bob)
        await make_list(ada)
        await served.database("graph").write(
            lambda tx: tx.execute("UPDATE accounts SET following = 7 WHERE user_id = ?", (ada.id,))
        )
        request = reconcile_pb2.ReconcileRequest(repair=True)
        told = [drift async for drift in served.clients.graph.Reconcile(request, metadata=served.as_operator())]

        assert [(drift.counter, drift.entity_id, drift.stored, drift.counted, drift.repaired) for drift in told] == [
            ("accounts.following", ada.id, 7, 1, True),
            ("", 0, 0, 0, False),
            ("", 0, 0, 0, False),
        ]
        assert [drift.examined for drift in told] == [4, 4, 6]


async def test_a_protected_accounts_requests_die_with_the_asker(settings: Settings) -> None:
    async with serving(settings) as served:
        ada, bob = await served.register("ada", "bob")
        await protect(ada)
        await bob.follow(ada)
        await delete_account(bob)
        await served.settle()
        request = relations_pb2.ListOwnRequest()
        assert not (await ada.clients.relations.ListFollowRequests(request, metadata=ada.signed)).users
