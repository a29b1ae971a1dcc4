"""The rows between people, follows and bonds, as every write of the graph changes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial

from aviary import ids
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.graph import places
from aviary.storage.scylla.graph.places import Boundaries, Place, Places, Shelf
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.writes import Write, Writer


class Kind(IntEnum):
    """What a row of `edges` says of its owner and its member. Those that sources are made of come first."""

    VERSIONS = 0
    MUTE = 1
    FOLLOW = 2
    REQUEST = 3
    BLOCK = 4


SHELVES = {
    Kind.MUTE: Shelf.MUTES,
    Kind.FOLLOW: Shelf.FOLLOWING,
    Kind.REQUEST: Shelf.ASKS,
    Kind.BLOCK: Shelf.BLOCKS,
}
_EDGES = (
    "SELECT kind, member, active, position, until_ms, here, there, writetime(active), version,"
    " follow_version, sources_version"
    " FROM edges WHERE owner = ? AND kind IN (0, 1, 2, 3, 4) AND member IN (0, ?)"
)
_VERSIONS = "SELECT follow_version, sources_version FROM edges WHERE owner = ? AND kind = 0 AND member = 0"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, 0 for the platform, and in which trace."""

    id: int
    trace: str = field(default_factory=traceparent)


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation: whether it is active, its place and the buckets of both ends, and when it was last turned."""

    active: bool = False
    position: int = 0
    until_ms: int = 0
    here: int = 0
    there: int = 0
    at_us: int | None = None
    # The newest version that was told of it.
    version: int = 0

    def place(self, other: int) -> Place:
        return Place(self.here, self.position, other, self.active, self.until_ms, self.there)


_NOTHING = Edge()


@dataclass(frozen=True, slots=True)
class Versions:
    """A person's versions as they are stored; both are ids, and so is each in between."""

    follow: int = 0
    sources: int = 0


class Pair:
    """What is between two people, as a decision read it, and as the decision leaves it."""

    def __init__(self, write: Write, edges: dict[tuple[int, Kind], Edge], versions: dict[int, Versions]) -> None:
        self._write = write
        self._edges = edges
        self._versions = versions
        self._boundaries: dict[tuple[int, Shelf], Boundaries] = {}
        self._others: dict[int, int] = {}
        # Whose versions are higher than they were.
        self.raised: dict[int, Versions] = {}

    @classmethod
    async def read(cls, tables: Tables, write: Write, one: int, other: int, *, starts: Kind | None = None) -> Pair:
        """Read all that is between the two; `starts` is what the decision may let `one` start. One round."""
        (said, answered), boundaries = await asyncio.gather(
            tables.each(_EDGES, [(one, other), (other, one)]),
            asyncio.gather(*(Places(tables).boundaries(*end) for end in _ends(one, other, starts))),
        )
        pair = cls(write, {}, {})
        pair._others = {one: other, other: one}
        pair._take(one, said)
        pair._take(other, answered)
        pair._boundaries = dict(zip(_ends(one, other, starts), boundaries, strict=True))
        return pair

    def edge(self, owner: int, kind: Kind) -> Edge:
        return self._edges.get((owner, kind), _NOTHING)

    def has(self, owner: int, kind: Kind) -> bool:
        return self.edge(owner, kind).active

    @property
    def is_apart(self) -> bool:
        """Tell whether either blocks the other."""
        return any(self.has(owner, Kind.BLOCK) for owner in self._others)

    def start_follow(self, follower: int, actor: Actor) -> None:
        """Make a follow that is not active so, with its versions and event; a request ends with it."""
        version = self.rise(follower, follow=True)
        if self.has(follower, Kind.REQUEST):
            self.end(follower, Kind.REQUEST, version)
        self.start(follower, Kind.FOLLOW, version)
        self.tell(events_pb2.EVENT_TYPE_FOLLOWED, follower, actor, version)

    def ask(self, asker: int, actor: Actor) -> None:
        """Make a request that is not active so, with its version and event."""
        version = self.rise(asker)
        self.start(asker, Kind.REQUEST, version)
        self.tell(events_pb2.EVENT_TYPE_FOLLOW_REQUESTED, asker, actor, version)

    def end_follow(self, follower: int, actor: Actor) -> bool:
        """Make a follow inactive, with its version and event; tell whether it was active."""
        return self._end_and_tell(follower, Kind.FOLLOW, actor, events_pb2.EVENT_TYPE_UNFOLLOWED)

    def close_request(self, asker: int, actor: Actor) -> bool:
        """End a request without a follow, with its event; tell whether there was one."""
        return self._end_and_tell(asker, Kind.REQUEST, actor, events_pb2.EVENT_TYPE_FOLLOW_REQUEST_CLOSED)

    def start(self, owner: int, kind: Kind, position: int, *, until_ms: int = 0) -> None:
        """Make a relation active as the owner's newest."""
        shelf, member, before = SHELVES[kind], self._others[owner], self.edge(owner, kind)
        if before.active:
            # A mute whose time was over.
            places.put(self._write, owner, shelf, replace(before.place(member), active=False))
        here = self._boundaries[owner, shelf].bucket(position)
        there = self._boundaries[member, shelf.other_end].bucket(position)
        edge = Edge(active=True, position=position, until_ms=until_ms, here=here, there=there, at_us=before.at_us)
        self._put(owner, kind, edge, position, position=position, here=here, there=there)

    def end(self, owner: int, kind: Kind, version: int) -> None:
        """Make a relation inactive, and its place at both ends."""
        self._put(owner, kind, replace(self.edge(owner, kind), active=False, until_ms=0), version)

    def end_at(self, owner: int, until_ms: int, version: int) -> None:
        """Give a mute another end in its place."""
        self._put(owner, Kind.MUTE, replace(self.edge(owner, Kind.MUTE), active=True, until_ms=until_ms), version)

    def rise(self, user: int, *, follow: bool = False) -> int:
        """Raise a user's version, and the follow version with it; return it."""
        raised = raise_versions(self._write, user, self._versions.get(user, Versions()), follow=follow)
        self._versions[user] = self.raised[user] = raised
        return raised.sources

    def tell(self, kind: events_pb2.EventType.ValueType, user: int, actor: Actor, version: int) -> None:
        """Emit what became of `user` and the other party."""
        tell(self._write, kind, user, self._others[user], actor=actor, version=version)

    def _end_and_tell(self, owner: int, kind: Kind, actor: Actor, event: events_pb2.EventType.ValueType) -> bool:
        if not self.has(owner, kind):
            return False
        version = self.rise(owner)
        self.end(owner, kind, version)
        self.tell(event, owner, actor, version)
        return True

    def _put(self, owner: int, kind: Kind, edge: Edge, version: int, **place: int) -> None:
        member = self._others[owner]
        # What was read stands below what follows from it, also when a faster clock wrote it.
        self._write.after(edge.at_us)
        key = {"owner": owner, "kind": kind, "member": member}
        self._write.put("edges", **key, active=edge.active, until_ms=edge.until_ms, **place)
        # Whoever hears of this version knows by it that the row can be read.
        self._write.put("edges", **key, stamp=stamp(version), version=version)
        places.put(self._write, owner, SHELVES[kind], edge.place(member))
        self._edges[owner, kind] = edge

    def _take(self, owner: int, rows: Iterable[Row]) -> None:
        for kind, member, active, position, until_ms, here, there, at_us, version, follow, sources in rows:
            if kind == Kind.VERSIONS:
                self._versions[owner] = Versions(follow or 0, sources or 0)
            elif member == self._others[owner]:
                place = position or 0, until_ms or 0, here or 0, there or 0
                edge = Edge(bool(active), *place, at_us=at_us, version=version or 0)
                self._edges[owner, Kind(kind)] = edge


# Decides by what is between two people, and answers with a number that a claim is settled with.
Decide = Callable[[Write, Pair], Awaitable[int]]


def raise_versions(write: Write, user: int, held: Versions, *, follow: bool) -> Versions:
    """Raise a user's versions above those that are stored."""
    # A clock that is behind must not let a change pass unseen.
    version = max(write.next_id(), held.sources + 1)
    raised = {"sources_version": version, "follow_version": version} if follow else {"sources_version": version}
    # The largest stands, whichever of two writes comes last.
    write.put("edges", stamp=stamp(version), owner=user, kind=Kind.VERSIONS, member=0, **raised)
    return Versions(version if follow else held.follow, version)


def stamp(version: int) -> int:
    """Return a timestamp that rises with a version, and is no later than its time."""
    return ids.time_ms(version) * 1_000


def for_good(write: Write) -> int:
    """Return a timestamp for what is removed and not put again, above that of every version."""
    return max(places.for_good(write), stamp(write.next_id()) + 5_000_000)


def tell(
    write: Write,
    kind: events_pb2.EventType.ValueType,
    user: int,
    target: int,
    *,
    actor: Actor,
    version: int,
) -> None:
    """Emit what became of a user and another party."""
    write.emit(
        Event(
            type=kind,
            key=user,
            entity_id=user,
            version=version,
            actor_id=actor.id,
            target_id=target,
            traceparent=actor.trace,
        )
    )


async def versions_of(tables: Tables, user: int) -> Versions:
    """Return the versions that are stored."""
    row = await tables.one(_VERSIONS, user)
    return Versions(row[0] or 0, row[1] or 0) if row else Versions()


class Pairs:
    """Decides about two people at a time, and writes what is decided in one commit.

    Writes of one process about the same two, or that raise the versions of the
    same person, come one after the other; those of several may meet, and the
    later timestamp of a relation stands.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def once(
        self, claim: Claim | None, one: int, other: int, decide: Decide, *, starts: Kind | None = None
    ) -> tuple[int, bool]:
        """Do as `Writer.once`; what is decided may start a relation of `one`, and end any of both."""
        raised: dict[int, Versions] = {}

        async def work(write: Write) -> int:
            pair = await Pair.read(self._writer.tables, write, one, other, starts=starts)
            answer = await decide(write, pair)
            raised.update(pair.raised)
            return int(answer)

        # Only a block raises the versions of both; nobody waits for others who follow the same person.
        risers = (one, other) if starts is Kind.BLOCK else (one,)
        async with _alone(self._writer, one, other, risers):
            result = await self._writer.once(claim, work)
            await confirm(self._writer, raised)
        return result

    async def changes(
        self, claim: Claim | None, one: int, other: int, decide: Decide, *, starts: Kind | None = None
    ) -> bool:
        """Do as `Writer.changes`."""
        changed, repeated = await self.once(claim, one, other, decide, starts=starts)
        return bool(changed) and not repeated


async def confirm(writer: Writer, raised: Mapping[int, Versions]) -> None:
    """Raise once more what a write of another process has overtaken.

    Two that read the same version at once raise it to different ones. Whoever
    saw the larger may have seen nothing yet of what came with the smaller.
    """
    for user, mine in raised.items():
        held = await versions_of(writer.tables, user)
        if held.sources > mine.sources:
            again = partial(_raise_again, user, held)
            await writer.commit(again)


async def _raise_again(user: int, held: Versions, write: Write) -> None:
    raise_versions(write, user, held, follow=True)


@asynccontextmanager
async def _alone(writer: Writer, one: int, other: int, risers: Iterable[int]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(writer.locks.hold(("pair", min(one, other), max(one, other))))
        for each in sorted(risers):
            await stack.enter_async_context(writer.locks.hold(("person", each)))
        yield


def _ends(one: int, other: int, starts: Kind | None) -> Sequence[tuple[int, Shelf]]:
    if starts is None:
        return []
    shelf = SHELVES[starts]
    return [(one, shelf), (other, shelf.other_end)]
