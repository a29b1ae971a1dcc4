"""The event log: a port that every service's events are read through, and the one way to consume it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from aviary.errors import AviaryError
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event

_log = logging.getLogger("aviary.consumer")
_BATCH = 256
_COMMIT_EVERY_S = 0.05
_LONGEST_PAUSE_S = 5.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """An event and its place in the log."""

    offset: int
    event: Event


class EventLog(Protocol):
    """One service's events, or one partition of them, in the order of their commits."""

    async def read(self, after: int, *, limit: int) -> Sequence[Record]:
        """Return up to `limit` records with an offset above `after`, ascending, none left out.

        Offsets rise, not always by one. With none to return, one may be on its
        way from a server: `wait` tells.
        """

    async def end(self) -> int:
        """Return the offset of the newest record; of an empty log, what to read after to miss nothing."""

    async def wait(self, after: int) -> None:
        """Return once a record above `after` may be there; it may return early, never late."""


class Offsets(Protocol):
    """Where each consumer of a log is."""

    async def load(self, consumer: str) -> int | None:
        """Return the committed offset; None for a consumer that never committed."""

    async def commit(self, consumer: str, offset: int) -> None:
        """Store `offset`; a lower one than stored is ignored."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a consumption is, in offsets; of several partitions, their sums."""

    committed: int
    end: int


class Following(Protocol):
    """A consumption at work: on a whole log, or as one of several processes that share its partitions."""

    @property
    def pending(self) -> int:
        """How many records this process read and has not finished."""

    async def progress(self) -> Progress:
        """Return how far all processes together are.

        With `committed` equal to `end`, every event that was acknowledged before
        the call has had its effect, also one that no relay had published yet.
        """

    async def start(self) -> None:
        """Find out where the consumer was."""

    async def run(self) -> None:
        """Consume until cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Records that travel together: `workers` at once, at most `queue` waiting. One worker keeps the log's order.

    A worker takes as many of those that wait as `together` says.
    """

    name: str
    workers: int = 1
    queue: int = 1_024
    together: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a consumer does: which lane a record takes, and its effect.

    `route` answers an index into `lanes` for each record. `handle` must be safe
    to repeat; it raises only when the process should stop. So does
    `handle_together`, which has the effects of all that a worker took, where
    there are lanes whose workers take several.
    """

    name: str
    lanes: Sequence[Lane]
    route: Callable[[Sequence[Record]], Awaitable[Sequence[int]]]
    handle: Callable[[Lane, Record], Awaitable[None]]
    handle_together: Callable[[Lane, Sequence[Record]], Awaitable[None]] | None = None


def selective(
    name: str,
    types: AbstractSet[events_pb2.EventType.ValueType],
    handle: Callable[[Event], Awaitable[None]],
    *,
    workers: int = 1,
) -> Consumption:
    """Do `handle` for the events of these types; all others pass them by, however long one takes."""
    wanted, others = Lane(name="wanted", workers=workers), Lane(name="others")

    async def route(records: Sequence[Record]) -> Sequence[int]:
        return [0 if record.event.type in types else 1 for record in records]

    async def handle_wanted(lane: Lane, record: Record) -> None:
        if lane is wanted:
            await handle(record.event)

    return Consumption(name=name, lanes=(wanted, others), route=route, handle=handle_wanted)


class Committer:
    """Stores how far a consumer is, every so often while it moves: what a death repeats is bounded by that."""

    def __init__(self, offsets: Offsets, name: str, done: Callable[[], int]) -> None:
        self._offsets = offsets
        self._name = name
        self._done = done
        self._committed = 0
        # Without a move there is nothing to commit, and nobody looks.
        self._moved = asyncio.Event()

    async def start(self) -> int:
        """Return how far the consumer was."""
        self._committed = await self._offsets.load(self._name) or 0
        return self._committed

    def moved(self) -> None:
        """To be told whenever something is done."""
        self._moved.set()

    async def run(self) -> None:
        while True:
            await self._moved.wait()
            await asyncio.sleep(_COMMIT_EVERY_S)
            self._moved.clear()
            if (done := self._done()) > self._committed:
                await insist(partial(self._offsets.commit, self._name, done), what=self._name)
                self._committed = done

    async def finish(self) -> None:
        """Commit what is done by now, once."""
        if (done := self._done()) > self._committed:
            await self._offsets.commit(self._name, done)


class Consumer:
    """Hands every record to its handler at least once and commits offsets after the effects."""

    def __init__(self, log: EventLog, offsets: Offsets, consumption: Consumption) -> None:
        self._log = log
        self._offsets = offsets
        self._what = consumption
        self._queues = [asyncio.Queue[Record](lane.queue) for lane in consumption.lanes]
        # Offsets read but not finished, in order; the committed one is just below the first.
        self._open: dict[int, None] = {}
        self._read_to = 0
        self._committer = Committer(offsets, consumption.name, lambda: self.committed)
        self._under_way = 0
        self._finishing = asyncio.Event()
        self._idle = asyncio.Event()

    @property
    def committed(self) -> int:
        """Every record up to here has had its effect."""
        return next(iter(self._open)) - 1 if self._open else self._read_to

    @property
    def pending(self) -> int:
        """How many records were read and not finished."""
        return len(self._open)

    async def end(self) -> int:
        return await self._log.end()

    async def progress(self) -> Progress:
        # In this order: what is appended in between can only make it look further behind.
        committed = self.committed
        return Progress(committed, await self._log.end())

    async def start(self) -> None:
        self._read_to = await self._committer.start()

    async def skip(self) -> None:
        """Take all that is in the log for done: whoever wrote it has had the effects as well. Before `start`."""
        await self._offsets.commit(self._what.name, await self._log.end())

    async def finish(self) -> None:
        """Begin no other effect, let those under way end, and commit. To be cancelled afterwards."""
        self._finishing.set()
        if self._under_way:
            await self._idle.wait()
        await self._committer.finish()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for lane, queue in zip(self._what.lanes, self._queues, strict=True):
                for _ in range(lane.workers):
                    tasks.create_task(self._work(lane, queue))
            tasks.create_task(self._committer.run())
            await self._read()

    async def _read(self) -> None:
        async for records in tail(self._log, self._read_to, what=self._what.name):
            lanes = await self._what.route(records)
            for record, lane in zip(records, lanes, strict=True):
                self._open[record.offset] = None
                self._read_to = record.offset
                await self._queues[lane].put(record)

    async def _work(self, lane: Lane, queue: asyncio.Queue[Record]) -> None:
        while True:
            records = [await queue.get()]
            while len(records) < lane.together and not queue.empty():
                records.append(queue.get_nowait())
            if self._finishing.is_set():
                return
            self._under_way += 1
            await self._handle(lane, records)
            for record in records:
                del self._open[record.offset]
            self._under_way -= 1
            self._committer.moved()
            if self._finishing.is_set() and not self._under_way:
                self._idle.set()

    async def _handle(self, lane: Lane, records: Sequence[Record]) -> None:
        if self._what.handle_together is not None:
            await self._what.handle_together(lane, records)
            return
        for record in records:
            await self._what.handle(lane, record)


async def tail(log: EventLog, after: int, *, what: str) -> AsyncIterator[Sequence[Record]]:
    """Yield every record above `after` in order, a batch at a time, for ever."""
    while True:
        records = await insist(partial(log.read, after, limit=_BATCH), what=what)
        if records:
            after = records[-1].offset
            yield records
        else:
            await insist(partial(log.wait, after), what=what)


async def insist(step: Callable[[], Awaitable[T]], *, what: str) -> T:
    """Do `step` until it works: a worker outlives a store that is down or full, and goes on where it was."""
    for attempt in itertools.count(1):
        try:
            return await step()
        except AviaryError as error:
            _log.warning("step_retried", extra={"consumer": what, "attempt": attempt, "error": error.message})
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.05 * 2 ** min(attempt, 10)))
    raise AssertionError("unreachable")
