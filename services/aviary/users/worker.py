"""Keeps a process's deny list in step with the sessions that end elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aviary._native import DenyList
from aviary.eventlog import EventLog, insist, tail
from aviary.events.v1 import events_pb2
from aviary.users.store import UserStore

_WHAT = "deny list"


async def feed_deny_list(
    logs: Sequence[EventLog], store: UserStore, denied: DenyList, *, for_s: int, loaded: asyncio.Event
) -> None:
    """Refuse each session that was or is being revoked for `for_s`, an access token's life; runs until cancelled.

    `logs` are all the partitions of the users' events. Sets `loaded` once all that
    was revoked before is refused: not before may the process serve. No offset is
    kept, for the list lives in memory.
    """
    # The ends are read first: a revocation in between is then both in the store and in a log, never in neither.
    ends = [await insist(log.end, what=_WHAT) for log in logs]
    now_s = time.time()
    for revocation in await store.revoked_since(int(now_s) - for_s):
        denied.refuse(revocation.session_id, for_s=revocation.revoked_s + for_s - now_s)
    loaded.set()
    async with asyncio.TaskGroup() as tasks:
        for log, end in zip(logs, ends, strict=True):
            tasks.create_task(_follow(log, end, denied, for_s=for_s))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One partition of the users' events: where to begin to read it, and where it ended when that was asked."""

    log: EventLog
    after: int
    end: int


async def follow_revocations(
    stretches: Sequence[Stretch],
    denied: DenyList,
    *,
    for_s: int,
    loaded: asyncio.Event,
    gone: Callable[[int], None],
) -> None:
    """Do as `feed_deny_list` where the users' store is not at hand: from the log alone, of the last `for_s` at least.

    `gone` is told of each person whose account was deleted.
    """
    behind = sum(each.after < each.end for each in stretches)
    if not behind:
        loaded.set()

    async def follow(stretch: Stretch) -> None:
        nonlocal behind
        is_behind = stretch.after < stretch.end
        async for records in tail(stretch.log, stretch.after, what=_WHAT):
            for record in records:
                event = record.event
                if event.type == events_pb2.EVENT_TYPE_SESSION_REVOKED:
                    denied.refuse(event.entity_id, for_s=for_s)
                elif event.type == events_pb2.EVENT_TYPE_USER_DELETED:
                    gone(event.entity_id)
            if is_behind and records[-1].offset >= stretch.end:
                is_behind = False
                behind -= 1
                if not behind:
                    loaded.set()

    async with asyncio.TaskGroup() as tasks:
        for each in stretches:
            tasks.create_task(follow(each))


async def _follow(log: EventLog, after: int, denied: DenyList, *, for_s: int) -> None:
    async for records in tail(log, after, what=_WHAT):
        for record in records:
            if record.event.type == events_pb2.EVENT_TYPE_SESSION_REVOKED:
                denied.refuse(record.event.entity_id, for_s=for_s)
