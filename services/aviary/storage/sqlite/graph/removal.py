"""The erasure of a person from the graph on SQLite."""

from __future__ import annotations

from collections.abc import Callable

from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph import edges, lists, memberships
from aviary.storage.sqlite.graph.edges import Actor, Bond
from aviary.storage.sqlite.graph.memberships import Role
from aviary.storage.sqlite.transaction import Transaction

# Rows a commit: others write meanwhile.
_AT_ONCE = 500
# What was undone still names people.
_UNDONE = (
    """DELETE FROM follows WHERE (follower_id, followee_id) IN
    (SELECT follower_id, followee_id FROM follows WHERE follower_id = ? LIMIT ?)""",
    """DELETE FROM follows WHERE (follower_id, followee_id) IN
    (SELECT follower_id, followee_id FROM follows WHERE followee_id = ? AND NOT active LIMIT ?)""",
    """DELETE FROM bonds WHERE (kind, owner_id, member_id) IN
    (SELECT kind, owner_id, member_id FROM bonds WHERE member_id = ? AND NOT active LIMIT ?)""",
    """DELETE FROM list_bonds WHERE (kind, list_id, user_id) IN
    (SELECT kind, list_id, user_id FROM list_bonds WHERE user_id = ? AND NOT active LIMIT ?)""",
)
# Removes some rows of the user; tells whether there may be more.
_Step = Callable[[Transaction, int, Actor], bool]


class SqliteRemovalStore:
    """Keeps RemovalStore's promises in the graph's file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, user_id: int) -> None:
        self._database.erased.add(user_id)
        platform = Actor(0)
        # The account's row goes last, for ending a follow counts there.
        for step in (_follows, _bonds, _lists, _memberships, _undone, _claims, _account):
            await self._repeat(step, user_id, platform)
        while await self._database.write(lists.sweep):
            pass

    async def _repeat(self, step: _Step, user_id: int, actor: Actor) -> None:
        while await self._database.write(lambda tx: step(tx, user_id, actor)):
            pass


def _follows(tx: Transaction, user_id: int, actor: Actor) -> bool:
    found = tx.execute(
        "SELECT follower_id, followee_id FROM follows WHERE follower_id = ?1 AND active"
        " UNION ALL SELECT follower_id, followee_id FROM follows WHERE followee_id = ?1 AND active LIMIT ?2",
        (user_id, _AT_ONCE),
    ).fetchall()
    for follower_id, followee_id in found:
        edges.end_follow(tx, follower_id, followee_id, actor)
        tx.execute("DELETE FROM follows WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id))
    return bool(found)


def _bonds(tx: Transaction, user_id: int, _actor: Actor) -> bool:
    found = tx.execute(
        "SELECT kind, owner_id, member_id FROM bonds WHERE kind IN (1, 2, 3) AND owner_id = ?1"
        " UNION ALL SELECT kind, owner_id, member_id FROM bonds WHERE kind IN (1, 2, 3) AND member_id = ?1 AND active"
        " LIMIT ?2",
        (user_id, _AT_ONCE),
    ).fetchall()
    for kind, owner_id, member_id in found:
        # A mute's end counts in its owner's versions, here as everywhere.
        if edges.end_bond(tx, kind, owner_id, member_id) and kind == Bond.MUTE and owner_id != user_id:
            edges.rise(tx, owner_id, follow=1)
        tx.execute("DELETE FROM bonds WHERE kind = ? AND owner_id = ? AND member_id = ?", (kind, owner_id, member_id))
    return bool(found)


def _lists(tx: Transaction, user_id: int, actor: Actor) -> bool:
    found = tx.execute("SELECT id, version FROM lists WHERE owner_id = ? LIMIT ?", (user_id, _AT_ONCE)).fetchall()
    for list_id, version in found:
        lists.bury(tx, list_id)
        memberships.tell(tx, user_id, list_id, actor, version=version + 1)
    return bool(found)


def _memberships(tx: Transaction, user_id: int, actor: Actor) -> bool:
    found = tx.execute(
        "SELECT kind, list_id FROM list_bonds WHERE kind IN (1, 2) AND user_id = ? AND active LIMIT ?",
        (user_id, _AT_ONCE),
    ).fetchall()
    for kind, list_id in found:
        memberships.leave(tx, Role(kind), list_id, user_id, actor)
    return bool(found)


def _undone(tx: Transaction, user_id: int, _actor: Actor) -> bool:
    return any(tx.execute(statement, (user_id, _AT_ONCE)).rowcount for statement in _UNDONE)


def _claims(tx: Transaction, user_id: int, _actor: Actor) -> bool:
    removed = tx.execute(
        "DELETE FROM claims WHERE (caller, rpc, key) IN (SELECT caller, rpc, key FROM claims WHERE caller = ? LIMIT ?)",
        (str(user_id), _AT_ONCE),
    )
    return removed.rowcount > 0


def _account(tx: Transaction, user_id: int, _actor: Actor) -> bool:
    tx.execute("DELETE FROM accounts WHERE user_id = ?", (user_id,))
    return False
