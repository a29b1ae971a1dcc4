"""One partition as an event log, read through a bounded buffer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from aviary.eventlog import Record
from aviary.events.v1.events_pb2 import Event
from aviary.storage.kafka import packs, places
from aviary.storage.kafka.packs import Raw
from aviary.storage.kafka.poller import Poller

# A partition with more than this waiting is not polled until half of it is read.
HELD = 4_096


class Placed(Protocol):
    """What has a place in a partition."""

    @property
    def offset(self) -> int:
        """The position in the partition."""


R = TypeVar("R", bound=Placed)


def as_event(position: int, _key: int, body: bytes) -> Record:
    """Return an item of a service's topic."""
    return Record(position, Event.FromString(body))


class PartitionLog(Generic[R]):
    """Keeps EventLog's promises for one partition and one reader, which reads on from where it was or seeks."""

    def __init__(
        self,
        poller: Poller,
        partition: int,
        make: Callable[[int, int, bytes], R],
        end: Callable[[int], Awaitable[int]],
    ) -> None:
        self.partition = partition
        self._poller = poller
        self._make = make
        self._end = end
        self._raw: deque[Raw] = deque()
        self._made: deque[R] = deque()
        self._after: int | None = None
        self._epoch = 0
        self._is_paused = False
        self._arrived = asyncio.Event()
        # Items that came and were not read: what the bound is about.
        self.held = 0

    def deliver(self, epoch: int, records: Sequence[Raw]) -> None:
        """Take what the poller brought, unless a seek made it obsolete."""
        if epoch != self._epoch or self._after is None:
            return
        self._raw.extend(records)
        self.held += sum(each.items for each in records)
        self._arrived.set()
        if self.held > HELD and not self._is_paused:
            self._is_paused = True
            self._poller.pause(self.partition)

    async def read(self, after: int, *, limit: int) -> Sequence[R]:
        self._go_to(after)
        while self._raw and len(self._made) < limit:
            self._unpack(self._raw.popleft(), after)
        found = [self._made.popleft() for _ in range(min(limit, len(self._made)))]
        if found:
            self._after = found[-1].offset
            self.held -= len(found)
        if self._is_paused and self.held <= HELD // 2:
            self._is_paused = False
            self._poller.resume(self.partition)
        return found

    async def end(self) -> int:
        return await self._end(self.partition)

    async def wait(self, after: int) -> None:
        self._go_to(after)
        if not self._made and not self._raw:
            self._arrived.clear()
            await self._arrived.wait()

    def _go_to(self, after: int) -> None:
        if after == self._after:
            return
        self._raw.clear()
        self._made.clear()
        self.held = 0
        self._after = after
        self._epoch = self._poller.seek(self.partition, after)

    def _unpack(self, raw: Raw, after: int) -> None:
        """Make the items of a record that stand above `after`; of one that was read in part, those are the rest."""
        for index, (key, body) in enumerate(packs.unpack(raw)):
            position = places.position(raw.offset, index, raw.items)
            if position > after:
                self._made.append(self._make(position, key, body))
            else:
                self.held -= 1
