"""Dead letters: a topic of the events whose effect was given up, with the reason beside them."""

from __future__ import annotations

import asyncio
from typing import Any

from aviary.eventlog import Record
from aviary.settings import Settings
from aviary.storage.kafka import places
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.packs import Item
from aviary.storage.kafka.producer import Producer
from aviary.storage.kafka.ranges import stretch
from aviary.storage.kafka.topics import dead_topic

LOG, PLACE, REASON = "log", "place", "reason"


class KafkaDeadLetters:
    """Keeps DeadLetters' promises. An event is known by its id, which it keeps when it is replayed."""

    def __init__(self, settings: Settings, producer: Producer, broker: Broker) -> None:
        self._settings = settings
        self._producer = producer
        self._broker = broker
        self._topic = dead_topic(settings)
        # What is in the topic, by offset, as far as it was read. A partition's consumer is alone with its events, so
        # nobody else adds one of them between a look and a write.
        self._known: dict[int, tuple[str, int]] = {}
        self._read_to = 0
        self._turn = asyncio.Lock()

    async def add(self, log: str, record: Record, error: str) -> None:
        async with self._turn:
            await self._read_on()
            if (log, record.event.id) not in self._known.values():
                headers = ((LOG, log.encode()), (PLACE, str(record.offset).encode()), (REASON, error.encode()))
                letter = Item(record.event.id, record.event.SerializeToString(), record.event.traceparent, headers)
                await self._producer.send(self._topic, 0, [letter])

    async def count(self) -> int:
        first, end = await edges(self._broker, self._topic)
        return end - first

    async def _read_on(self) -> None:
        first, end = await edges(self._broker, self._topic)
        # What was replayed is no longer there, and may be given up again.
        self._known = {offset: known for offset, known in self._known.items() if offset >= first}
        begin = max(first, self._read_to)
        async for records in stretch(self._settings, self._topic, 0, first=begin, end=end):
            self._known |= {each.offset: (log_of(each), int.from_bytes(each.key, "big")) for each in records}
        self._read_to = end


def log_of(letter: Any) -> str:
    """Return the log that an event was read from."""
    return str(dict(letter.headers)[LOG], "utf-8")


async def edges(broker: Broker, topic: str) -> tuple[int, int]:
    """Return the offset of the oldest letter and that of the next one to come."""
    first, end = await broker.beginnings(topic, [0]), await broker.ends(topic, [0])
    return places.offset_of(first[0]), places.offset_of(end[0])
