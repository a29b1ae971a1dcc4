"""A process of a group, to be killed: it appends a line to a file for each effect."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from aviary.eventlog import Consumer, Consumption, Lane, Record
from aviary.settings import Settings
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.group import Group
from aviary.storage.kafka.partitions import as_event

_LANE = Lane(name="all")


async def consume(topic: str, address: str, partitions: int, file: Path) -> None:
    """Consume until killed."""
    settings = Settings(kafka=address, kafka_partitions=partitions)

    async def route(records: Sequence[Record]) -> Sequence[int]:
        return [0] * len(records)

    with file.open("a", buffering=1) as effects:

        async def handle(_lane: Lane, record: Record) -> None:
            # So slow that it is always in the midst of something.
            await asyncio.sleep(0.002)
            effects.write(f"{record.event.key} {record.event.id}\n")

        what = Consumption(name="a test", lanes=[_LANE], route=route, handle=handle)
        await Group(
            settings,
            Broker(settings),
            topic=topic,
            name=what.name,
            make=as_event,
            worker=lambda log, offsets: Consumer(log, offsets, what),
        ).run()


if __name__ == "__main__":
    asyncio.run(consume(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
