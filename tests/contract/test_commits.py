"""What SQLite's group commit promises to every store on it: atomic, durable, in order, and alive after a fault."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contract.conftest import OpenDatabase
from tests.rpc.waiting import until

from aviary import ids
from aviary.clock import Clock
from aviary.errors import InvalidInput, NotFound, RateLimited, Unavailable
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.storage.sqlite import schema
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction, settled

HOUR_MS = 3_600_000


class Held:
    """Keeps the writer busy, so that what comes meanwhile is committed as one group."""

    def __init__(self, database: Database) -> None:
        self._release = threading.Event()
        self._entered = threading.Event()
        self._first = asyncio.ensure_future(database.write(self._wait))

    async def entered(self) -> Held:
        await until(self._entered.is_set, what="the writer was busy")
        return self

    async def release(self) -> None:
        self._release.set()
        await self._first

    def _wait(self, _tx: Transaction) -> None:
        self._entered.set()
        assert self._release.wait(20)


@pytest.fixture
async def database(open_database: OpenDatabase) -> Database:
    return open_database("users")


def emit(entity: int, *, size: int = 0) -> Callable[[Transaction], int]:
    """A write of one event of about `size` bytes; its answer is the event's entity."""

    def work(tx: Transaction) -> int:
        tx.emit(Event(entity_id=entity, traceparent="x" * size))
        return entity

    return work


def fail(entity: int, error: Exception) -> Callable[[Transaction], None]:
    def work(tx: Transaction) -> None:
        emit(entity)(tx)
        raise error

    return work


async def entities(database: Database) -> list[int]:
    bodies = await database.read(lambda reader: reader.execute("SELECT body FROM outbox ORDER BY position").fetchall())
    return [Event.FromString(body).entity_id for (body,) in bodies]


async def limit_pages(database: Database, spare: int | None) -> None:
    """Let the file grow by `spare` pages at most, as on a disk that is about to be full; None lifts that."""
    ceiling = 1_000_000
    if spare is not None:
        (used,) = await database.read(lambda reader: reader.execute("PRAGMA page_count").fetchone())
        ceiling = used + spare
    await database.write(lambda tx: tx.execute(f"PRAGMA max_page_count = {ceiling}"))


async def test_a_write_that_raises_does_not_touch_its_neighbours(database: Database) -> None:
    held = await Held(database).entered()
    works: list[Callable[[Transaction], object]] = [emit(1), fail(2, InvalidInput("no")), emit(3), fail(4, KeyError(4))]
    writes = [asyncio.ensure_future(database.write(work)) for work in works]
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    await held.release()

    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (1, 3)
    assert isinstance(outcomes[1], InvalidInput)
    assert isinstance(outcomes[3], KeyError)
    assert await entities(database) == [1, 3]


async def test_of_a_write_that_is_done_again_for_its_neighbour_one_answer_stays(database: Database) -> None:
    told: list[list[int]] = []
    database._tell = lambda what: told.append([Event.FromString(body).entity_id for body, _ in what.events])
    held = await Held(database).entered()
    runs = 0

    def once(tx: Transaction) -> int:
        nonlocal runs
        runs += 1
        emit(10 + runs)(tx)
        return runs

    writes = [asyncio.ensure_future(database.write(work)) for work in (once, fail(2, InvalidInput("no")), emit(3))]
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    await held.release()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)

    assert (outcomes[0], outcomes[2]) == (2, 3)
    assert await entities(database) == [12, 3]
    assert [each for each in told if each] == [[12, 3]]


async def test_writes_are_committed_in_the_order_of_their_arrival(database: Database) -> None:
    await asyncio.gather(*(database.write(emit(each)) for each in range(200)))
    assert await entities(database) == list(range(200))


async def test_what_was_acknowledged_is_there_for_the_next_read(database: Database) -> None:
    for each in range(20):
        await database.write(emit(each))
        assert (await entities(database))[-1] == each


async def test_a_cancelled_caller_does_not_cancel_its_commit(database: Database) -> None:
    held = await Held(database).entered()
    write = asyncio.ensure_future(database.write(emit(1)))
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    await held.release()

    await database.write(emit(2))
    assert write.cancelled()
    assert await entities(database) == [1, 2]


async def test_a_key_of_somebody_erased_settles_nothing_though_nothing_changes(database: Database) -> None:
    database.erased.add(7)
    late = Claim(caller="7", rpc="late", key="late", body=b"")

    with pytest.raises(NotFound, match="there is no user 7"):
        await database.write(lambda tx: tx.changes(late, lambda: False))
    assert await database.read(lambda reader: settled(reader, late)) is None


async def test_a_full_disk_fails_the_whole_group_and_leaves_nothing_half_done(database: Database) -> None:
    await limit_pages(database, 2)
    held = await Held(database).entered()
    writes = [asyncio.ensure_future(database.write(emit(each, size=3_000))) for each in range(20)]
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    await held.release()

    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 20
    assert str(outcomes[0]) == "the disk that holds the users store is full; nothing was written"
    assert await entities(database) == []


async def test_a_store_whose_disk_was_full_is_usable_when_there_is_room_again(database: Database) -> None:
    await limit_pages(database, 0)
    with pytest.raises(Unavailable):
        await database.write(emit(1, size=50_000))

    await database.write(emit(2))
    await limit_pages(database, None)
    await database.write(emit(3, size=50_000))
    assert await entities(database) == [2, 3]


async def test_a_full_queue_refuses_at_once_and_loses_nothing_that_it_took(open_database: OpenDatabase) -> None:
    database = open_database("users", queue_size=3)
    held = await Held(database).entered()
    taken = [asyncio.ensure_future(database.write(emit(each))) for each in range(3)]
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    with pytest.raises(RateLimited) as caught:
        await database.write(emit(99))
    await held.release()

    assert caught.value.retry_after_s == 1
    assert await asyncio.gather(*taken) == [0, 1, 2]
    assert await entities(database) == [0, 1, 2]


@pytest.mark.parametrize("group", [1, 2, 64])
async def test_groups_of_any_size_give_the_same_log(open_database: OpenDatabase, group: int) -> None:
    database = open_database("users", group=group)
    await asyncio.gather(*(database.write(emit(each)) for each in range(30)))
    assert await entities(database) == list(range(30))


async def test_closing_finishes_the_writes_that_were_accepted(open_database: OpenDatabase) -> None:
    database = open_database("users")
    writes = [asyncio.ensure_future(database.write(emit(each))) for each in range(100)]
    await asyncio.sleep(0)
    database.close()

    assert await asyncio.gather(*writes) == list(range(100))
    assert len(await entities(open_database("users"))) == 100


async def test_ids_go_on_rising_after_a_restart_with_the_clock_set_back(open_database: OpenDatabase) -> None:
    ahead = Clock()
    ahead.advance(HOUR_MS)
    before = open_database("users", on=ahead)
    await before.write(emit(1))
    before.close()

    after = open_database("users", on=Clock())
    await asyncio.gather(*(after.write(emit(each)) for each in range(2, 102)))
    rows = await after.read(lambda reader: reader.execute("SELECT event_id FROM outbox ORDER BY position").fetchall())
    minted = [event_id for (event_id,) in rows]
    assert minted == sorted(set(minted))
    assert ids.time_ms(minted[1]) > ids.time_ms(minted[0])


async def test_a_file_that_a_newer_aviary_wrote_is_refused(open_database: OpenDatabase, tmp_path: Path) -> None:
    open_database("users").close()
    known = len(schema.MIGRATIONS["users"])
    with sqlite3.connect(tmp_path / "users.db") as connection:
        connection.execute(f"PRAGMA user_version = {known + 1}")

    with pytest.raises(Unavailable, match=f"has schema {known + 1}, this Aviary knows {known}"):
        open_database("users")


async def test_a_file_that_is_no_store_is_refused_without_sqlites_words(
    open_database: OpenDatabase, tmp_path: Path
) -> None:
    (tmp_path / "users.db").write_bytes(b"no store at all" * 1_000)

    with pytest.raises(Unavailable, match=r"^the users store failed; nothing was written$"):
        open_database("users")


async def test_damage_found_by_a_write_fails_its_group_and_is_told_in_our_own_words(database: Database) -> None:
    def find_damage(_tx: Transaction) -> None:
        damage = sqlite3.DatabaseError("database disk image is malformed")
        damage.sqlite_errorname = "SQLITE_CORRUPT"
        raise damage

    held = await Held(database).entered()
    writes = [asyncio.ensure_future(database.write(work)) for work in (emit(1), find_damage)]
    await asyncio.sleep(0)  # a write that starts is in the queue at once
    await held.release()

    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["the users store failed; nothing was written"] * 2
    assert await database.write(emit(2)) == 2
    assert await entities(database) == [2]
