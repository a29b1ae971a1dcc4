"""Follows the users' log: whoever's account is deleted leaves the graph."""

from __future__ import annotations

from functools import partial

from aviary.eventlog import Consumption, insist, selective
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.graph.upkeep import RemovalStore

_NAME = "graph erasure"


def erasing(store: RemovalStore) -> Consumption:
    """What to do with each event of the users' log."""

    async def erase(event: Event) -> None:
        await insist(partial(store.erase, event.entity_id), what=_NAME)

    return selective(_NAME, {events_pb2.EVENT_TYPE_USER_DELETED}, erase)
