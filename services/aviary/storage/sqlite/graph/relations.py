"""Blocks, mutes and follow requests on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence

from aviary.clock import Clock
from aviary.errors import NotFound
from aviary.events.v1 import events_pb2
from aviary.graph.store import Placed
from aviary.rpc.call import Claim
from aviary.standing import Standing
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph import edges, memberships
from aviary.storage.sqlite.graph.edges import Actor, Bond
from aviary.storage.sqlite.transaction import Transaction

# Each arm walks the ids asked for and looks its relation up by key.
_STANDINGS = """
WITH asked (id) AS (SELECT value FROM json_each(?2))
SELECT id, 1 FROM asked JOIN follows ON follower_id = ?1 AND followee_id = id WHERE active
UNION ALL SELECT id, 2 FROM asked JOIN follows ON follower_id = id AND followee_id = ?1 WHERE active
UNION ALL SELECT id, 4 FROM asked JOIN bonds ON kind = 1 AND owner_id = ?1 AND member_id = id WHERE active
UNION ALL SELECT id, 8 FROM asked JOIN bonds ON kind = 1 AND owner_id = id AND member_id = ?1 WHERE active
UNION ALL SELECT id, 16 FROM asked JOIN bonds ON kind = 2 AND owner_id = ?1 AND member_id = id
    WHERE active AND (until_ms = 0 OR until_ms > ?3)
"""


class SqliteRelationStore:
    """Keeps RelationStore's promises in the graph's file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def block(self, owner_id: int, member_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(owner_id)
        return await self._once(claim, lambda tx: self._block(tx, member_id, actor))

    async def unblock(self, owner_id: int, member_id: int) -> bool:
        actor = Actor(owner_id)

        def write(tx: Transaction) -> bool:
            if not edges.end_bond(tx, Bond.BLOCK, owner_id, member_id):
                return False
            unblocked = events_pb2.EVENT_TYPE_UNBLOCKED
            edges.tell(tx, unblocked, owner_id, member_id, actor, version=edges.rise(tx, owner_id))
            return True

        return await self._database.write(write)

    async def mute(self, owner_id: int, member_id: int, *, until_ms: int, claim: Claim | None) -> bool:
        actor = Actor(owner_id)
        return await self._once(claim, lambda tx: self._mute(tx, member_id, until_ms, actor))

    async def unmute(self, owner_id: int, member_id: int) -> bool:
        actor = Actor(owner_id)

        def write(tx: Transaction) -> bool:
            if not _is_muting(tx, owner_id, member_id):
                return False
            _end_mute(tx, owner_id, member_id)
            version = edges.rise(tx, owner_id)
            edges.tell(tx, events_pb2.EVENT_TYPE_UNMUTED, owner_id, member_id, actor, version=version)
            return True

        return await self._database.write(write)

    async def accept(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(asked_id)

        def work(tx: Transaction) -> bool:
            if edges.is_following(tx, asker_id, asked_id):
                return False
            _must_ask(tx, asker_id, asked_id)
            edges.end_bond(tx, Bond.REQUEST, asker_id, asked_id)
            edges.start_follow(tx, asker_id, asked_id, actor)
            return True

        return await self._once(claim, work)

    async def deny(self, asked_id: int, asker_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(asked_id)

        def work(tx: Transaction) -> bool:
            _must_ask(tx, asker_id, asked_id)
            return edges.close_request(tx, asker_id, asked_id, actor)

        return await self._once(claim, work)

    async def asks(self, asker_id: int, asked_id: int) -> bool:
        return await self._database.read(lambda reader: edges.has_bond(reader, Bond.REQUEST, asker_id, asked_id))

    async def blocks(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT bond_id, member_id FROM bonds WHERE kind = 1 AND owner_id = ? AND active AND bond_id < ?"
            " ORDER BY bond_id DESC LIMIT ?",
            (owner_id, below, limit),
        )

    async def mutes(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT bond_id, member_id FROM bonds WHERE kind = 2 AND owner_id = ? AND active AND bond_id < ?"
            " AND (until_ms = 0 OR until_ms > ?) ORDER BY bond_id DESC LIMIT ?",
            (owner_id, below, self._clock.now_ms(), limit),
        )

    async def requests(self, asked_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT bond_id, owner_id FROM bonds WHERE kind = 3 AND member_id = ? AND active AND bond_id < ?"
            " ORDER BY bond_id DESC LIMIT ?",
            (asked_id, below, limit),
        )

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        def look(connection: sqlite3.Connection) -> dict[int, int]:
            found: dict[int, int] = defaultdict(int)
            asked = (viewer_id, json.dumps(list(user_ids)), self._clock.now_ms())
            for user_id, bit in connection.execute(_STANDINGS, asked):
                found[user_id] |= bit
            return found

        found = await self._database.read(look)
        return [Standing(found.get(user_id, 0)) for user_id in user_ids]

    async def _once(self, claim: Claim | None, work: Callable[[Transaction], bool]) -> bool:
        return await self._database.write(lambda tx: tx.changes(claim, lambda: work(tx)))

    async def _places(self, statement: str, parameters: tuple[int, ...]) -> Sequence[Placed]:
        rows = await self._database.read(lambda reader: reader.execute(statement, parameters).fetchall())
        return [Placed(*row) for row in rows]

    def _block(self, tx: Transaction, member_id: int, actor: Actor) -> bool:
        if edges.has_bond(tx, Bond.BLOCK, actor.id, member_id):
            return False
        edges.start_bond(tx, Bond.BLOCK, actor.id, member_id)
        for one, other in ((actor.id, member_id), (member_id, actor.id)):
            edges.end_follow(tx, one, other, actor)
            edges.close_request(tx, one, other, actor)
            memberships.leave_lists_of(tx, one, other, actor)
        version = edges.rise(tx, actor.id)
        edges.tell(tx, events_pb2.EVENT_TYPE_BLOCKED, actor.id, member_id, actor, version=version)
        return True

    def _mute(self, tx: Transaction, member_id: int, until_ms: int, actor: Actor) -> bool:
        _fold_ended_mutes(tx, actor.id)
        held = tx.execute(
            "SELECT bond_id, until_ms FROM bonds WHERE kind = 2 AND owner_id = ? AND member_id = ? AND active",
            (actor.id, member_id),
        ).fetchone()
        if held is None:
            edges.start_bond(tx, Bond.MUTE, actor.id, member_id, until_ms=until_ms)
        elif held[1] == until_ms:
            return False
        else:
            _end_mute(tx, actor.id, member_id)
            tx.execute(
                "UPDATE bonds SET active = 1, until_ms = ? WHERE kind = 2 AND owner_id = ? AND member_id = ?",
                (until_ms, actor.id, member_id),
            )
        edges.tell(tx, events_pb2.EVENT_TYPE_MUTED, actor.id, member_id, actor, version=edges.rise(tx, actor.id))
        return True


def _is_muting(tx: Transaction, owner_id: int, member_id: int) -> bool:
    row = tx.execute(
        "SELECT 1 FROM bonds WHERE kind = 2 AND owner_id = ? AND member_id = ? AND active"
        " AND (until_ms = 0 OR until_ms > ?)",
        (owner_id, member_id, tx.now_ms()),
    ).fetchone()
    return row is not None


def _end_mute(tx: Transaction, owner_id: int, member_id: int) -> None:
    """End the row of an active mute and write its end into the versions.

    Also when its time is over: readers then counted that end already, and go on
    seeing the number that they saw.
    """
    edges.end_bond(tx, Bond.MUTE, owner_id, member_id)
    edges.rise(tx, owner_id, follow=1)


def _fold_ended_mutes(tx: Transaction, owner_id: int) -> None:
    """Write what has ended into the versions, so that readers have few to count."""
    ended = tx.execute(
        "SELECT member_id FROM bonds WHERE kind = 2 AND active AND until_ms > 0 AND owner_id = ? AND until_ms <= ?",
        (owner_id, tx.now_ms()),
    ).fetchall()
    for (member_id,) in ended:
        _end_mute(tx, owner_id, member_id)


def _must_ask(tx: Transaction, asker_id: int, asked_id: int) -> None:
    if not edges.has_bond(tx, Bond.REQUEST, asker_id, asked_id):
        raise NotFound(f"user {asker_id} does not ask to follow user {asked_id}")
