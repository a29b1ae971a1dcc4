"""A topic of events, whoever writes it, and groups that remember what they were given."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.rpc.waiting import until

from aviary.errors import Unavailable
from aviary.eventlog import Consumer, Consumption, Lane, Record
from aviary.events.v1.events_pb2 import EVENT_TYPE_USER_UPDATED, Event
from aviary.settings import Settings
from aviary.storage.kafka import topics
from aviary.storage.kafka.connection import Broker, topic_of
from aviary.storage.kafka.group import Group
from aviary.storage.kafka.packs import Item
from aviary.storage.kafka.partitions import as_event
from aviary.storage.kafka.producer import Producer

LOG = "tweets"
LANE = Lane(name="all")


def chosen(settings: Settings, address: str) -> Settings:
    """Settings for topics that no other test has, on one broker."""
    return dataclasses.replace(
        settings,
        kafka=address,
        kafka_prefix=f"t{secrets.token_hex(6)}",
        kafka_partitions=4,
        kafka_replication=1,
        kafka_min_insync=1,
    )


@dataclass(slots=True)
class Rig:
    """What a test of a topic stands on."""

    settings: Settings
    broker: Broker
    producer: Producer

    @property
    def topic(self) -> str:
        return topic_of(self.settings, LOG)

    async def emit(self, *events: Event) -> None:
        """Append each event on its own, to the partition of its key, in this order."""
        waiting = [
            self.producer.hand_in(self.topic, topics.partition_of(self.settings, each.key), [item(each)])
            for each in events
        ]
        for each in waiting:
            await each()

    def member(self, seen: Seen, name: str = "a test") -> Group[Record]:
        """One more process of a group."""
        what = Consumption(name=name, lanes=[LANE], route=seen.route, handle=seen.handle)
        return Group(
            self.settings,
            self.broker,
            topic=self.topic,
            name=name,
            make=as_event,
            worker=lambda log, offsets: Consumer(log, offsets, what),
        )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Rig]:
    """The topics of these settings."""
    rig = Rig(settings, Broker(settings), Producer(settings))
    await topics.migrate(settings, rig.broker)
    try:
        yield rig
    finally:
        await rig.producer.close()
        rig.broker.close()


@dataclass(slots=True)
class Seen:
    """What was handled, by key and in order; `gate` holds effects back."""

    events: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def route(self, records: Sequence[Record]) -> Sequence[int]:
        return [0] * len(records)

    async def handle(self, _lane: Lane, record: Record) -> None:
        self.begun += 1
        await self.gate.wait()
        self.events[record.event.key].append(record.event.id)

    @property
    def count(self) -> int:
        return sum(map(len, self.events.values()))


def item(event: Event) -> Item:
    return Item(event.key, event.SerializeToString(), event.traceparent)


def events(ids: Sequence[int], *, keys: int = 16) -> list[Event]:
    """Events of some keys in turn."""
    return [Event(id=each, type=EVENT_TYPE_USER_UPDATED, key=1 + each % keys, entity_id=each) for each in ids]


@asynccontextmanager
async def running(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run all of them while the body runs; one that ends with an error fails the test."""
    tasks = [asyncio.ensure_future(_forever(each)) for each in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def settled(group: Group[Record]) -> None:
    """Return once every event that is in the topic had its effect."""

    async def is_settled() -> bool:
        try:
            progress = await group.progress()
        except Unavailable:
            # A broker that is back is not ready for everything at once.
            return False
        return progress.committed == progress.end

    await until(is_settled, what="every event had its effect")
