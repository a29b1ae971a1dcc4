"""Lists of users on ScyllaDB or Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, replace

from aviary import ids
from aviary.errors import NotFound, RateLimited
from aviary.graph.lists.store import MAX_LISTS, MAX_MEMBERS, ListChanges, UserList
from aviary.graph.store import Placed
from aviary.rpc.call import Claim
from aviary.storage.scylla import counting
from aviary.storage.scylla.graph import places, roles
from aviary.storage.scylla.graph.counting import ROLE_COUNTS
from aviary.storage.scylla.graph.edges import Actor, Pair
from aviary.storage.scylla.graph.places import Places, Shelf
from aviary.storage.scylla.graph.roles import Head, Role
from aviary.storage.scylla.writes import Write, Writer

_SWEPT_AT_ONCE = 20
# What deleted lists wait in.
_PARTS = 16


class ScyllaListStore:
    """Keeps ListStore's promises; a list is changed by one write after the other, and the counts follow the log."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._places = Places(writer.tables)
        self._counts = counting.Counts(writer.tables)

    async def create(
        self, owner_id: int, *, name: str, description: str, private: bool, claim: Claim | None
    ) -> tuple[int, bool]:
        actor = Actor(owner_id)

        async def insert(write: Write) -> int:
            await self._must_have_room(owner_id)
            list_id = write.next_id()
            made = Head(list_id, owner_id, name, description, private, ids.time_ms(list_id), 1, 0)
            write.put("lists", **{key: value for key, value in asdict(made).items() if key not in {"version", "at_us"}})
            write.put("lists", id=list_id, stamp=1, version=1)
            write.put("lists_by_owner", owner_id=owner_id, list_id=list_id)
            roles.tell(write, made, actor)
            return list_id

        return await self._writer.once_in_turn(f"lists-of:{owner_id}", claim, insert)

    async def update(self, list_id: int, owner_id: int, changes: ListChanges) -> None:
        actor = Actor(owner_id)

        async def write_(write: Write) -> None:
            held = await self._owned(list_id, owner_id)
            sent = {name: value for name, value in asdict(changes).items() if value not in {None, getattr(held, name)}}
            if sent:
                roles.change(write, held, actor, **sent)

        await self._writer.in_turn(f"list:{list_id}", write_)

    async def delete(self, list_id: int, owner_id: int) -> None:
        actor = Actor(owner_id)

        async def write_(write: Write) -> None:
            bury(write, await self._owned(list_id, owner_id), actor)

        await self._writer.in_turn(f"list:{list_id}", write_)

    async def sweep(self) -> bool:
        buried = await self._tables.each(
            "SELECT list_id FROM buried WHERE part = ? LIMIT 1", [(part,) for part in range(_PARTS)]
        )
        found = [list_id for rows in buried for (list_id,) in rows]
        if found:
            await sweep(self._writer, found[0])
        return bool(found)

    async def get_many(self, list_ids: Sequence[int]) -> Mapping[int, UserList]:
        found, counts = await asyncio.gather(roles.heads(self._tables, list_ids), self._counts.of(list_ids))
        return {list_id: _shown(held, counts.get(list_id, {})) for list_id, held in found.items()}

    async def owned(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        rows = await self._tables.rows(
            "SELECT list_id FROM lists_by_owner WHERE owner_id = ? AND list_id < ? LIMIT ?", owner_id, below, limit
        )
        return [Placed(each, each) for (each,) in rows]

    async def add_member(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        trace = Actor(user_id).trace

        async def work(write: Write) -> int:
            held = await self._reachable(write, list_id, user_id)
            if await self._has_role(Role.MEMBER, list_id, user_id):
                return False
            if held.members >= MAX_MEMBERS:
                held = await self._counted(held)
            if held.members >= MAX_MEMBERS:
                raise RateLimited(f"list {list_id} has {held.members} members; the limit is {MAX_MEMBERS:,}")
            await roles.join(self._tables, write, Role.MEMBER, held, user_id=user_id, actor=Actor(held.owner_id, trace))
            return True

        return await self._join(list_id, user_id, claim, work)

    async def remove_member(self, list_id: int, user_id: int, *, actor_id: int) -> bool:
        return await leave(self._writer, Role.MEMBER, list_id, user_id, Actor(actor_id))

    async def follow(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(user_id)

        async def work(write: Write) -> int:
            held = await self._reachable(write, list_id, user_id)
            if held.private and held.owner_id != user_id:
                raise _no_list(list_id)
            if await self._has_role(Role.FOLLOWER, list_id, user_id):
                return False
            await roles.join(self._tables, write, Role.FOLLOWER, held, user_id=user_id, actor=actor)
            return True

        return await self._join(list_id, user_id, claim, work)

    async def unfollow(self, list_id: int, user_id: int) -> bool:
        return await leave(self._writer, Role.FOLLOWER, list_id, user_id, Actor(user_id))

    async def members(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(list_id, Shelf.MEMBERS, below=below, limit=limit)

    async def followers(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(list_id, Shelf.LIST_FOLLOWERS, below=below, limit=limit)

    async def memberships(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(user_id, Shelf.MEMBERSHIPS, below=below, limit=limit)

    async def followed(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places.newest(user_id, Shelf.FOLLOWED_LISTS, below=below, limit=limit)

    async def followed_among(self, user_id: int, list_ids: Sequence[int]) -> AbstractSet[int]:
        found = await asyncio.gather(*(self._has_role(Role.FOLLOWER, each, user_id) for each in list_ids))
        return {list_id for list_id, follows in zip(list_ids, found, strict=True) if follows}

    async def _join(
        self, list_id: int, user_id: int, claim: Claim | None, work: Callable[[Write], Awaitable[int]]
    ) -> bool:
        found = await roles.head(self._tables, list_id)
        owner_id = found.owner_id if found else 0
        # A block of this process that came first is seen by the decision, and one that comes next ends what it makes.
        async with self._writer.locks.hold(("pair", min(owner_id, user_id), max(owner_id, user_id))):
            changed, repeated = await self._writer.once_in_turn(f"list:{list_id}", claim, work)
        return bool(changed) and not repeated

    async def _reachable(self, write: Write, list_id: int, user_id: int) -> Head:
        """Return a list that the user may join."""
        found = await roles.head(self._tables, list_id)
        if found is None or (await Pair.read(self._tables, write, found.owner_id, user_id)).is_apart:
            raise _no_list(list_id)
        return found

    async def _owned(self, list_id: int, owner_id: int) -> Head:
        found = await roles.head(self._tables, list_id)
        if found is None or found.owner_id != owner_id:
            raise _no_list(list_id)
        return found

    async def _has_role(self, role: Role, list_id: int, user_id: int) -> bool:
        held = (await roles.held(self._tables, list_id, user_id)).get(role)
        return held is not None and held.active

    async def _counted(self, held: Head) -> Head:
        """Return the list with the exact number of its members, who are bounded."""
        found = await self._places.newest(held.id, Shelf.MEMBERS, below=ids.MAX_ID, limit=MAX_MEMBERS)
        return replace(held, members=len(found))

    async def _must_have_room(self, owner_id: int) -> None:
        held = len(await roles.lists_of(self._tables, owner_id))
        if held >= MAX_LISTS:
            raise RateLimited(f"user {owner_id} has {held} lists; the limit is {MAX_LISTS:,}")


async def leave(writer: Writer, role: Role, list_id: int, user_id: int, actor: Actor) -> bool:
    """Make a role inactive, with its event; tell whether it was active."""

    async def work(write: Write) -> bool:
        head, held = await asyncio.gather(
            roles.head(writer.tables, list_id), roles.held(writer.tables, list_id, user_id)
        )
        if head is None or role not in held or not held[role].active:
            return False
        roles.leave(write, role, head, held[role], user_id=user_id, actor=actor)
        return True

    return await writer.in_turn(f"list:{list_id}", work)


def bury(write: Write, held: Head, actor: Actor) -> None:
    """Delete a list; whatever hangs on it is swept later."""
    write.after(held.at_us)
    write.remove("lists", id=held.id)
    write.remove("lists_by_owner", owner_id=held.owner_id, list_id=held.id)
    write.put("buried", part=held.id % _PARTS, list_id=held.id)
    roles.tell(write, replace(held, version=held.version + 1), actor)


async def bury_one(writer: Writer, list_id: int, actor: Actor) -> None:
    """Delete a list, whoever asks for it."""

    async def work(write: Write) -> None:
        held = await roles.head(writer.tables, list_id)
        if held is not None:
            bury(write, held, actor)

    await writer.in_turn(f"list:{list_id}", work)


async def sweep(writer: Writer, list_id: int) -> bool:
    """Remove some of what is left of a deleted list; tell whether anything was."""

    async def work(write: Write) -> bool:
        found = await _hanging(writer, list_id)
        for role, place in found:
            places.remove(write, list_id, roles.SHELVES[role], place)
            write.remove("roles", stamp=places.for_good(write), list_id=list_id, user_id=place.other)
        if not found:
            counting.forget(write, list_id, ROLE_COUNTS.values())
            for shelf in roles.SHELVES.values():
                write.remove("boundaries", entity=list_id, shelf=shelf)
            write.remove("buried", part=list_id % _PARTS, list_id=list_id)
        return bool(found)

    return await writer.commit(work)


async def _hanging(writer: Writer, list_id: int) -> Sequence[tuple[Role, places.Place]]:
    found: list[tuple[Role, places.Place]] = []
    for role, shelf in roles.SHELVES.items():
        async for rows in Places(writer.tables).rising(list_id, shelf, step=_SWEPT_AT_ONCE):
            found += [(role, each) for each in rows]
            if len(found) >= _SWEPT_AT_ONCE:
                return found[:_SWEPT_AT_ONCE]
    return found


def _shown(held: Head, counts: Mapping[str, int]) -> UserList:
    return UserList(
        id=held.id,
        owner_id=held.owner_id,
        name=held.name,
        description=held.description,
        private=held.private,
        created_ms=held.created_ms,
        version=held.version,
        members=counts.get(ROLE_COUNTS[Role.MEMBER], 0),
        followers=counts.get(ROLE_COUNTS[Role.FOLLOWER], 0),
    )


def _no_list(list_id: int) -> NotFound:
    return NotFound(f"there is no list {list_id}")
