"""What every adapter of EventLog and of Offsets promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from tests.contract.conftest import OpenDatabase
from tests.kafka.rig import chosen, item, opened, running

from aviary.clock import Clock
from aviary.eventlog import EventLog, Offsets, Record, selective
from aviary.events.v1.events_pb2 import EVENT_TYPE_USER_DELETED, EVENT_TYPE_USER_UPDATED, Event
from aviary.ids import IdGenerator
from aviary.settings import Settings
from aviary.storage.kafka.reader import Reader
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog, SqliteOffsets
from aviary.storage.sqlite.transaction import Transaction

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A log, and the way to write to it."""

    log: EventLog
    append: Callable[[Event], Awaitable[object]]

    async def emit(self, *entities: int) -> None:
        for entity in entities:
            await self.append(Event(type=EVENT_TYPE_USER_UPDATED, key=entity, entity_id=entity))

    async def records(self, after: int = 0, *, limit: int = 1_000) -> list[Record]:
        """All that is above `after`, as a reader comes to it."""
        found: list[Record] = []
        while after < await self.log.end():
            await self.log.wait(after)
            some = await self.log.read(after, limit=limit)
            assert len(some) <= limit
            found.extend(some)
            after = some[-1].offset if some else after
        return found

    async def entities(self, after: int = 0, *, limit: int = 1_000) -> list[int]:
        return [record.event.entity_id for record in await self.records(after, limit=limit)]


def sqlite_log(database: Database) -> Kept:
    return Kept(SqliteEventLog(database), lambda event: database.write(partial(Transaction.emit, event=event)))


@asynccontextmanager
async def kafka_log(settings: Settings, address: str) -> AsyncIterator[Kept]:
    """One partition, which is what a reader in a cluster has for a log."""
    async with opened(chosen(settings, address)) as rig:
        reader = Reader(rig.settings, rig.broker, rig.topic, partitions=1)
        minted = IdGenerator(Clock())

        async def append(event: Event) -> None:
            event.id = minted.next()
            await rig.producer.send(rig.topic, 0, [item(event)])

        async with running(reader.run):
            yield Kept(reader.logs[0], append)


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.cluster)])
async def kept(request: pytest.FixtureRequest, settings: Settings) -> AsyncIterator[Kept]:
    if request.param == "sqlite":
        yield sqlite_log(request.getfixturevalue("open_database")("users"))
    else:
        async with kafka_log(settings, request.getfixturevalue("kafka")) as kept:
            yield kept


# Only on SQLite: Kafka keeps a group's offsets, and tests/kafka holds groups to them.
@pytest.fixture(params=["sqlite"])
async def offsets(open_database: OpenDatabase) -> Offsets:
    return SqliteOffsets(open_database("fanout"))


async def test_an_empty_log_ends_at_zero(kept: Kept) -> None:
    assert await kept.log.end() == 0
    assert await kept.log.read(0, limit=10) == []


async def test_records_come_in_the_order_of_their_commits_and_none_is_left_out(kept: Kept) -> None:
    await asyncio.gather(*(kept.emit(entity) for entity in range(1, 101)))
    records = await kept.records()

    assert sorted(record.event.entity_id for record in records) == list(range(1, 101))
    assert [record.offset for record in records] == sorted({record.offset for record in records})
    assert [record.event.id for record in records] == sorted({record.event.id for record in records})
    assert records[-1].offset == await kept.log.end()


@pytest.mark.parametrize("limit", [1, 3, 1_000])
async def test_reading_on_after_the_last_offset_gives_the_rest(kept: Kept, limit: int) -> None:
    await kept.emit(*range(1, 8))

    assert await kept.entities(limit=limit) == list(range(1, 8))


async def test_a_reader_may_begin_after_any_record_and_go_back(kept: Kept) -> None:
    await asyncio.gather(*(kept.emit(entity) for entity in range(1, 41)))
    records = await kept.records()
    for place in (30, 7, 0, 39):
        assert await kept.records(records[place].offset, limit=3) == records[place + 1 :]


async def test_a_reader_that_is_far_behind_comes_to_the_newest_without_a_gap(kept: Kept) -> None:
    # More than a process holds of a log that it writes.
    for first in (1, 651):
        await asyncio.gather(*(kept.emit(entity) for entity in range(first, first + 650)))
    records = await kept.records(limit=200)

    assert sorted(record.event.entity_id for record in records) == list(range(1, 1_301))
    assert await kept.records(records[1_200].offset) == records[1_201:]
    assert await kept.records(records[100].offset, limit=150) == records[101:]


# What follows of SQLite alone: in a cluster the outbox is written in the batch of its rows, and Kafka prunes by itself.
async def test_an_event_of_a_write_that_failed_is_not_in_the_log(open_database: OpenDatabase) -> None:
    database = open_database("users")
    kept = sqlite_log(database)

    def fail(tx: Transaction) -> None:
        tx.emit(Event(entity_id=1))
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await database.write(fail)
    await kept.emit(2)

    assert await kept.entities() == [2]


async def test_whoever_follows_closely_sees_what_the_file_has(open_database: OpenDatabase) -> None:
    database = open_database("users")
    kept = sqlite_log(database)
    await kept.emit(*range(1, 8))
    rows = await database.read(lambda reader: reader.execute("SELECT position, body FROM outbox").fetchall())

    assert [(each.offset, each.event) for each in await kept.log.read(0, limit=10)] == [
        (position, Event.FromString(body)) for position, body in rows
    ]
    # Of a file that was there before, the process has read nothing yet.
    again = sqlite_log(open_database("users"))
    assert await again.records() == await kept.records()


async def test_waiting_ends_at_once_where_there_is_more(kept: Kept) -> None:
    await kept.emit(1)
    async with asyncio.timeout(20):
        await kept.log.wait(0)


async def test_waiting_at_the_end_ends_with_the_next_commit(kept: Kept) -> None:
    await kept.emit(1)
    end = await kept.log.end()
    waiting = asyncio.create_task(kept.log.wait(end))
    await kept.emit(2)

    async with asyncio.timeout(20):
        await waiting
    assert await kept.entities(end) == [2]


async def test_a_reader_that_only_waits_and_reads_misses_nothing(kept: Kept) -> None:
    async def follow() -> list[int]:
        found: list[int] = []
        after = 0
        while len(found) < 60:
            await kept.log.wait(after)
            records = await kept.log.read(after, limit=7)
            found.extend(record.event.entity_id for record in records)
            after = records[-1].offset if records else after
        return found

    async with asyncio.timeout(20):
        following = asyncio.ensure_future(follow())
        await asyncio.gather(*(kept.emit(*range(each, each + 20)) for each in (1, 21, 41)))
        found = await following
    assert sorted(found) == list(range(1, 61))


async def test_pruning_keeps_a_week_and_always_the_newest_event(open_database: OpenDatabase, clock: Clock) -> None:
    database = open_database("users")
    log, kept = SqliteEventLog(database), sqlite_log(database)
    await kept.emit(1, 2)
    clock.advance(6 * DAY_MS)
    await kept.emit(3)
    clock.advance(2 * DAY_MS)
    await log.prune()
    assert await kept.entities() == [3]

    clock.advance(30 * DAY_MS)
    await log.prune()
    assert await kept.entities() == [3]


async def test_offsets_are_never_used_twice_even_after_pruning(open_database: OpenDatabase, clock: Clock) -> None:
    database = open_database("users")
    log, kept = SqliteEventLog(database), sqlite_log(database)
    await kept.emit(1, 2)
    end = await log.end()
    clock.advance(8 * DAY_MS)
    await log.prune()
    await kept.emit(3)

    assert [record.offset for record in await log.read(end, limit=10)] == [end + 1]


async def test_a_consumer_that_never_committed_has_no_offset(offsets: Offsets) -> None:
    assert await offsets.load("nobody") is None


async def test_an_offset_is_kept_per_consumer_and_never_goes_back(offsets: Offsets) -> None:
    await offsets.commit("one", 7)
    await offsets.commit("one", 5)
    await offsets.commit("other", 3)

    assert await offsets.load("one") == 7
    assert await offsets.load("other") == 3


async def test_offsets_committed_at_once_end_at_the_highest(offsets: Offsets) -> None:
    await asyncio.gather(*(offsets.commit("one", each) for each in [3, 50, 1, 49, *range(40)]))
    assert await offsets.load("one") == 50


async def test_what_a_worker_does_not_want_passes_by_what_it_is_busy_with() -> None:
    done: list[int] = []

    async def handle(event: Event) -> None:
        done.append(event.entity_id)

    what = selective("erasure", {EVENT_TYPE_USER_DELETED}, handle, workers=3)
    wanted = Record(1, Event(type=EVENT_TYPE_USER_DELETED, entity_id=1))
    other = Record(2, Event(type=EVENT_TYPE_USER_UPDATED, entity_id=2))
    lanes = [what.lanes[place] for place in await what.route([wanted, other])]
    for lane, record in zip(lanes, [wanted, other], strict=True):
        await what.handle(lane, record)

    assert done == [1]
    assert lanes[0] is not lanes[1]
    assert lanes[0].workers == 3
