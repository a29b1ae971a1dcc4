"""What the graph keeps about a person, read from SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aviary.graph.files import as_json
from aviary.storage.sqlite.database import Database
from aviary.upkeep.store import Piece

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _File:
    """One file: a statement that gives rows above a position, and the names of its columns after the position."""

    name: str
    statement: str
    columns: tuple[str, ...]


_EDGE = "SELECT {position}, {position}, {other} FROM {table} WHERE {mine} AND active AND {position} > ?2"
_END = " ORDER BY {position} LIMIT ?3"


def _edges(name: str, table: str, mine: str, position: str, other: str, *, at: str) -> _File:
    statement = (_EDGE + _END).format(position=position, other=other, table=table, mine=mine)
    return _File(name, statement, (at, "list_id" if other == "list_id" else "user_id"))


_FILES = (
    _edges("following", "follows", "follower_id = ?1", "follow_id", "followee_id", at="followed_at"),
    _edges("followers", "follows", "followee_id = ?1", "follow_id", "follower_id", at="followed_at"),
    _edges("blocks", "bonds", "kind = 1 AND owner_id = ?1", "bond_id", "member_id", at="blocked_at"),
    _File(
        "mutes",
        "SELECT bond_id, bond_id, member_id, until_ms FROM bonds"
        " WHERE kind = 2 AND owner_id = ?1 AND active AND bond_id > ?2 ORDER BY bond_id LIMIT ?3",
        ("muted_at", "user_id", "expires_at"),
    ),
    _edges("follow_requests_sent", "bonds", "kind = 3 AND owner_id = ?1", "bond_id", "member_id", at="asked_at"),
    _edges("follow_requests_received", "bonds", "kind = 3 AND member_id = ?1", "bond_id", "owner_id", at="asked_at"),
    _File(
        "lists",
        "SELECT id, id, id, name, description, private FROM lists WHERE owner_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        ("created_at", "list_id", "name", "description", "private"),
    ),
    _edges("followed_lists", "list_bonds", "kind = 2 AND user_id = ?1", "bond_id", "list_id", at="followed_at"),
)
_LISTS = "SELECT id FROM lists WHERE owner_id = ? ORDER BY id"
_MEMBERS = _edges("list_members", "list_bonds", "kind = 1 AND list_id = ?1", "bond_id", "user_id", at="added_at")


class SqlitePersonalStore:
    """Keeps PersonalStore's promises in the graph's file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: int) -> AsyncIterator[Piece]:
        for file in _FILES:
            async for rows in self._rows(file, user_id):
                yield Piece(file.name, [as_json(file.columns, row) for row in rows])
        owned = await self._database.read(lambda reader: reader.execute(_LISTS, (user_id,)).fetchall())
        if not owned:
            yield Piece(_MEMBERS.name, [])
        for (list_id,) in owned:
            async for rows in self._rows(_MEMBERS, list_id):
                columns = (*_MEMBERS.columns, "list_id")
                yield Piece(_MEMBERS.name, [as_json(columns, (*row, list_id)) for row in rows])

    async def _rows(self, file: _File, owner_id: int) -> AsyncIterator[list[tuple[int | str, ...]]]:
        """Yield the file's rows without their positions, some at a time; none at once when there are none."""
        after, is_more = 0, True
        while is_more:
            rows = await self._read(file, owner_id, after)
            yield [row[1:] for row in rows]
            if is_more := len(rows) == _AT_ONCE:
                after = int(rows[-1][0])

    async def _read(self, file: _File, owner_id: int, after: int) -> list[tuple[int | str, ...]]:
        asked = (owner_id, after, _AT_ONCE)
        return await self._database.read(lambda reader: reader.execute(file.statement, asked).fetchall())
