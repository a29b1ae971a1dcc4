"""Two ways to load a server: at a set rate whatever it answers, and as fast as it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.wire import Answer, Connection

Requests = Callable[[int], bytes]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `due` is when it should have been sent, `sent` when a connection was free for it."""

    number: int
    due: float
    sent: float
    answer: Answer

    @property
    def latency_s(self) -> float:
        """From when the request was due: time spent waiting for a free connection is the server's doing, so it counts.

        Measuring from `sent` would leave out what a stall did to the requests behind it (coordinated omission).
        """
        return self.answer.at - self.due


async def open_loop(
    connections: Sequence[Connection], due: Sequence[float], request: Requests, *, clock: Clock = time.perf_counter
) -> list[Exchange]:
    """Send request n when `due[n]` seconds have passed, or as soon after as a connection is free."""
    began = clock()
    waiting = iter(list(enumerate(due)))
    exchanges: list[Exchange] = []

    async def carry(connection: Connection) -> None:
        for number, after_s in waiting:
            at = began + after_s
            await _until(at, clock)
            sent = clock()
            exchanges.append(Exchange(number, at, sent, await connection.send(request(number))))

    await _all(carry(connection) for connection in connections)
    return exchanges


async def closed_loop(
    connections: Sequence[Connection], duration_s: float, request: Requests, *, clock: Clock = time.perf_counter
) -> list[Exchange]:
    """Send the next request on each connection once the one before is answered: the most that the server takes."""
    end = clock() + duration_s
    numbers = iter(range(1 << 62))
    exchanges: list[Exchange] = []

    async def carry(connection: Connection) -> None:
        while (sent := clock()) < end:
            number = next(numbers)
            exchanges.append(Exchange(number, sent, sent, await connection.send(request(number))))

    await _all(carry(connection) for connection in connections)
    return exchanges


async def _until(at: float, clock: Clock) -> None:
    if (left := at - clock()) > 0:
        await asyncio.sleep(left)


async def _all(work: Iterator[Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(_awaited(each))


async def _awaited(work: Awaitable[None]) -> None:
    await work
