"""Runs planned calls side by side: each person's in order, and none before the call that made what it is about."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from aviary.seed.call import Call


class Lanes:
    """A lane for each person. Among the calls that may go the one planned first goes first.

    No two calls can wait for each other: each waits only for smaller indexes.
    """

    def __init__(self, calls: Iterable[Call]) -> None:
        self._lanes: dict[int, deque[Call]] = {}
        self._pending: set[int] = set()
        self._waiting: dict[int, list[deque[Call]]] = {}
        self._ready: asyncio.PriorityQueue[tuple[int, Call | None]] = asyncio.PriorityQueue()
        for call in calls:
            self._lanes.setdefault(call.who, deque()).append(call)
            self._pending.add(call.index)

    async def run(self, perform: Callable[[Call], Awaitable[None]], *, concurrency: int) -> None:
        """Perform every call once; the first exception cancels what is in flight and is raised."""
        if not self._pending:
            return
        for lane in self._lanes.values():
            self._offer(lane)
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(concurrency):
                    workers.create_task(self._work(perform, concurrency))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _work(self, perform: Callable[[Call], Awaitable[None]], concurrency: int) -> None:
        while (call := (await self._ready.get())[1]) is not None:
            await perform(call)
            self._finish(call, concurrency)

    def _finish(self, call: Call, concurrency: int) -> None:
        self._pending.discard(call.index)
        lane = self._lanes[call.who]
        lane.popleft()
        self._offer(lane)
        for other in self._waiting.pop(call.index, ()):
            self._offer(other)
        if not self._pending:
            for _ in range(concurrency):
                self._ready.put_nowait((sys.maxsize, None))

    def _offer(self, lane: deque[Call]) -> None:
        """Let the lane's first call go, or wait for the one that it needs."""
        if not lane:
            return
        call = lane[0]
        if call.of is None or call.of not in self._pending:
            self._ready.put_nowait((call.index, call))
        else:
            self._waiting.setdefault(call.of, []).append(lane)
