"""Erases what a service keeps of people whose accounts are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aviary.eventlog import Consumption, insist, selective
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event

# Those that wait for their second look included.
_OPEN = 256


def erasing(name: str, erase: Callable[[int], Awaitable[None]], *, straggle_s: float, at_once: int = 1) -> Consumption:
    """Return what follows the users' log and does `erase`, which must be safe to repeat, with each person who is gone.

    Where another process may let in a write about the person for `straggle_s`
    more, what it wrote is erased by a second look. Only that ends the event.
    """
    places = asyncio.Semaphore(at_once)

    async def look(user_id: int) -> None:
        async with places:
            await insist(partial(erase, user_id), what=name)

    async def handle(event: Event) -> None:
        await look(event.entity_id)
        if straggle_s:
            await asyncio.sleep(straggle_s)
            await look(event.entity_id)

    workers = _OPEN if straggle_s else at_once
    return selective(name, {events_pb2.EVENT_TYPE_USER_DELETED}, handle, workers=workers)
