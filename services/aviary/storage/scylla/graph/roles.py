"""The rows between lists and people, members and followers, as every write of the graph changes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.graph import places
from aviary.storage.scylla.graph.edges import Actor
from aviary.storage.scylla.graph.places import Place, Places, Shelf
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.writes import Write


class Role(IntEnum):
    """What a row of `roles` says of its user."""

    MEMBER = 1
    FOLLOWER = 2


# What a list holds of its people.
SHELVES: Mapping[Role, Shelf] = {Role.MEMBER: Shelf.MEMBERS, Role.FOLLOWER: Shelf.LIST_FOLLOWERS}
_ROLES = "SELECT role, active, position, here, there, writetime(active) FROM roles WHERE list_id = ? AND user_id = ?"
_LIST = (
    "SELECT id, owner_id, name, description, private, created_ms, version, members, writetime(owner_id)"
    " FROM lists WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class Head:
    """A list's own row; `members` is at least how many are on it."""

    id: int
    owner_id: int
    name: str
    description: str
    private: bool
    created_ms: int
    version: int
    members: int
    # When it was made.
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A user's role on a list: whether it is active, its place, and when it was last turned."""

    active: bool = False
    position: int = 0
    here: int = 0
    there: int = 0
    at_us: int | None = None


async def head(tables: Tables, list_id: int) -> Head | None:
    """Return a list that stands."""
    return (await heads(tables, [list_id])).get(list_id)


async def heads(tables: Tables, list_ids: Sequence[int]) -> Mapping[int, Head]:
    """Return the lists that stand, by id."""
    found = await tables.each(_LIST, [(each,) for each in list_ids])
    # A deleted list may be told of once more, by a version that comes late.
    return {row[0]: Head(*row) for rows in found for row in rows if row[1]}


async def held(tables: Tables, list_id: int, user_id: int) -> Mapping[Role, Held]:
    """Return a user's roles on a list, undone ones too."""
    rows = await tables.rows(_ROLES, list_id, user_id)
    return {Role(role): Held(bool(active), *rest) for role, active, *rest in rows}


async def lists_of(tables: Tables, owner_id: int) -> list[int]:
    """Return an owner's lists, newest first; their number is limited."""
    return [each for (each,) in await tables.rows("SELECT list_id FROM lists_by_owner WHERE owner_id = ?", owner_id)]


async def join(tables: Tables, write: Write, role: Role, of: Head, *, user_id: int, actor: Actor) -> None:
    """Make a role that is not active so, with its event."""
    shelf, rows = SHELVES[role], Places(tables)
    before, here, there = await asyncio.gather(
        held(tables, of.id, user_id),
        rows.boundaries(of.id, shelf),
        rows.boundaries(user_id, shelf.other_end),
    )
    position = write.next_id()
    at_us = before.get(role, Held()).at_us
    placed = Held(active=True, position=position, here=here.bucket(position), there=there.bucket(position), at_us=at_us)
    _put(write, role, of, user_id, placed, position=position, here=placed.here, there=placed.there)
    change(write, of, actor, target_id=user_id, members=int(role is Role.MEMBER))


def leave(write: Write, role: Role, of: Head, was: Held, *, user_id: int, actor: Actor, in_turn: bool = True) -> Head:
    """Make an active role inactive, with its event; return the list as it is then.

    Only in the list's turn are its members counted down: it may hold fewer than that, never more.
    """
    _put(write, role, of, user_id, replace(was, active=False))
    return change(write, of, actor, target_id=user_id, members=-int(in_turn and role is Role.MEMBER))


def change(write: Write, of: Head, actor: Actor, *, target_id: int = 0, members: int = 0, **columns: Any) -> Head:
    """Raise a list's version and tell of it; return the list as it is then."""
    write.after(of.at_us)
    changed = replace(of, version=of.version + 1, members=of.members + members)
    columns = columns | {"members": changed.members} if members else columns
    if columns:
        write.put("lists", id=of.id, **columns)
    write.put("lists", id=of.id, stamp=changed.version, version=changed.version)
    tell(write, changed, actor, target_id=target_id)
    return changed


def tell(write: Write, of: Head, actor: Actor, *, target_id: int = 0) -> None:
    write.emit(
        Event(
            type=events_pb2.EVENT_TYPE_LIST_CHANGED,
            key=of.owner_id,
            entity_id=of.id,
            version=of.version,
            actor_id=actor.id,
            target_id=target_id,
            traceparent=actor.trace,
        )
    )


def _put(write: Write, role: Role, of: Head, user_id: int, now: Held, **place: int) -> None:
    write.after(now.at_us)
    key = {"list_id": of.id, "user_id": user_id, "role": role}
    write.put("roles", **key, active=now.active, **place)
    # Whoever hears of the list's next version knows by it that the row can be read.
    write.put("roles", **key, stamp=of.version + 1, version=of.version + 1)
    places.put(write, of.id, SHELVES[role], Place(now.here, now.position, user_id, now.active, 0, now.there))
