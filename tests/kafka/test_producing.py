"""What the producer promises: order within a partition, acknowledged, many events in few records."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.kafka.rig import Rig, events, item

from aviary.events.v1.events_pb2 import Event
from aviary.storage.kafka import packs, places
from aviary.storage.kafka.packs import Raw
from aviary.storage.kafka.ranges import stretch

pytestmark = pytest.mark.cluster
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def in_the_log(rig: Rig, partition: int = 0) -> list[Any]:
    """The driver's records of a partition."""
    end = places.offset_of((await rig.broker.ends(rig.topic, [partition]))[partition])
    found: list[Any] = []
    async for records in stretch(rig.settings, rig.topic, partition, first=0, end=end):
        found.extend(records)
    return found


def bodies(records: list[Any]) -> list[int]:
    raw = [Raw(each.offset, packs.count(each.headers), each.key, each.value) for each in records]
    return [Event.FromString(body).id for each in raw for _, body in packs.unpack(each)]


async def test_events_that_wait_together_travel_in_few_records_and_in_order(rig: Rig) -> None:
    await asyncio.gather(*(rig.producer.send(rig.topic, 0, [item(each)]) for each in events(range(1, 3_001))))

    records = await in_the_log(rig)
    assert bodies(records) == list(range(1, 3_001))
    assert len(records) <= 3_000 / packs.MOST + 2


async def test_an_event_alone_is_its_record_and_carries_its_trace(rig: Rig) -> None:
    event = Event(id=5, key=-3, traceparent=TRACEPARENT)
    await rig.producer.send(rig.topic, 0, [item(event)])

    (record,) = await in_the_log(rig)
    assert Event.FromString(record.value) == event
    assert record.key == (-3).to_bytes(8, "big", signed=True)
    assert dict(record.headers) == {"traceparent": TRACEPARENT.encode()}


async def test_a_call_that_was_cancelled_neither_loses_nor_overtakes_what_others_handed_in(rig: Rig) -> None:
    calls = [asyncio.ensure_future(rig.producer.send(rig.topic, 0, [item(each)])) for each in events(range(1, 41))]
    await asyncio.sleep(0)
    # The first is the one that sends for the others.
    for each in calls[::3]:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await rig.producer.send(rig.topic, 0, [item(each) for each in events([41])])

    found = bodies(await in_the_log(rig))
    # Some may be there twice; the last time that each is there keeps the order.
    last = {each: place for place, each in enumerate(found)}
    assert sorted(last, key=lambda each: last[each]) == list(range(1, 42))
