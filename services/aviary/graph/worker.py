"""Follows the users' log: whoever's account is deleted leaves the graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aviary.eventlog import Consumption, Lane, Record, insist
from aviary.events.v1 import events_pb2
from aviary.graph.upkeep import GraphErasure

_NAME = "graph erasure"
_LANES = (Lane(name="erasure"),)


def erasing(erasure: GraphErasure) -> Consumption:
    """What to do with each event of the users' log."""

    async def route(records: Sequence[Record]) -> Sequence[int]:
        return [0] * len(records)

    async def handle(_lane: Lane, record: Record) -> None:
        if record.event.type == events_pb2.EVENT_TYPE_USER_DELETED:
            await insist(partial(erasure.erase, record.event.entity_id), what=_NAME)

    return Consumption(name=_NAME, lanes=_LANES, route=route, handle=handle)
