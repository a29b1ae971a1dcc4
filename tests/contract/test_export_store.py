"""What every adapter of ExportStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from tests.contract.conftest import OpenDatabase
from tests.contract.tables import OutboxLog, opened, writing
from tests.contract.test_user_store import NOW_S, registered

from aviary.clock import Clock
from aviary.eventlog import EventLog
from aviary.events.v1 import events_pb2
from aviary.storage.scylla.users.accounts import ScyllaAccountStore
from aviary.storage.scylla.users.exports import ScyllaExportStore
from aviary.storage.scylla.users.users import ScyllaUserStore
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users.accounts import SqliteAccountStore
from aviary.storage.sqlite.users.exports import SqliteExportStore
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.accounts.store import AccountStore
from aviary.users.exports.store import Export, ExportState, ExportStore
from aviary.users.store import UserStore

NOBODY = 404


@dataclass(frozen=True, slots=True)
class Kept:
    exports: ExportStore
    users: UserStore
    accounts: AccountStore
    log: EventLog

    async def begun(self, user_id: int, *, instead_of: int = 0) -> Export:
        export = await self.exports.begin(user_id, instead_of=instead_of)
        assert export is not None
        return export

    async def changes(self) -> Sequence[int]:
        """The exports that events spoke of."""
        records = await self.log.read(0, limit=1_000)
        return [each.event.entity_id for each in records if each.event.type == events_pb2.EVENT_TYPE_EXPORT_CHANGED]


@pytest.fixture(params=["sqlite", pytest.param("scylla", marks=pytest.mark.cluster)])
async def kept(request: pytest.FixtureRequest, open_database: OpenDatabase, clock: Clock) -> AsyncIterator[Kept]:
    if request.param == "sqlite":
        file = open_database("users")
        yield Kept(SqliteExportStore(file), SqliteUserStore(file), SqliteAccountStore(file), SqliteEventLog(file))
        return
    address = request.getfixturevalue("tables_address")
    async with opened(address, "users") as keyspace, writing(keyspace, clock) as writer:
        yield Kept(ScyllaExportStore(writer), ScyllaUserStore(writer), ScyllaAccountStore(writer), OutboxLog(keyspace))


async def test_an_export_begins_running_with_its_event(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    assert await kept.exports.get(user_id) is None

    export = await kept.begun(user_id)

    assert await kept.exports.get(user_id) == export
    assert (export.state, export.progress_percent, export.ready_ms) == (ExportState.RUNNING, 0, 0)
    assert await kept.changes() == [export.id]


async def test_of_many_who_begin_at_once_one_does(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)

    begun = await asyncio.gather(*(kept.begun(user_id) for _ in range(20)))

    assert len({export.id for export in begun}) == 1
    assert await kept.changes() == [begun[0].id]


async def test_only_the_one_that_was_looked_at_is_replaced(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    first = await kept.begun(user_id)
    await kept.exports.finish(user_id, first.id, size_bytes=5)

    second = await kept.begun(user_id, instead_of=first.id)
    same = await kept.begun(user_id, instead_of=first.id)

    assert second.id != first.id
    assert same == second
    assert second.state is ExportState.RUNNING


async def test_nobody_gets_no_export(kept: Kept) -> None:
    assert await kept.exports.begin(NOBODY, instead_of=0) is None
    assert await kept.changes() == []


async def test_a_finished_export_says_how_large_and_when(kept: Kept, clock: Clock) -> None:
    user_id, _ = await registered(kept.users)
    export = await kept.begun(user_id)
    assert await kept.exports.progress(user_id, export.id, 40)
    half = await kept.exports.get(user_id)
    clock.advance(1_000)

    assert await kept.exports.finish(user_id, export.id, size_bytes=1234)

    ready = await kept.exports.get(user_id)
    assert half is not None
    assert ready is not None
    assert (half.state, half.progress_percent) == (ExportState.RUNNING, 40)
    assert (ready.state, ready.progress_percent, ready.size_bytes) == (ExportState.READY, 100, 1234)
    assert ready.ready_ms >= export.requested_ms + 1_000
    assert await kept.changes() == [export.id, export.id]


async def test_what_is_no_longer_running_cannot_go_on(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    first = await kept.begun(user_id)
    second = await kept.begun(user_id, instead_of=first.id)

    assert not await kept.exports.progress(user_id, first.id, 50)
    assert not await kept.exports.finish(user_id, first.id, size_bytes=1)
    await kept.exports.fail(user_id, second.id)
    assert not await kept.exports.finish(user_id, second.id, size_bytes=1)

    failed = await kept.exports.get(user_id)
    assert failed is not None
    assert (failed.id, failed.state) == (second.id, ExportState.FAILED)


async def test_old_ready_ones_are_found_oldest_first(kept: Kept, clock: Clock) -> None:
    people = [(await registered(kept.users, name))[0] for name in ("a1", "b1", "c1", "d1")]
    exports = [await kept.begun(user_id) for user_id in people]
    for export in exports[1::-1]:
        await kept.exports.finish(export.user_id, export.id, size_bytes=1)
        clock.advance(10)
    limit_ms = clock.now_ms()
    clock.advance(10)
    await kept.exports.finish(people[2], exports[2].id, size_bytes=1)

    assert [each.user_id for each in await kept.exports.finished_before(limit_ms, limit=9)] == [people[1], people[0]]
    assert [each.user_id for each in await kept.exports.finished_before(limit_ms, limit=1)] == [people[1]]


async def test_removing_forgets_that_very_export(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    export = await kept.begun(user_id)

    await kept.exports.remove(user_id, export.id + 1)
    assert await kept.exports.get(user_id) == export
    await kept.exports.remove(user_id, export.id)
    assert await kept.exports.get(user_id) is None


async def test_an_export_goes_with_its_account(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    export = await kept.begun(user_id)
    whose = await kept.accounts.proven(user_id)
    assert whose is not None

    await kept.accounts.delete(whose, now_s=NOW_S)

    assert await kept.exports.get(user_id) is None
    assert not await kept.exports.finish(user_id, export.id, size_bytes=1)
    assert await kept.exports.begin(user_id, instead_of=0) is None
