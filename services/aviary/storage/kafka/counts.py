"""What events change in the counters: a second topic, by counted entity, and one process that counts each.

A service's events are in order for their own key, the one who likes, while a
counter belongs to the liked. The router takes each event to the partitions of
the entities that it concerns; whoever has such a partition is the sole owner of
their counters. A process that died may have handed over, or counted, what its
successor hands over or counts again: so a count must be a set, told by version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from aviary import ids
from aviary.eventlog import Committer, Consumption, Lane, Offsets, Record, insist
from aviary.events.v1.events_pb2 import Event
from aviary.settings import Settings
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.group import Group
from aviary.storage.kafka.packs import Item
from aviary.storage.kafka.partitions import PartitionLog
from aviary.storage.kafka.producer import Producer
from aviary.storage.kafka.topics import counts_topic

_AT_ONCE = 256
_LANE = Lane(name="route", workers=_AT_ONCE)
Route = Callable[[Event], Awaitable[Sequence[tuple[int, bytes]]]]
"""The entities whose counters an event may change, and what to tell their owner."""


@dataclass(frozen=True, slots=True)
class Count:
    """What concerns an entity's counters, and its place: later ones of the entity have larger offsets."""

    offset: int
    entity_id: int
    body: bytes


Counting = Callable[[Sequence[Count]], Awaitable[None]]
"""Counts some that follow each other in one partition. Must be safe to repeat; refusals are tried again."""


def routing(settings: Settings, producer: Producer, log: str, route: Route) -> Consumption:
    """Return what the router does with a service's events."""
    topic = counts_topic(settings, log)

    async def all_alike(records: Sequence[Record]) -> Sequence[int]:
        return [0] * len(records)

    async def hand_over(_lane: Lane, record: Record) -> None:
        # Many at once, so that one acknowledgement serves many events. Their order is not kept: each says its version.
        sent = [
            producer.hand_in(topic, ids.spread(entity_id, settings.kafka_partitions), [Item(entity_id, body)])
            for entity_id, body in await insist(partial(route, record.event), what="router")
        ]
        for each in sent:
            await each()

    return Consumption(name="router", lanes=[_LANE], route=all_alike, handle=hand_over)


def counting(settings: Settings, broker: Broker, log: str, count: Counting) -> Group[Count]:
    """Return the group that counts what the router hands over."""

    def worker(partition: PartitionLog[Count], offsets: Offsets) -> Counter:
        return Counter(partition, offsets, count)

    return Group(settings, broker, topic=counts_topic(settings, log), name="counting", make=Count, worker=worker)


class Counter:
    """Counts one partition, batch after batch: one owner, one order."""

    def __init__(self, log: PartitionLog[Count], offsets: Offsets, count: Counting) -> None:
        self._log = log
        self._count = count
        self._after = 0
        # What was counted since is counted again after a death, to the same end.
        self._committer = Committer(offsets, "counting", lambda: self._after)
        self._turn = asyncio.Lock()
        self.pending = 0

    async def start(self) -> None:
        self._after = await self._committer.start()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._committer.run())
            while True:
                await self._log.wait(self._after)
                async with self._turn:
                    await self._step()

    async def finish(self) -> None:
        # The step under way ends and its place is kept; so is the turn, so that no other begins.
        await self._turn.acquire()
        await self._committer.finish()

    async def _step(self) -> None:
        counts = await self._log.read(self._after, limit=_AT_ONCE)
        if not counts:
            return
        self.pending = len(counts)
        await insist(partial(self._count, counts), what="counting")
        self._after = counts[-1].offset
        self.pending = 0
        self._committer.moved()
