"""A look into every table of the tweets' file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from aviary.storage.sqlite.database import Database

Place = tuple[str, str]


async def places_of(database: Database, *wanted: int | str) -> set[Place]:
    """Every (table, column) that holds one of those ids or texts, also inside what is encoded."""

    def look(connection: sqlite3.Connection) -> set[Place]:
        return {(table, column) for table, column, value in _values(connection) if _holds(value, wanted)}

    return await database.read(look)


def _values(connection: sqlite3.Connection) -> Iterator[tuple[str, str, object]]:
    for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        rows = connection.execute(f"SELECT * FROM {table}")
        columns = [each[0] for each in rows.description]
        for row in rows:
            yield from ((table, column, value) for column, value in zip(columns, row, strict=True))


def _holds(value: object, wanted: tuple[int | str, ...]) -> bool:
    if isinstance(value, bytes):
        return any(_encoded(each) in value for each in wanted)
    if isinstance(value, str):
        return any(str(each) in value for each in wanted)
    return value in wanted


def _encoded(wanted: int | str) -> bytes:
    """As it stands in an encoded message: a text in UTF-8, an id as a varint."""
    if isinstance(wanted, str):
        return wanted.encode()
    encoded = bytearray()
    while wanted > 0x7F:
        encoded.append(wanted & 0x7F | 0x80)
        wanted >>= 7
    return bytes([*encoded, wanted])
