"""Replays: events go into their topics once more, and every consumer has its effects again, which are keyed."""

from __future__ import annotations

from typing import Any

from kafka.structs import TopicPartition

from aviary.events.v1.events_pb2 import Event
from aviary.settings import Settings
from aviary.storage.kafka import packs, places
from aviary.storage.kafka.connection import Broker, topic_of
from aviary.storage.kafka.dead import edges, log_of
from aviary.storage.kafka.packs import Item, Raw
from aviary.storage.kafka.producer import Producer
from aviary.storage.kafka.ranges import stretch
from aviary.storage.kafka.topics import dead_topic, partition_of


async def replay_dead(settings: Settings, producer: Producer, broker: Broker) -> int:
    """Put every dead letter back into the log that it came from, then forget them; returns how many they were."""
    topic = dead_topic(settings)
    first, end = await edges(broker, topic)
    async for letters in stretch(settings, topic, 0, first=first, end=end):
        for letter in letters:
            item = _item(letter.value)
            await producer.send(topic_of(settings, log_of(letter)), partition_of(settings, item.key), [item])
    if end > first:
        await broker.ask(lambda client: client.delete_records({TopicPartition(topic, 0): end}))
    return end - first


async def replay_since(settings: Settings, producer: Producer, broker: Broker, *, log: str, since_ms: int) -> int:
    """Append to a log once more what it has since a time; returns how many events that were."""
    topic, partitions = topic_of(settings, log), range(settings.kafka_partitions)
    firsts, ends = await broker.since(topic, partitions, since_ms), await broker.ends(topic, partitions)
    replayed = 0
    for partition in partitions:
        first, end = places.offset_of(firsts[partition]), places.offset_of(ends[partition])
        async for records in stretch(settings, topic, partition, first=first, end=end):
            items = [_item(body) for record in records for _, body in packs.unpack(_raw(record))]
            await producer.send(topic, partition, items)
            replayed += len(items)
    return replayed


def _raw(record: Any) -> Raw:
    return Raw(record.offset, packs.count(record.headers), record.key, record.value)


def _item(body: bytes) -> Item:
    event = Event.FromString(body)
    return Item(event.key, body, event.traceparent)
