"""A stretch of a partition, read once and without a group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from aviary.settings import Settings
from aviary.storage.kafka.connection import options, translated

_POLL_MS = 500


async def stretch(
    settings: Settings, topic: str, partition: int, *, first: int, end: int
) -> AsyncIterator[Sequence[Any]]:
    """Yield the driver's records from one offset up to another, some at a time."""
    if first >= end:
        return
    with translated(settings):
        consumer = await asyncio.to_thread(_open, settings, TopicPartition(topic, partition), first)
    try:
        at = first
        while at < end:
            with translated(settings):
                found = await asyncio.to_thread(consumer.poll, _POLL_MS)
            records = [each for some in found.values() for each in some if each.offset < end]
            if records:
                yield records
            at = max((each.offset + 1 for some in found.values() for each in some), default=at)
    finally:
        await asyncio.to_thread(consumer.close)


def _open(settings: Settings, at: TopicPartition, first: int) -> Any:
    consumer = KafkaConsumer(**options(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    consumer.assign([at])
    consumer.seek(at, first)
    return consumer
