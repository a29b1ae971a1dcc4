"""Empties the write-ahead logs of what was erased, for they keep old pages until they are reused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

from aviary.eventlog import Consumer, EventLog, insist, tail
from aviary.events.v1 import events_pb2
from aviary.storage.sqlite.checkpoint import truncate_log
from aviary.storage.sqlite.database import Database

_WHAT = "scrub"
_LOOK_EVERY_S = 0.05
_PATIENCE_S = 60.0


async def scrub(log: EventLog, erasing: Sequence[Consumer], databases: Sequence[Database]) -> None:
    """Truncate every file's log once all consumers of the users' log have erased a deleted account.

    Runs until cancelled.
    """
    after = await insist(log.end, what=_WHAT)
    # For what was erased before a crash.
    await _truncate(databases)
    async for records in tail(log, after, what=_WHAT):
        deleted = [each.offset for each in records if each.event.type == events_pb2.EVENT_TYPE_USER_DELETED]
        if deleted:
            while not await _consumed(erasing, deleted[-1]):
                await _truncate(databases)
            await _truncate(databases)


async def _consumed(consumers: Sequence[Consumer], offset: int) -> bool:
    """Wait until all have erased what they keep; False when one needs long, which must not hold up the others' logs."""
    deadline = time.monotonic() + _PATIENCE_S
    while any(each.committed < offset for each in consumers):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_EVERY_S)
    return True


async def _truncate(databases: Sequence[Database]) -> None:
    for database in databases:
        await insist(partial(truncate_log, database), what=f"{_WHAT} {database.name}")
