"""The stores under contract, each on every adapter that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.tweets import Kept

from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.tweets import SqliteTweetStore

OpenDatabase = Callable[..., Database]


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
async def kept(open_database: OpenDatabase) -> Kept:
    database = open_database("tweets")
    return Kept(SqliteTweetStore(database), SqliteEventLog(database))
