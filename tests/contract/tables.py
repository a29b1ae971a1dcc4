"""Keyspaces for tests: made once a session, and emptied after each test of what it wrote."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aviary.clock import Clock
from aviary.eventlog import Record
from aviary.events.v1.events_pb2 import Event
from aviary.settings import Settings
from aviary.storage.scylla import schema
from aviary.storage.scylla.leases import LeasedIds
from aviary.storage.scylla.tables import Row, Statement, Tables, run_alone
from aviary.storage.scylla.writes import Writer

_WRITTEN = re.compile(r"^(?:INSERT INTO|UPDATE|DELETE(?: \w+)? FROM) (\w+)")
# One prefix a process: the workers of a parallel run are apart.
_PREFIX = f"test_{secrets.token_hex(4)}"
_made: set[str] = set()


class WatchedTables(Tables):
    """Notes which tables were written, so that no others need be emptied."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings, name)
        self.touched: set[str] = set()

    async def rows(self, statement: str, *values: Any) -> list[Row]:
        self._note(statement)
        return await super().rows(statement, *values)

    async def apply(self, statement: str, *values: Any) -> Mapping[str, Any] | None:
        self._note(statement)
        return await super().apply(statement, *values)

    async def batch(self, statements: Sequence[Statement]) -> None:
        for statement, _ in statements:
            self._note(statement)
        await super().batch(statements)

    async def together(self, statements: Sequence[Statement]) -> None:
        for statement, _ in statements:
            self._note(statement)
        await super().together(statements)

    async def empty(self) -> None:
        """Empty what was written."""
        await asyncio.gather(*(self.run(f"TRUNCATE {table}") for table in self.touched - {"leases"}))
        self.touched.clear()

    def _note(self, statement: str) -> None:
        if written := _WRITTEN.match(statement):
            self.touched.add(written[1])


class OutboxLog:
    """A service's events as its outbox holds them, in the order of their ids: the log before any relay."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def read(self, after: int, *, limit: int) -> Sequence[Record]:
        rows = await self._tables.run("SELECT event_id, body FROM outbox")
        events = [Event.FromString(body) for _, body in sorted(rows)]
        return [Record(place, event) for place, event in enumerate(events, start=1) if place > after][:limit]

    async def end(self) -> int:
        return len(await self._tables.run("SELECT event_id FROM outbox"))

    async def wait(self, after: int) -> None:
        while await self.end() <= after:  # noqa: ASYNC110 - what is written here, no process hears of
            await asyncio.sleep(0.02)


def settings_of(address: str) -> Settings:
    return Settings(profile="cluster", tables=address, tables_keyspace=_PREFIX, tables_replication=1)


@asynccontextmanager
async def opened(address: str, name: str) -> AsyncIterator[WatchedTables]:
    """One service's tables, empty."""
    settings = settings_of(address)
    if name not in _made:
        await schema.migrate_one(settings, name)
        # Emptied ten times as fast: what is in no commit log is thrown away without being flushed.
        await run_alone(settings, f"ALTER KEYSPACE {settings.tables_keyspace}_{name} WITH durable_writes = false")
        _made.add(name)
    tables = WatchedTables(settings, name)
    await tables.open()
    try:
        yield tables
    finally:
        await tables.empty()
        await tables.close()


@asynccontextmanager
async def writing(tables: Tables, clock: Clock) -> AsyncIterator[Writer]:
    """A writer with a worker number of its own; several may be open at once."""
    ids = LeasedIds(tables, clock)
    await ids.acquire()
    keeping = asyncio.create_task(ids.keep())
    try:
        yield Writer(tables, ids, clock)
    finally:
        keeping.cancel()
        await ids.release()
