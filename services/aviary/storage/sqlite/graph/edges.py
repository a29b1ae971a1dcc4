"""The rows between people, follows and bonds, as every write of the graph changes them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.transaction import Transaction

Reader = Transaction | sqlite3.Connection


class Bond(IntEnum):
    """What a row of `bonds` says of its owner and its member."""

    BLOCK = 1
    MUTE = 2
    REQUEST = 3


class Between(IntFlag):
    """What a follow depends on."""

    FOLLOWS = 1
    ASKS = 2
    # Either blocks the other.
    APART = 4


_BETWEEN = """
SELECT coalesce((SELECT active FROM follows WHERE follower_id = ?1 AND followee_id = ?2), 0)
    | 2 * coalesce((SELECT active FROM bonds WHERE kind = 3 AND owner_id = ?1 AND member_id = ?2), 0)
    | 4 * coalesce((SELECT active FROM bonds WHERE kind = 1 AND owner_id = ?1 AND member_id = ?2), 0)
    | 4 * coalesce((SELECT active FROM bonds WHERE kind = 1 AND owner_id = ?2 AND member_id = ?1), 0)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, 0 for the platform, and in which trace."""

    id: int
    trace: str = field(default_factory=traceparent)


def is_following(reader: Reader, follower_id: int, followee_id: int) -> bool:
    row = reader.execute(
        "SELECT active FROM follows WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id)
    ).fetchone()
    return bool(row and row[0])


def has_bond(reader: Reader, kind: Bond, owner_id: int, member_id: int) -> bool:
    row = reader.execute(
        "SELECT active FROM bonds WHERE kind = ? AND owner_id = ? AND member_id = ?", (kind, owner_id, member_id)
    ).fetchone()
    return bool(row and row[0])


def between(reader: Reader, follower_id: int, followee_id: int) -> Between:
    """Return how the one stands to the other; one read."""
    (bits,) = reader.execute(_BETWEEN, (follower_id, followee_id)).fetchone()
    return Between(bits)


def start_follow(tx: Transaction, follower_id: int, followee_id: int, actor: Actor) -> None:
    """Make a follow that is not active so, with its counts, versions and event."""
    tx.execute(
        "INSERT INTO follows VALUES (?, ?, 1, ?) ON CONFLICT (follower_id, followee_id)"
        " DO UPDATE SET active = 1, follow_id = excluded.follow_id",
        (follower_id, followee_id, tx.next_id()),
    )
    _count_follower(tx, followee_id, by=1)
    version = rise(tx, follower_id, follow=1, following=1)
    tell(tx, events_pb2.EVENT_TYPE_FOLLOWED, follower_id, followee_id, actor, version=version)


def end_follow(tx: Transaction, follower_id: int, followee_id: int, actor: Actor) -> bool:
    """Make a follow inactive, with its counts, version and event; tell whether it was active."""
    if not tx.execute(
        "UPDATE follows SET active = 0 WHERE follower_id = ? AND followee_id = ? AND active",
        (follower_id, followee_id),
    ).rowcount:
        return False
    _count_follower(tx, followee_id, by=-1)
    version = rise(tx, follower_id, following=-1)
    tell(tx, events_pb2.EVENT_TYPE_UNFOLLOWED, follower_id, followee_id, actor, version=version)
    return True


def start_bond(tx: Transaction, kind: Bond, owner_id: int, member_id: int, *, until_ms: int = 0) -> None:
    """Make a bond active as the owner's newest. The caller must emit an event, for an id is kept."""
    tx.execute(
        "INSERT INTO bonds VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (kind, owner_id, member_id)"
        " DO UPDATE SET active = 1, bond_id = excluded.bond_id, until_ms = excluded.until_ms",
        (kind, owner_id, member_id, tx.next_id(), until_ms),
    )


def end_bond(tx: Transaction, kind: Bond, owner_id: int, member_id: int) -> bool:
    """Make a bond inactive; tell whether it was active."""
    ended = tx.execute(
        "UPDATE bonds SET active = 0, until_ms = 0 WHERE kind = ? AND owner_id = ? AND member_id = ? AND active",
        (kind, owner_id, member_id),
    )
    return ended.rowcount > 0


def close_request(tx: Transaction, asker_id: int, asked_id: int, actor: Actor) -> bool:
    """End a follow request without a follow, with its event; tell whether there was one."""
    if not end_bond(tx, Bond.REQUEST, asker_id, asked_id):
        return False
    closed = events_pb2.EVENT_TYPE_FOLLOW_REQUEST_CLOSED
    tell(tx, closed, asker_id, asked_id, actor, version=rise(tx, asker_id))
    return True


def rise(tx: Transaction, user_id: int, *, follow: int = 0, following: int = 0) -> int:
    """Raise a user's version, and the follow version and the count of whom they follow by so many; return it."""
    (version,) = tx.execute(
        "INSERT INTO accounts (user_id, following, follow_version, sources_version) VALUES (?1, ?3, ?2, 1)"
        " ON CONFLICT (user_id) DO UPDATE SET following = following + ?3, follow_version = follow_version + ?2,"
        " sources_version = sources_version + 1 RETURNING sources_version",
        (user_id, follow, following),
    ).fetchone()
    return int(version)


def tell(
    tx: Transaction,
    kind: events_pb2.EventType.ValueType,
    user_id: int,
    target_id: int,
    actor: Actor,
    *,
    version: int,
) -> None:
    """Emit what became of `user_id` and the other party."""
    tx.emit(
        Event(
            type=kind,
            key=user_id,
            entity_id=user_id,
            version=version,
            actor_id=actor.id,
            target_id=target_id,
            traceparent=actor.trace,
        )
    )


def _count_follower(tx: Transaction, followee_id: int, *, by: int) -> None:
    tx.execute(
        "INSERT INTO accounts (user_id, followers) VALUES (?1, ?2)"
        " ON CONFLICT (user_id) DO UPDATE SET followers = followers + ?2",
        (followee_id, by),
    )
