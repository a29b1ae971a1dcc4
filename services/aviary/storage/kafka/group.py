"""A consumption that several processes share: each has some of the partitions, and consumes each of them in order."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

from aviary.errors import AviaryError
from aviary.eventlog import Offsets, Progress, insist
from aviary.settings import Settings
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.packs import Raw
from aviary.storage.kafka.partitions import PartitionLog, R
from aviary.storage.kafka.poller import Poller

_log = logging.getLogger("aviary.kafka")
# What an effect may take when its partition goes to another process; it is repeated there if it takes longer.
_FINISH_S = 10.0
# The first commit after a while goes at once; those that follow wait for each other, whatever partition they are of.
_COMMIT_EVERY_S = 0.5


class Worker(Protocol):
    """What consumes one partition, as `eventlog.Consumer` does."""

    @property
    def pending(self) -> int:
        """How many records were read and not finished."""

    async def start(self) -> None:
        """Find out where it was."""

    async def run(self) -> None:
        """Consume until cancelled."""

    async def finish(self) -> None:
        """Begin nothing more, let what is under way end, and commit."""


class Committing(Protocol):
    """Where a group keeps how far it is."""

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Store them. Raises Unavailable."""

    async def committed(self, partition: int) -> int | None:
        """Return what is stored, None for nothing."""


class PartitionOffsets:
    """Keeps Offsets' promises for one partition of a group; the commits of all partitions travel together."""

    def __init__(self, commits: Commits, partition: int) -> None:
        self._commits = commits
        self._partition = partition
        self._stored = 0

    async def load(self, consumer: str) -> int | None:
        stored = await self._commits.poller.committed(self._partition)
        self._stored = stored or 0
        return stored

    async def commit(self, consumer: str, offset: int) -> None:
        # Nobody else commits for the partition while it is here.
        if offset > self._stored:
            await self._commits.commit(self._partition, offset)
            self._stored = max(self._stored, offset)


class Commits:
    """One request of a group at a time, for every partition that got further meanwhile."""

    def __init__(self, poller: Committing) -> None:
        self.poller = poller
        self._wanted: dict[int, int] = {}
        self._turn = asyncio.Lock()
        self._committed_at = -math.inf

    async def commit(self, partition: int, position: int) -> None:
        self._wanted[partition] = max(position, self._wanted.get(partition, 0))
        try:
            async with self._turn:
                # Whoever had the turn before may have taken it along.
                if partition in self._wanted:
                    await asyncio.sleep(self._committed_at + _COMMIT_EVERY_S - time.monotonic())
                    await self._commit()
                    self._committed_at = time.monotonic()
        except BaseException:
            # Who still has the partition asks again. Left here, it would be written over what a successor commits.
            self._wanted.pop(partition, None)
            raise

    async def _commit(self) -> None:
        taken = dict(self._wanted)
        await self.poller.commit(taken)
        # Not before: the others must find theirs when this fails.
        for partition, position in taken.items():
            if self._wanted.get(partition) == position:
                del self._wanted[partition]


@dataclass(slots=True)
class _Held(Generic[R]):
    log: PartitionLog[R]
    worker: Worker
    task: asyncio.Task[None]


class Group(Generic[R]):
    """Keeps Following's promises on the partitions of a topic."""

    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        *,
        topic: str,
        name: str,
        make: Callable[[int, int, bytes], R],
        worker: Callable[[PartitionLog[R], Offsets], Worker],
        backlog: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.id = f"{topic}.{name.replace(' ', '-')}"
        self._broker = broker
        self._topic = topic
        self._make = make
        self._worker = worker
        self._backlog = backlog
        self._partitions = range(settings.kafka_partitions)
        self._poller = Poller(settings, topic, self, group=self.id)
        self._commits = Commits(self._poller)
        self._held: dict[int, _Held[R]] = {}
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def pending(self) -> int:
        return sum(each.worker.pending for each in self._held.values())

    @property
    def partitions(self) -> Sequence[int]:
        """The partitions that this process has now."""
        return sorted(self._held)

    @property
    def held(self) -> int:
        """How many items wait in the buffers of this process."""
        return sum(each.log.held for each in self._held.values())

    async def progress(self) -> Progress:
        # In this order: an event that moves on in between is counted twice, never not at all.
        waiting = await self._backlog() if self._backlog else 0
        committed = await self._broker.committed(self.id, self._topic)
        ends = await self._broker.ends(self._topic, self._partitions)
        return Progress(sum(committed.values()), sum(ends.values()) + waiting)

    async def start(self) -> None:
        """Nothing: where it was is found out for each partition when that is assigned."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            polling = self._tasks.create_task(self._poller.run())
            try:
                await asyncio.shield(polling)
            finally:
                # While the poller runs: without its membership nothing can be committed.
                await self._release(self.partitions)
                polling.cancel()

    def deliver(self, partition: int, epoch: int, records: Sequence[Raw]) -> None:
        if partition in self._held:
            self._held[partition].log.deliver(epoch, records)

    async def assigned(self, partitions: Sequence[int]) -> None:
        assert self._tasks is not None  # noqa: S101 - only a running poller assigns
        for partition in partitions:
            log = PartitionLog(self._poller, partition, self._make, self._end_of)
            worker = self._worker(log, PartitionOffsets(self._commits, partition))
            self._held[partition] = _Held(log, worker, self._tasks.create_task(self._work(worker)))
        _log.info("partitions_assigned", extra={"group": self.id, "partitions": list(partitions)})

    async def revoked(self, partitions: Sequence[int]) -> None:
        await self._release(partitions)

    async def lost(self, partitions: Sequence[int]) -> None:
        # Another process may have begun with them: stop at once, and commit nothing.
        for partition in partitions:
            if held := self._held.pop(partition, None):
                held.task.cancel()
        _log.warning("partitions_lost", extra={"group": self.id, "partitions": list(partitions)})

    async def _work(self, worker: Worker) -> None:
        await insist(worker.start, what=self.id)
        await worker.run()

    async def _release(self, partitions: Sequence[int]) -> None:
        held = [self._held.pop(each) for each in partitions if each in self._held]
        await asyncio.gather(*(self._finish(each) for each in held))
        _log.info("partitions_released", extra={"group": self.id, "partitions": list(partitions)})

    async def _finish(self, held: _Held[R]) -> None:
        try:
            async with asyncio.timeout(_FINISH_S):
                await held.worker.finish()
        except (AviaryError, TimeoutError) as error:
            _log.warning("partition_unfinished", extra={"group": self.id, "error": str(error)})
        held.task.cancel()
        await asyncio.gather(held.task, return_exceptions=True)

    async def _end_of(self, partition: int) -> int:
        return (await self._broker.ends(self._topic, [partition]))[partition]
