"""What readers of a store promise to those who ask and to those who leave."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from tests.contract.conftest import OpenDatabase

from aviary.errors import NotFound, Unavailable
from aviary.storage.sqlite.database import Database

DEADLINE_S = 30.0


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return open_database("users")


async def test_two_reads_run_beside_each_other(database: Database) -> None:
    both = threading.Barrier(2, timeout=DEADLINE_S)

    assert sorted(await asyncio.gather(*(database.read(lambda _: both.wait()) for _ in range(2)))) == [0, 1]


async def test_what_a_read_raises_reaches_who_asked_and_nobody_else(database: Database) -> None:
    def refuse(_connection: sqlite3.Connection) -> None:
        raise NotFound("there is nothing")

    for _ in range(5):
        with pytest.raises(NotFound, match="there is nothing"):
            await database.read(refuse)
    with pytest.raises(Unavailable, match="the users store failed"):
        await database.read(lambda connection: connection.execute("SELECT nonsense"))
    assert await database.read(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


async def test_a_read_whose_caller_left_before_it_began_is_left_out(database: Database) -> None:
    gate, begun = threading.Event(), []
    held = [asyncio.ensure_future(database.read(lambda _: gate.wait(DEADLINE_S))) for _ in range(2)]
    left = [asyncio.ensure_future(database.read(lambda _: begun.append(1))) for _ in range(3)]
    await asyncio.sleep(0)  # a read that starts is in the queue at once
    for each in left:
        each.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    gate.set()

    assert await asyncio.gather(*held) == [True, True]
    assert await database.read(lambda _: 1) == 1
    assert begun == []


async def test_a_caller_who_leaves_in_the_midst_of_a_read_harms_no_other(database: Database) -> None:
    entered, gate = threading.Event(), threading.Event()

    def wait(_connection: sqlite3.Connection) -> bool:
        entered.set()
        return gate.wait(DEADLINE_S)

    read = asyncio.ensure_future(database.read(wait))
    await asyncio.to_thread(entered.wait, DEADLINE_S)
    read.cancel()
    gate.set()

    with pytest.raises(asyncio.CancelledError):
        await read
    assert [await database.read(lambda _: 1) for _ in range(4)] == [1] * 4


async def test_a_closed_store_refuses_to_be_read(database: Database) -> None:
    database.close()

    with pytest.raises(Unavailable, match="the users store is closed"):
        await database.read(lambda _: 1)
