"""Follows by the million are the follows that the graph's store writes one by one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from aviary.app.bulk import PastClock
from aviary.errors import Unavailable
from aviary.storage.sqlite.bulk import BulkDatabase
from aviary.storage.sqlite.graph.bulk import BulkFollows
from aviary.storage.sqlite.graph.follows import SqliteGraphStore

NOW_MS = 1_790_000_000_000
FOLLOWS = [(1, 2), (1, 3), (2, 3), (3, 2), (3, 1), (1, 4)]


async def test_the_rows_ids_and_events_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    await one_by_one(tmp_path / "one" / "graph.db")
    in_bulk(tmp_path / "many" / "graph.db", FOLLOWS)

    assert rows(tmp_path / "one" / "graph.db") == rows(tmp_path / "many" / "graph.db")


async def test_who_follows_somebody_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="the graph store failed"):
        in_bulk(tmp_path / "graph.db", [*FOLLOWS, FOLLOWS[0]])


async def one_by_one(file: Path) -> None:
    clock = PastClock(NOW_MS)
    database = BulkDatabase(file, clock=clock)
    store = SqliteGraphStore(database, clock)
    for follower, followee in FOLLOWS:
        await store.follow(follower, followee, protected=False, claim=None)
    database.finish()


def in_bulk(file: Path, follows: list[tuple[int, int]]) -> None:
    database = BulkDatabase(file, clock=PastClock(NOW_MS))
    try:
        many = BulkFollows(database)
        for follower, followee in follows:
            many.add(follower, [followee])
        many.finish()
        database.finish()
    finally:
        database.close()


def rows(file: Path) -> list[str]:
    """All that SQL needs to make the file again: tables, indices and rows as they are."""
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.iterdump())
