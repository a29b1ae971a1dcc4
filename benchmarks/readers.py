"""Who has a full first page: only theirs can be checked, and an empty page would be too cheap to count."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from benchmarks import answers, wire
from benchmarks.crowd import Crowd, Person

_CONNECTIONS = 16


def with_full_pages(url: str, crowd: Crowd) -> Crowd:
    """The crowd without those whose home shows fewer than twenty tweets. Every home is warm afterwards."""
    return replace(crowd, people=tuple(asyncio.run(_full(url, crowd))))


async def _full(url: str, crowd: Crowd) -> list[Person]:
    waiting = iter(crowd.people)
    full: set[str] = set()

    async def read(connection: wire.Connection) -> None:
        for person in waiting:
            page = await connection.send(wire.get(f"/timeline/home?limit={answers.PAGE}", token=person.token))
            if not answers.fault_of_page(page):
                full.add(person.id)

    async with wire.connected(url, _CONNECTIONS) as connections, asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(read(connection))
    return [person for person in crowd.people if person.id in full]
