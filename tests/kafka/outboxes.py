"""An outbox on real tables, and the writes of a service into it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from tests.backends.keyspaces import Keyspaces

from aviary.clock import Clock
from aviary.events.v1.events_pb2 import Event
from aviary.ids import IdGenerator
from aviary.settings import Settings
from aviary.storage.scylla import outbox, schema
from aviary.storage.scylla.outbox import Outbox
from aviary.storage.scylla.tables import Tables

# The service with the fewest tables besides.
_SERVICE = "fanout"


class Written:
    """What services would have written."""

    def __init__(self, opened: Tables, clock: Clock) -> None:
        self._tables = opened
        self._clock = clock
        self._ids = IdGenerator(clock)
        self.outbox = Outbox(opened)

    async def write(self, keys: Iterable[int], *, at: IdGenerator | None = None) -> list[Event]:
        """Leave one event for each key in the outbox, minted and written in this order."""
        events = [Event(id=(at or self._ids).next(), key=key, entity_id=place) for place, key in enumerate(keys)]
        for start in range(0, len(events), 50):
            rows = [outbox.row(each) for each in events[start : start + 50]]
            await self._tables.batch(
                [
                    (f"INSERT INTO outbox ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
                    for row in rows
                ]
            )
        return events


@asynccontextmanager
async def written(settings: Settings, address: str, keyspaces: Keyspaces, clock: Clock) -> AsyncIterator[Written]:
    """An empty outbox; its keyspace is made by the first test and shared by those after it."""
    own = dataclasses.replace(
        settings,
        tables=address,
        tables_keyspace=f"{keyspaces.prefix}_relay",
        tables_replication=1,
        # A machine that is busy with tests is slow.
        tables_timeout_ms=20_000,
    )
    before, now = await schema.migrate_one(own, _SERVICE)
    if before < now:
        keyspaces.made()
    opened = Tables(own, _SERVICE)
    await opened.open()
    try:
        yield Written(opened, clock)
    finally:
        await opened.close()
        keyspaces.clean()
