"""The erasure of a person from the graph on ScyllaDB or Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from aviary.events.v1 import events_pb2
from aviary.storage.scylla import counting
from aviary.storage.scylla.graph import edges, lists, places, roles
from aviary.storage.scylla.graph.counting import FOLLOWERS, FOLLOWING, ROLE_COUNTS, uncount
from aviary.storage.scylla.graph.edges import Actor, Kind, Versions
from aviary.storage.scylla.graph.places import Place, Places, Shelf
from aviary.storage.scylla.graph.roles import Role
from aviary.storage.scylla.writes import Write, Writer

# Rows a commit, each with its other end, its relation and an event: servers refuse large batches.
_AT_ONCE = 25
_PLATFORM = 0
# What the person's shelves hold of other people, and of lists.
_KINDS: Mapping[Shelf, Kind] = {end: kind for kind, shelf in edges.SHELVES.items() for end in (shelf, shelf.other_end)}
# What others count of the person.
_COUNTS: Mapping[Shelf, str] = {Shelf.FOLLOWING: FOLLOWERS, Shelf.FOLLOWERS: FOLLOWING}
_ROLES: Mapping[Shelf, Role] = {shelf.other_end: role for role, shelf in roles.SHELVES.items()}


class ScyllaRemovalStore:
    """Keeps RemovalStore's promises.

    Every relation has a row at either end, written together: those at the
    person's own end lead to all others, and go with them.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._places = Places(writer.tables)

    async def erase(self, user_id: int) -> None:
        self._writer.erased.add(user_id)
        # What was under way when it began is found by another look.
        while await self._some(user_id, Actor(_PLATFORM)):
            pass
        await self._claims(user_id)
        await self._rest(user_id)

    async def _some(self, user_id: int, actor: Actor) -> bool:
        """Remove what is found by one look; tell whether there was anything."""
        found = False
        for shelf in _KINDS:
            async for some in self._places.rising(user_id, shelf, step=_AT_ONCE):
                found = True
                await self._end(user_id, shelf, some, actor)
        for list_id in await roles.lists_of(self._tables, user_id):
            found = True
            await lists.bury_one(self._writer, list_id, actor)
            while await lists.sweep(self._writer, list_id):
                pass
        for shelf, role in _ROLES.items():
            async for some in self._places.rising(user_id, shelf, step=_AT_ONCE):
                found = True
                for place in some:
                    await self._leave(user_id, role, place, actor)
        return found

    async def _end(self, user_id: int, shelf: Shelf, some: Sequence[Place], actor: Actor) -> None:
        """End relations of one kind and do away with their rows, in one commit."""
        risers = sorted({_owner(user_id, shelf, each) for each in some if each.active})
        raised: dict[int, Versions] = {}

        async def work(write: Write) -> None:
            held = await asyncio.gather(*(edges.versions_of(self._tables, each) for each in risers))
            raised.update(zip(risers, held, strict=True))
            for place in some:
                owner_id, member_id = _owner(user_id, shelf, place), _member(user_id, shelf, place)
                if place.active:
                    raised[owner_id] = _undo(write, _KINDS[shelf], (owner_id, member_id), raised[owner_id], actor)
                key = {"owner": owner_id, "kind": _KINDS[shelf], "member": member_id}
                write.remove("edges", stamp=edges.for_good(write), **key)
                places.remove(write, user_id, shelf, place)
            if shelf in _COUNTS:
                undone = [each.other for each in some if not each.active]
                await asyncio.gather(*(uncount(self._tables, write, each, _COUNTS[shelf], user_id) for each in undone))

        async with AsyncExitStack() as stack:
            for each in risers:
                await stack.enter_async_context(self._writer.locks.hold(("person", each)))
            await self._writer.commit(work)
            await edges.confirm(self._writer, raised)

    async def _leave(self, user_id: int, role: Role, place: Place, actor: Actor) -> None:
        """End a role and do away with its rows, in a turn of its list."""
        list_id = place.other

        async def work(write: Write) -> None:
            head, held = await asyncio.gather(
                roles.head(self._tables, list_id), roles.held(self._tables, list_id, user_id)
            )
            if head is not None and role in held and held[role].active:
                roles.leave(write, role, head, held[role], user_id=user_id, actor=actor)
            else:
                await uncount(self._tables, write, list_id, ROLE_COUNTS[role], user_id)
            places.remove(write, user_id, roles.SHELVES[role].other_end, place)
            write.remove("roles", stamp=places.for_good(write), list_id=list_id, user_id=user_id, role=role)

        await self._writer.in_turn(f"list:{list_id}", work)

    async def _claims(self, user_id: int) -> None:
        caller = str(user_id)

        async def work(write: Write) -> bool:
            theirs = "SELECT rpc, key FROM claims_by_caller WHERE caller = ? LIMIT ?"
            found = await self._tables.rows(theirs, caller, _AT_ONCE)
            for rpc, key in found:
                for table in ("claims", "claims_by_caller"):
                    write.remove(table, stamp=places.for_good(write), caller=caller, rpc=rpc, key=key)
            return bool(found)

        while await self._writer.commit(work):
            pass

    async def _rest(self, user_id: int) -> None:
        """Do away with what leads to nobody else."""

        async def work(write: Write) -> None:
            counting.forget(write, user_id, (FOLLOWERS, FOLLOWING))
            for shelf in (*_KINDS, *_ROLES):
                write.remove("boundaries", entity=user_id, shelf=shelf)
            write.remove("edges", stamp=edges.for_good(write), owner=user_id)

        await self._writer.commit(work)


def _owner(user_id: int, shelf: Shelf, place: Place) -> int:
    """Return whose relation a row of the user's shelf is of."""
    return user_id if shelf.is_own else place.other


def _member(user_id: int, shelf: Shelf, place: Place) -> int:
    return place.other if shelf.is_own else user_id


def _undo(write: Write, kind: Kind, between: tuple[int, int], held: Versions, actor: Actor) -> Versions:
    """Raise and tell what the end of an active relation raises and tells; return its owner's versions."""
    owner_id, member_id = between
    if kind is Kind.FOLLOW:
        risen = edges.raise_versions(write, owner_id, held, follow=False)
        unfollowed = events_pb2.EVENT_TYPE_UNFOLLOWED
        edges.tell(write, unfollowed, owner_id, member_id, actor=actor, version=risen.sources)
        return risen
    # A mute's end counts in its owner's versions, here as everywhere.
    return edges.raise_versions(write, owner_id, held, follow=True) if kind is Kind.MUTE else held
