"""Who has a full first page: only theirs can be checked, and an empty page would be too cheap to count."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from benchmarks import answers, wire
from benchmarks.crowd import Crowd
from benchmarks.traffic import Ask, homes

_CONNECTIONS = 16


def with_full_pages(url: str, crowd: Crowd) -> Crowd:
    """The crowd without those whose home shows fewer than twenty tweets. Every home is warm afterwards."""
    full = set(full_pages(url, homes(crowd)))
    kept = [person for person, ask in zip(crowd.people, homes(crowd), strict=True) if ask in full]
    return replace(crowd, people=tuple(kept))


def full_pages(url: str, asks: Sequence[Ask], *, in_order: bool = True) -> tuple[Ask, ...]:
    """Those that hold twenty tweets, in the order asked for; each was asked for once."""
    return tuple(asyncio.run(_full(url, asks, in_order=in_order)))


async def _full(url: str, asks: Sequence[Ask], *, in_order: bool) -> list[Ask]:
    waiting = iter(asks)
    full: set[Ask] = set()

    async def read(connection: wire.Connection) -> None:
        for ask in waiting:
            page = await connection.send(ask.request)
            if not answers.fault_of_page(page, in_order=in_order):
                full.add(ask)

    async with wire.connected(url, _CONNECTIONS) as connections, asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(read(connection))
    return [ask for ask in asks if ask in full]
