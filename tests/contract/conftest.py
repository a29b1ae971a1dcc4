"""The stores under contract, each on every adapter that there is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.stores import Stores
from tests.contract.tweets import Kept
from tests.contract.upkeep import LookedAfter, Upkept, graph_looked_after, tweets_looked_after
from tests.graph.stores import StoppedClock, opened

from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.tweets.agenda import SqliteAgendaStore
from aviary.storage.sqlite.tweets.conversations import SqliteConversationStore
from aviary.storage.sqlite.tweets.counters import SqliteCounterStore
from aviary.storage.sqlite.tweets.drafts import SqliteDraftStore
from aviary.storage.sqlite.tweets.engagement import SqliteEngagementStore
from aviary.storage.sqlite.tweets.indices import SqliteIndexStore
from aviary.storage.sqlite.tweets.own import SqliteOwnStore
from aviary.storage.sqlite.tweets.polls import SqlitePollStore
from aviary.storage.sqlite.tweets.removal import SqliteRemovalStore
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.tweets.upkeep.personal import TweetFiles

OpenDatabase = Callable[..., Database]


@pytest.fixture(scope="session")
def tables_address(request: pytest.FixtureRequest) -> str:
    """The host:port of real tables: the ones that AVIARY_TEST_TABLES names, else a server of this run."""
    return os.environ.get("AVIARY_TEST_TABLES") or request.getfixturevalue("cassandra").address


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


@pytest.fixture(params=["sqlite"])
async def kept(tweets_file: Database) -> Kept:
    return Kept(SqliteTweetStore(tweets_file), SqliteIndexStore(tweets_file), SqliteEventLog(tweets_file))


@pytest.fixture
async def tweets_file(open_database: OpenDatabase) -> Database:
    return open_database("tweets")


@pytest.fixture(params=["sqlite"])
async def stores(tweets_file: Database, clock: Clock) -> Stores:
    return Stores(
        tweets=Kept(SqliteTweetStore(tweets_file), SqliteIndexStore(tweets_file), SqliteEventLog(tweets_file)),
        engagement=SqliteEngagementStore(tweets_file),
        polls=SqlitePollStore(tweets_file),
        drafts=SqliteDraftStore(tweets_file),
        agenda=SqliteAgendaStore(tweets_file),
        clock=clock,
    )


@pytest.fixture
async def upkept(stores: Stores, tweets_file: Database) -> Upkept:
    own = SqliteOwnStore(tweets_file)
    return Upkept(
        stores=stores,
        conversations=SqliteConversationStore(tweets_file),
        removal=SqliteRemovalStore(tweets_file),
        counters=SqliteCounterStore(tweets_file),
        personal=TweetFiles(own, stores.clock),
        own=own,
    )


@pytest.fixture(params=["tweets", "graph"])
async def looked_after(
    request: pytest.FixtureRequest, upkept: Upkept, tweets_file: Database, tmp_path: Path
) -> AsyncIterator[LookedAfter]:
    if request.param == "tweets":
        yield await tweets_looked_after(upkept, tweets_file)
    else:
        with opened(tmp_path, StoppedClock()) as stores:
            yield await graph_looked_after(stores)
