"""Lists of users on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict

from aviary import ids
from aviary.errors import NotFound, RateLimited
from aviary.graph.lists.store import MAX_LISTS, MAX_MEMBERS, ListChanges, UserList
from aviary.graph.store import Placed
from aviary.rpc.call import Claim
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph import edges, memberships
from aviary.storage.sqlite.graph.edges import Actor, Between
from aviary.storage.sqlite.graph.memberships import Role
from aviary.storage.sqlite.transaction import Transaction

_COLUMNS = "id, owner_id, name, description, private, created_ms, version, members, followers"
_SWEPT_AT_ONCE = 1_000


class SqliteListStore:
    """Keeps ListStore's promises in the graph's file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, owner_id: int, *, name: str, description: str, private: bool, claim: Claim | None
    ) -> tuple[int, bool]:
        actor = Actor(owner_id)

        def insert(tx: Transaction) -> int:
            _must_have_room(tx, owner_id)
            list_id = tx.next_id()
            tx.execute(
                "INSERT INTO lists (id, owner_id, name, description, private, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (list_id, owner_id, name, description, private, ids.time_ms(list_id)),
            )
            memberships.tell(tx, owner_id, list_id, actor, version=1)
            return list_id

        return await self._database.write(lambda tx: tx.once(claim, lambda: insert(tx)))

    async def update(self, list_id: int, owner_id: int, changes: ListChanges) -> None:
        actor = Actor(owner_id)

        def write(tx: Transaction) -> None:
            held = _owned(tx, list_id, owner_id)
            sent = {name: value for name, value in asdict(changes).items() if value not in {None, getattr(held, name)}}
            if not sent:
                return
            names = ", ".join(f"{name} = ?" for name in sent)
            tx.execute(f"UPDATE lists SET {names} WHERE id = ?", (*sent.values(), list_id))
            memberships.change(tx, list_id, actor)

        await self._database.write(write)

    async def delete(self, list_id: int, owner_id: int) -> None:
        actor = Actor(owner_id)

        def write(tx: Transaction) -> None:
            held = _owned(tx, list_id, owner_id)
            bury(tx, list_id)
            memberships.tell(tx, owner_id, list_id, actor, version=held.version + 1)

        await self._database.write(write)

    async def sweep(self) -> bool:
        return await self._database.write(sweep)

    async def get_many(self, list_ids: Sequence[int]) -> Mapping[int, UserList]:
        rows = await self._database.read(lambda reader: _lists(reader, list_ids))
        return {each.id: each for each in rows}

    async def owned(self, owner_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT id, id FROM lists WHERE owner_id = ? AND id < ? ORDER BY id DESC LIMIT ?", (owner_id, below, limit)
        )

    async def add_member(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        def work(tx: Transaction) -> bool:
            held = self._reachable(tx, list_id, user_id)
            if memberships.has_role(tx, Role.MEMBER, list_id, user_id):
                return False
            if held.members >= MAX_MEMBERS:
                raise RateLimited(f"list {list_id} has {held.members} members; the limit is {MAX_MEMBERS:,}")
            memberships.join(tx, Role.MEMBER, list_id, user_id, Actor(held.owner_id, trace))
            return True

        trace = Actor(user_id).trace
        return await self._once(claim, work)

    async def remove_member(self, list_id: int, user_id: int, *, actor_id: int) -> bool:
        actor = Actor(actor_id)
        return await self._database.write(lambda tx: memberships.leave(tx, Role.MEMBER, list_id, user_id, actor))

    async def follow(self, list_id: int, user_id: int, *, claim: Claim | None) -> bool:
        actor = Actor(user_id)

        def work(tx: Transaction) -> bool:
            held = self._reachable(tx, list_id, user_id)
            if held.private and held.owner_id != user_id:
                raise _no_list(list_id)
            if memberships.has_role(tx, Role.FOLLOWER, list_id, user_id):
                return False
            memberships.join(tx, Role.FOLLOWER, list_id, user_id, actor)
            return True

        return await self._once(claim, work)

    async def unfollow(self, list_id: int, user_id: int) -> bool:
        actor = Actor(user_id)
        return await self._database.write(lambda tx: memberships.leave(tx, Role.FOLLOWER, list_id, user_id, actor))

    async def members(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._people(Role.MEMBER, list_id, below, limit)

    async def followers(self, list_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._people(Role.FOLLOWER, list_id, below, limit)

    async def memberships(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._lists_of(Role.MEMBER, user_id, below, limit)

    async def followed(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._lists_of(Role.FOLLOWER, user_id, below, limit)

    async def followed_among(self, user_id: int, list_ids: Sequence[int]) -> AbstractSet[int]:
        def look(reader: sqlite3.Connection) -> AbstractSet[int]:
            return {each for each in list_ids if memberships.has_role(reader, Role.FOLLOWER, each, user_id)}

        return await self._database.read(look)

    async def _people(self, role: Role, list_id: int, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT bond_id, user_id FROM list_bonds WHERE kind = ? AND list_id = ? AND active AND bond_id < ?"
            " ORDER BY bond_id DESC LIMIT ?",
            (role, list_id, below, limit),
        )

    async def _lists_of(self, role: Role, user_id: int, below: int, limit: int) -> Sequence[Placed]:
        return await self._places(
            "SELECT bond_id, list_id FROM list_bonds WHERE kind = ? AND user_id = ? AND active AND bond_id < ?"
            " ORDER BY bond_id DESC LIMIT ?",
            (role, user_id, below, limit),
        )

    async def _places(self, statement: str, parameters: tuple[int, ...]) -> Sequence[Placed]:
        rows = await self._database.read(lambda reader: reader.execute(statement, parameters).fetchall())
        return [Placed(*row) for row in rows]

    async def _once(self, claim: Claim | None, work: Callable[[Transaction], bool]) -> bool:
        return await self._database.write(lambda tx: tx.changes(claim, lambda: work(tx)))

    def _reachable(self, tx: Transaction, list_id: int, user_id: int) -> UserList:
        """Return a list that the user may join; decided in the writer, where a block that was committed first wins."""
        found = _lists(tx, [list_id])
        if not found or Between.APART in edges.between(tx, found[0].owner_id, user_id):
            raise _no_list(list_id)
        return found[0]


def bury(tx: Transaction, list_id: int) -> None:
    """Empty a list's row, which nobody finds any more, until its bonds are swept."""
    tx.execute("UPDATE lists SET owner_id = 0, name = '', description = '', private = 1 WHERE id = ?", (list_id,))


def sweep(tx: Transaction) -> bool:
    """Remove some of what is left of deleted lists; tell whether there may be more."""
    buried = tx.execute("SELECT id FROM lists WHERE owner_id = 0 LIMIT 1").fetchone()
    if buried is None:
        return False
    if not tx.execute(
        "DELETE FROM list_bonds WHERE (kind, list_id, user_id) IN (SELECT kind, list_id, user_id FROM list_bonds"
        " WHERE kind IN (1, 2) AND list_id = ? LIMIT ?)",
        (buried[0], _SWEPT_AT_ONCE),
    ).rowcount:
        tx.execute("DELETE FROM lists WHERE id = ?", buried)
    return True


def _owned(tx: Transaction, list_id: int, owner_id: int) -> UserList:
    found = _lists(tx, [list_id])
    if not found or found[0].owner_id != owner_id:
        raise _no_list(list_id)
    return found[0]


def _lists(reader: Transaction | sqlite3.Connection, list_ids: Sequence[int]) -> list[UserList]:
    marks = ",".join("?" * len(list_ids))
    rows = reader.execute(f"SELECT {_COLUMNS} FROM lists WHERE id IN ({marks}) AND owner_id > 0", tuple(list_ids))
    return [
        UserList(
            id=row[0],
            owner_id=row[1],
            name=row[2],
            description=row[3],
            private=bool(row[4]),
            created_ms=row[5],
            version=row[6],
            members=row[7],
            followers=row[8],
        )
        for row in rows
    ]


def _must_have_room(tx: Transaction, owner_id: int) -> None:
    (held,) = tx.execute("SELECT count(*) FROM lists WHERE owner_id = ?", (owner_id,)).fetchone()
    if held >= MAX_LISTS:
        raise RateLimited(f"user {owner_id} has {held} lists; the limit is {MAX_LISTS:,}")


def _no_list(list_id: int) -> NotFound:
    return NotFound(f"there is no list {list_id}")
