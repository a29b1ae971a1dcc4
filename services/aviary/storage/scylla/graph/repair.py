"""Follows the graph's own log, and puts right what writes of several processes left when they met."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import partial

from aviary.errors import Unavailable
from aviary.eventlog import Consumption, insist, selective
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.graph import edges, places, roles
from aviary.storage.scylla.graph.counting import LATEST_MS
from aviary.storage.scylla.graph.edges import Actor, Edge, Kind, Pair, Pairs
from aviary.storage.scylla.graph.places import Places, Shelf
from aviary.storage.scylla.graph.relations import end_all
from aviary.storage.scylla.writes import Write, Writer

_NAME = "graph repair"
# Rows of a bucket; some two megabytes.
_MOST = 10_000
_WORKERS = 8
_PLATFORM = 0
# Ids of one moment differ in few bits.
_SPREAD = 0x9E3779B97F4A7C15
# What starts or ends each kind of relation. The version of a start is the position that it was given.
_STARTS: Mapping[events_pb2.EventType.ValueType, Kind] = {
    events_pb2.EVENT_TYPE_FOLLOWED: Kind.FOLLOW,
    events_pb2.EVENT_TYPE_FOLLOW_REQUESTED: Kind.REQUEST,
    events_pb2.EVENT_TYPE_BLOCKED: Kind.BLOCK,
    events_pb2.EVENT_TYPE_MUTED: Kind.MUTE,
}
_ENDS: Mapping[events_pb2.EventType.ValueType, Kind] = {
    events_pb2.EVENT_TYPE_UNFOLLOWED: Kind.FOLLOW,
    events_pb2.EVENT_TYPE_FOLLOW_REQUEST_CLOSED: Kind.REQUEST,
    events_pb2.EVENT_TYPE_UNBLOCKED: Kind.BLOCK,
    events_pb2.EVENT_TYPE_UNMUTED: Kind.MUTE,
}
_KINDS = {**_STARTS, **_ENDS}
# A step of the repair of what is between two people.
_Step = Callable[[AsyncExitStack, Write, Pair, tuple[int, int]], Awaitable[None]]


class Repair:
    """Puts right, behind each event, what the write that it tells of could not see.

    Of two follows at once one stands, and the place of the other is still
    shown; a follow may land behind a block. And a shelf that has grown gets
    another bucket. Each step is safe to repeat.
    """

    def __init__(self, writer: Writer, *, most: int = _MOST) -> None:
        self._writer = writer
        self._pairs = Pairs(writer)
        self._places = Places(writer.tables)
        self._most = most

    async def after(self, event: Event) -> None:
        """Hold what hangs on an event against the truth."""
        if event.type in _KINDS:
            starts = Kind.BLOCK if _KINDS[event.type] is Kind.BLOCK else None
            await self._about(event.entity_id, event.target_id, partial(self._mend, event), starts)
        elif event.target_id not in {0, event.key}:
            # Somebody has come to a list or left it.
            await self._about(event.key, event.target_id, self._keep_apart, Kind.BLOCK)
        for end in _grown(event) if self._is_sampled(event) else ():
            await self._places.announce(*end, now_ms=self._writer.clock.now_ms(), most=self._most)

    async def _about(self, one: int, other: int, step: _Step, starts: Kind | None) -> None:
        async with AsyncExitStack() as stack:

            async def work(write: Write, pair: Pair) -> int:
                write.takes_away()
                await step(stack, write, pair, (one, other))
                return 0

            await self._pairs.once(None, one, other, work, starts=starts)

    async def _mend(
        self, event: Event, stack: AsyncExitStack, write: Write, pair: Pair, people: tuple[int, int]
    ) -> None:
        owner_id, member_id = people
        kind, edge = _KINDS[event.type], pair.edge(owner_id, _KINDS[event.type])
        if not self._is_readable(event, edge):
            return
        for position in {event.version, edge.position} - ({edge.position} if edge.active else set()):
            place = await self._places.one(owner_id, edges.SHELVES[kind], position, member_id)
            if place is not None and place.active:
                places.clear(write, owner_id, edges.SHELVES[kind], place)
        if pair.has(owner_id, Kind.FOLLOW):
            pair.close_request(owner_id, Actor(_PLATFORM))
        if event.type in _STARTS and kind is not Kind.MUTE:
            await self._keep_apart(stack, write, pair, people)

    async def _keep_apart(self, stack: AsyncExitStack, write: Write, pair: Pair, people: tuple[int, int]) -> None:
        """End what stands in spite of a block."""
        if pair.is_apart:
            await end_all(self._writer, stack, write, pair, people=people, actor=Actor(_PLATFORM))

    def _is_readable(self, event: Event, edge: Edge) -> bool:
        """Tell whether the relation is there. Raises Unavailable while it is not as new as the event."""
        if edge.version >= event.version:
            return True
        if edge == Edge() and (event.actor_id == 0 or self._writer.clock.now_ms() - event.time_ms >= LATEST_MS):
            return False
        raise Unavailable(f"what event {event.id} tells of cannot be read yet", retry_after_s=1)

    def _is_sampled(self, event: Event) -> bool:
        """Tell whether to look at the size of a bucket: ten times while it fills."""
        return event.id * _SPREAD % 2**64 // 2**32 % max(1, self._most // 10) == 0


def repairing(writer: Writer) -> Consumption:
    """What to do with each event of the graph's own log; by any number of workers, for each step reads the truth."""
    repair = Repair(writer)

    async def mend(event: Event) -> None:
        await insist(partial(repair.after, event), what=_NAME)

    return selective(_NAME, {*_KINDS, events_pb2.EVENT_TYPE_LIST_CHANGED}, mend, workers=_WORKERS)


def _grown(event: Event) -> Iterator[tuple[int, Shelf]]:
    """Yield the shelves that an event may have put a row on."""
    if event.type in _STARTS:
        shelf = edges.SHELVES[_STARTS[event.type]]
        yield from ((event.entity_id, shelf), (event.target_id, shelf.other_end))
    elif event.type == events_pb2.EVENT_TYPE_LIST_CHANGED and event.target_id:
        for shelf in roles.SHELVES.values():
            yield from ((event.entity_id, shelf), (event.target_id, shelf.other_end))
