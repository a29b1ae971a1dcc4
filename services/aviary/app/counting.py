"""The counting of a cluster: from a service's events to the counts that its readers see."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aviary import ids
from aviary.eventlog import Consumption, Following
from aviary.events.v1.events_pb2 import Event
from aviary.settings import Settings
from aviary.storage.kafka import counts
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.counts import Count
from aviary.storage.kafka.packs import Item
from aviary.storage.kafka.producer import Producer
from aviary.storage.kafka.topics import counts_topic
from aviary.storage.scylla.counting import Change, Counting
from aviary.storage.scylla.tables import Tables

_CHANGE = struct.Struct("<qqqq?")
_STEP = 1_000
# What an event changes.
ChangesOf = Callable[[Event], Awaitable[Sequence[Change]]]
# What follows from new counts by (entity, kind), as of a version that rises with each count of an entity.
FollowingOf = Callable[[Mapping[tuple[int, str], int], int], Awaitable[Sequence[Change]]]


class Counter:
    """Counts for one service: its part of the second topic, whose entities nobody else counts."""

    def __init__(
        self,
        log: str,
        tables: Tables,
        *,
        settings: Settings,
        producer: Producer,
        broker: Broker,
        changes_of: ChangesOf,
        following_of: FollowingOf | None = None,
        tell: Callable[[Collection[int]], Awaitable[None]] | None = None,
    ) -> None:
        self.log = log
        self._settings = settings
        self._producer = producer
        self._broker = broker
        self._counting = Counting(tables)
        self._changes_of = changes_of
        self._following_of = following_of
        # Of the entities whose counts changed.
        self._tell = tell

    def routing(self) -> Consumption:
        """What takes each event's changes to the owners of their counts."""
        return counts.routing(self._settings, self._producer, self.log, self._route)

    def group(self) -> Following:
        """What counts; several processes share it."""
        return counts.counting(self._settings, self._broker, self.log, self._count)

    async def _route(self, event: Event) -> Sequence[tuple[int, bytes]]:
        return [(each.entity, _encode(each)) for each in await self._changes_of(event)]

    async def _count(self, found: Sequence[Count]) -> None:
        # The place in the log is the timestamp, so that an owner that was replaced writes below its successor. Between
        # two places there is room for a repair.
        at_us = found[-1].offset * _STEP
        counted = await self._counting.apply([_decode(each.body) for each in found], at_us=at_us)
        if self._tell is not None:
            await self._tell({entity for entity, _ in counted})
        if self._following_of is not None:
            for change in await self._following_of(counted, at_us):
                partition = ids.spread(change.entity, self._settings.kafka_partitions)
                topic = counts_topic(self._settings, self.log)
                await self._producer.send(topic, partition, [Item(change.entity, _encode(change))])


def _encode(change: Change) -> bytes:
    numbers = _CHANGE.pack(change.entity, change.member, change.value, change.version, change.gone)
    return numbers + change.kind.encode()


def _decode(body: bytes) -> Change:
    entity, member, value, version, gone = _CHANGE.unpack_from(body)
    return Change(entity, body[_CHANGE.size :].decode(), member, value, version, gone)
