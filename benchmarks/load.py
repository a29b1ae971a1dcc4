"""Two ways to load a server: at a set rate whatever it answers, and as fast as it answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from benchmarks.wire import Answer

Requests = Callable[[int], bytes]
Clock = Callable[[], float]


class Sender(Protocol):
    """Carries one request at a time; a kept connection does."""

    async def send(self, request: bytes) -> Answer:
        """Return the answer, with the time at which it was complete."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `due` is when it should have been sent, `sent` when it was.

    `was_awaited` says that a connection was free for it in time: what it is late then, the driver is to blame for.
    """

    number: int
    due: float
    sent: float
    answer: Answer
    was_awaited: bool = False

    @property
    def latency_s(self) -> float:
        """From when the request was due: time spent waiting for a free connection is the server's doing, so it counts.

        Measuring from `sent` would leave out what a stall did to the requests behind it (coordinated omission).
        """
        return self.answer.at - self.due


async def open_loop(
    connections: Sequence[Sender],
    due: Sequence[float],
    request: Requests,
    *,
    then: Callable[[Exchange], None] | None = None,
    clock: Clock = time.perf_counter,
) -> list[Exchange]:
    """Send request n when `due[n]` seconds have passed, or as soon after as a connection is free.

    `then` is told of each exchange as it ends; it must not take long.
    """
    began = clock()
    waiting = enumerate(due)
    exchanges: list[Exchange] = []

    async def carry(connection: Sender) -> None:
        for number, after_s in waiting:
            at = began + after_s
            was_awaited = await _until(at, clock)
            sent = clock()
            exchange = Exchange(number, at, sent, await connection.send(request(number)), was_awaited)
            exchanges.append(exchange)
            if then is not None:
                then(exchange)

    await _all([carry(connection) for connection in connections])
    return exchanges


async def closed_loop(
    connections: Sequence[Sender],
    duration_s: float,
    request: Requests,
    *,
    most: int | None = None,
    clock: Clock = time.perf_counter,
) -> list[Exchange]:
    """Send the next request on each connection once the one before is answered: the most that the server takes.

    Ends with the duration, or after `most` requests.
    """
    end = clock() + duration_s
    numbers = iter(count() if most is None else range(most))
    exchanges: list[Exchange] = []

    async def carry(connection: Sender) -> None:
        for number in numbers:
            if (sent := clock()) >= end:
                return
            exchanges.append(Exchange(number, sent, sent, await connection.send(request(number))))

    await _all([carry(connection) for connection in connections])
    return exchanges


async def _until(at: float, clock: Clock) -> bool:
    """Sleep until then; False when it is over already."""
    if (left := at - clock()) <= 0:
        return False
    await asyncio.sleep(left)
    return True


async def _all(work: Sequence[Coroutine[None, None, None]]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(each)
