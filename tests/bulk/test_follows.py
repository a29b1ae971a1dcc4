"""Follows by the million are the follows that the graph's store writes one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from aviary.app.bulk import PastClock
from aviary.storage.sqlite.bulk import BulkDatabase, BulkFollows
from aviary.storage.sqlite.graph import SqliteGraphStore

NOW_MS = 1_790_000_000_000
FOLLOWS = [(1, 2), (1, 3), (2, 3), (3, 2), (3, 1), (1, 4)]


async def one_by_one(file: Path, follows: Iterable[tuple[int, int]]) -> None:
    database = BulkDatabase(file, clock=PastClock(NOW_MS))
    store = SqliteGraphStore(database, PastClock(NOW_MS))
    for follower, followee in follows:
        await store.follow(follower, followee, protected=False, claim=None)
    database.finish()


def in_bulk(file: Path, follows: Iterable[tuple[int, int]]) -> None:
    database = BulkDatabase(file, clock=PastClock(NOW_MS))
    many = BulkFollows(database)
    for follower, followee in follows:
        many.add(follower, [followee])
    many.finish()
    database.finish()


async def test_the_rows_ids_and_events_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    await one_by_one(tmp_path / "one" / "graph.db", FOLLOWS)
    in_bulk(tmp_path / "many" / "graph.db", FOLLOWS)

    assert rows(tmp_path / "one" / "graph.db") == rows(tmp_path / "many" / "graph.db")


def rows(file: Path) -> list[str]:
    """All that SQL needs to make the file again: tables, indices and rows as they are."""
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.iterdump())
