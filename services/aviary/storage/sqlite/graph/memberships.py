"""The rows between lists and people, members and followers, as every write of the graph changes them."""

from __future__ import annotations

from enum import IntEnum

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.graph.edges import Actor, Reader
from aviary.storage.sqlite.transaction import Transaction


class Role(IntEnum):
    """What a row of `list_bonds` says of its user."""

    MEMBER = 1
    FOLLOWER = 2


_COUNTERS = {Role.MEMBER: "members", Role.FOLLOWER: "followers"}


def has_role(reader: Reader, role: Role, list_id: int, user_id: int) -> bool:
    row = reader.execute(
        "SELECT active FROM list_bonds WHERE kind = ? AND list_id = ? AND user_id = ?", (role, list_id, user_id)
    ).fetchone()
    return bool(row and row[0])


def join(tx: Transaction, role: Role, list_id: int, user_id: int, actor: Actor) -> None:
    """Make a role that is not active so, with its count and event."""
    tx.execute(
        "INSERT INTO list_bonds VALUES (?, ?, ?, 1, ?) ON CONFLICT (kind, list_id, user_id)"
        " DO UPDATE SET active = 1, bond_id = excluded.bond_id",
        (role, list_id, user_id, tx.next_id()),
    )
    _count(tx, role, list_id, by=1)
    change(tx, list_id, actor, target_id=user_id)


def leave(tx: Transaction, role: Role, list_id: int, user_id: int, actor: Actor) -> bool:
    """Make a role inactive, with its count and event; tell whether it was active."""
    if not tx.execute(
        "UPDATE list_bonds SET active = 0 WHERE kind = ? AND list_id = ? AND user_id = ? AND active",
        (role, list_id, user_id),
    ).rowcount:
        return False
    _count(tx, role, list_id, by=-1)
    change(tx, list_id, actor, target_id=user_id)
    return True


def leave_lists_of(tx: Transaction, owner_id: int, user_id: int, actor: Actor) -> None:
    """End every role that the user has in the lists of an owner."""
    for role in Role:
        # An owner has a bounded number of lists; a user may be on any number.
        held = tx.execute(
            "SELECT list_id FROM lists CROSS JOIN list_bonds ON kind = ? AND list_id = id AND user_id = ?"
            " WHERE owner_id = ? AND active",
            (role, user_id, owner_id),
        ).fetchall()
        for (list_id,) in held:
            leave(tx, role, list_id, user_id, actor)


def change(tx: Transaction, list_id: int, actor: Actor, *, target_id: int = 0) -> None:
    """Raise a list's version and tell of it."""
    owner_id, version = tx.execute(
        "UPDATE lists SET version = version + 1 WHERE id = ? RETURNING owner_id, version", (list_id,)
    ).fetchone()
    tell(tx, owner_id, list_id, actor, version=version, target_id=target_id)


def tell(tx: Transaction, owner_id: int, list_id: int, actor: Actor, *, version: int, target_id: int = 0) -> None:
    tx.emit(
        Event(
            type=events_pb2.EVENT_TYPE_LIST_CHANGED,
            key=owner_id,
            entity_id=list_id,
            version=version,
            actor_id=actor.id,
            target_id=target_id,
            traceparent=actor.trace,
        )
    )


def _count(tx: Transaction, role: Role, list_id: int, *, by: int) -> None:
    column = _COUNTERS[role]
    tx.execute(f"UPDATE lists SET {column} = {column} + ? WHERE id = ?", (by, list_id))
