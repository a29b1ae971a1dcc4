"""No call of the graph reads a table from end to end: SQLite's own plan of every statement is looked at."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.contract.upkeep import drifts
from tests.graph.stores import SqliteStores, StoppedClock, opened

from aviary.graph.lists.store import ListChanges
from aviary.ids import MAX_ID
from aviary.upkeep.store import Drift

ADA, BOB = 1, 2
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
# Reads a whole table or index, or sorts what it found; a list of values that the statement itself brings is neither.
_SCAN = re.compile(r"\bSCAN (follows|bonds|accounts|lists|list_bonds|claims|outbox)\b|TEMP B-TREE FOR ORDER BY")


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[SqliteStores]:
    """What is asked of other tables, they count in round trips."""
    with opened(tmp_path, StoppedClock()) as stores:
        yield stores


class Statements:
    """What a connection is asked to do while somebody watches."""

    def __init__(self, stores: SqliteStores) -> None:
        self._stores = stores
        self.seen: set[str] = set()

    async def of(self, *works: Awaitable[object]) -> set[str]:
        for connection in self._stores.database._open_connections:
            connection.set_trace_callback(self.seen.add)
        for work in works:
            await work
        for connection in self._stores.database._open_connections:
            connection.set_trace_callback(None)
        return {each for each in self.seen if each.lstrip().startswith(_PLANNED)}


async def warmed(stores: SqliteStores) -> int:
    """Make a list, and open every connection that there will be."""
    list_id, _ = await stores.lists.create(ADA, name="birds", description="", private=False, claim=None)
    await stores.graph.counts([ADA])
    return list_id


def plans(stores: SqliteStores, statements: set[str]) -> dict[str, list[str]]:
    with closing(sqlite3.connect(stores.file)) as connection:
        return {
            each: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")] for each in sorted(statements)
        }


def scanning(stores: SqliteStores, statements: set[str]) -> dict[str, list[str]]:
    assert statements
    return {statement: steps for statement, steps in plans(stores, statements).items() if any(map(_SCAN.search, steps))}


async def test_no_read_scans_a_table(stores: SqliteStores) -> None:
    list_id = await warmed(stores)
    graph, relations, lists = stores.graph, stores.relations, stores.lists
    at = {"below": MAX_ID, "limit": 20}
    statements = await Statements(stores).of(
        graph.are_following([(ADA, BOB)]),
        graph.followers(ADA, **at),
        graph.following(ADA, **at),
        graph.followers_among(ADA, [BOB]),
        graph.follower_ids(ADA, after=0, limit=20),
        graph.sources(ADA, if_version_not=None),
        graph.counts([ADA, BOB]),
        relations.asks(ADA, BOB),
        relations.blocks(ADA, **at),
        relations.mutes(ADA, **at),
        relations.requests(ADA, **at),
        relations.standings(ADA, [BOB, 3]),
        lists.get_many([list_id]),
        lists.owned(ADA, **at),
        lists.members(list_id, **at),
        lists.followers(list_id, **at),
        lists.memberships(ADA, **at),
        lists.followed(ADA, **at),
        lists.followed_among(ADA, [list_id]),
    )

    assert len(statements) >= 17
    assert scanning(stores, statements) == {}


async def test_no_write_scans_a_table(stores: SqliteStores) -> None:
    list_id = await warmed(stores)
    graph, relations, lists = stores.graph, stores.relations, stores.lists
    statements = await Statements(stores).of(
        graph.follow(ADA, BOB, protected=True, claim=None),
        relations.accept(BOB, ADA, claim=None),
        graph.unfollow(ADA, BOB),
        graph.follow(ADA, BOB, protected=False, claim=None),
        graph.remove_follower(BOB, ADA),
        relations.mute(ADA, BOB, until_ms=2**60, claim=None),
        relations.mute(ADA, BOB, until_ms=0, claim=None),
        relations.unmute(ADA, BOB),
        lists.update(list_id, ADA, ListChanges(name="cats")),
        lists.add_member(list_id, BOB, claim=None),
        lists.follow(list_id, BOB, claim=None),
        relations.block(ADA, BOB, claim=None),
        relations.unblock(ADA, BOB),
        lists.remove_member(list_id, BOB, actor_id=ADA),
        lists.unfollow(list_id, BOB),
        lists.delete(list_id, ADA),
        lists.sweep(),
    )

    assert len(statements) >= 25
    assert scanning(stores, statements) == {}


async def test_neither_an_erasure_nor_an_export_nor_a_recount_scans_a_table(stores: SqliteStores) -> None:
    await warmed(stores)
    await stores.graph.follow(ADA, BOB, protected=False, claim=None)

    async def export() -> None:
        async for _ in stores.personal.of(ADA):
            pass

    counters = stores.counters

    async def recount() -> None:
        for drift in (Drift(counter="accounts.followers", entity_id=BOB, stored=0, counted=1), *await drifts(counters)):
            await counters.repair(drift)

    statements = await Statements(stores).of(export(), recount(), stores.removal.erase(ADA))
    assert len(statements) >= 30
    assert scanning(stores, statements) == {}


@pytest.mark.parametrize(
    ("ask", "most"),
    [
        (lambda stores: stores.graph.sources(ADA, if_version_not=None), 3),
        (lambda stores: stores.graph.sources(ADA, if_version_not=1), 1),
        (lambda stores: stores.relations.standings(ADA, range(2, 500)), 1),
    ],
    ids=["sources", "unchanged sources", "standings"],
)
async def test_what_every_page_asks_takes_as_many_statements_whatever_it_holds(
    stores: SqliteStores, ask: Callable[[SqliteStores], Awaitable[object]], most: int
) -> None:
    await stores.graph.follow(ADA, BOB, protected=False, claim=None)
    await warmed(stores)
    few = await Statements(stores).of(ask(stores))
    for other in range(3, 60):
        await stores.graph.follow(other, ADA, protected=False, claim=None)
        await stores.relations.mute(other, ADA, until_ms=0, claim=None)

    assert len(few) == len(await Statements(stores).of(ask(stores))) == most
