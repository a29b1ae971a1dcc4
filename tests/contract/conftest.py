"""The stores under contract, each on every adapter that there is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.contract import tables
from tests.contract.stores import Backing, Stores, stores_in
from tests.contract.tweets import Kept
from tests.contract.upkeep import LookedAfter, Upkept, graph_looked_after, tweets_looked_after, upkept_in
from tests.graph import stores as graph

from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.storage.sqlite.database import Database

OpenDatabase = Callable[..., Database]
ADAPTERS = ["sqlite", pytest.param("scylla", marks=pytest.mark.cluster)]


@pytest.fixture(scope="session")
def tables_address(request: pytest.FixtureRequest) -> str:
    """The host:port of real tables."""
    address: str = request.getfixturevalue("cassandra")
    return address


@pytest.fixture
def open_database(tmp_path: Path, clock: Clock, metrics: Metrics) -> Iterator[OpenDatabase]:
    """Opens files of this test's own folder, and closes them when it ends."""
    opened: list[Database] = []

    def open_(name: str, *, queue_size: int = 1_000, group: int = 64, on: Clock = clock) -> Database:
        path = tmp_path / f"{name}.db"
        opened.append(Database(path, clock=on, metrics=metrics, queue_size=queue_size, group=group, readers=2))
        return opened[-1]

    yield open_
    for database in opened:
        database.close()  # closing twice is harmless


@pytest.fixture
async def tweets_file(open_database: OpenDatabase) -> Database:
    return open_database("tweets")


@pytest.fixture(params=ADAPTERS)
async def backing(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[Backing]:
    """The tweets' file or keyspace, empty."""
    if request.param == "sqlite":
        open_database: OpenDatabase = request.getfixturevalue("open_database")
        yield open_database("tweets")
        return
    address = request.getfixturevalue("tables_address")
    async with tables.opened(address, "tweets") as keyspace, tables.writing(keyspace, clock) as writer:
        yield writer


@pytest.fixture
async def stores(backing: Backing, clock: Clock) -> Stores:
    return stores_in(backing, clock)


@pytest.fixture
def kept(stores: Stores) -> Kept:
    return stores.tweets


@pytest.fixture
async def upkept(stores: Stores, backing: Backing) -> Upkept:
    return upkept_in(backing, stores)


@pytest.fixture(params=ADAPTERS)
async def graph_stores(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[graph.Stores]:
    """The graph's stores, empty."""
    if request.param == "sqlite":
        with graph.opened(tmp_path, clock) as stores:
            yield stores
        return
    async with graph.opened_in_tables(request.getfixturevalue("tables_address"), clock) as kept_in_tables:
        yield kept_in_tables


@pytest.fixture(params=["tweets", "graph"])
async def looked_after(
    request: pytest.FixtureRequest, upkept: Upkept, backing: Backing, tmp_path: Path
) -> AsyncIterator[LookedAfter]:
    if request.param == "tweets":
        yield await tweets_looked_after(upkept, backing)
    elif isinstance(backing, Database):
        with graph.opened(tmp_path, graph.StoppedClock()) as in_file:
            yield await graph_looked_after(in_file)
    else:
        address = request.getfixturevalue("tables_address")
        async with graph.opened_in_tables(address, graph.StoppedClock()) as in_tables:
            yield await graph_looked_after(in_tables)
