"""Keeps a process's deny list in step with the sessions that end elsewhere."""

from __future__ import annotations

import asyncio
import time

from aviary.eventlog import EventLog, tail
from aviary.events.v1 import events_pb2
from aviary.rpc.identity import DenyList
from aviary.users.store import UserStore


async def feed_deny_list(
    log: EventLog, store: UserStore, denied: DenyList, *, for_s: int, loaded: asyncio.Event
) -> None:
    """Refuse each session that was or is being revoked for `for_s`, an access token's life; runs until cancelled.

    Sets `loaded` once all that was revoked before is refused: not before may the
    process serve. No offset is kept, for the list lives in memory.
    """
    # The end is read first: a revocation in between is then both in the store and in the log, never in neither.
    after = await log.end()
    now_s = time.time()
    for revocation in await store.revoked_since(int(now_s) - for_s):
        denied.refuse(revocation.session_id, for_s=revocation.revoked_s + for_s - now_s)
    loaded.set()
    async for records in tail(log, after, what="deny list"):
        for record in records:
            if record.event.type == events_pb2.EVENT_TYPE_SESSION_REVOKED:
                denied.refuse(record.event.entity_id, for_s=for_s)
