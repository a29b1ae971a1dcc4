"""Rows of accounts as records, and as every turn changes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.writes import Write
from aviary.users.store import Registration, User

_SHOWN = (
    "id, username, email, display_name, bio, location, website, birth_date, language, timezone,"
    " verified, protected, suspended, deactivated_ms, created_ms, version"
)
_COLUMNS = (
    f"{_SHOWN}, username_key, email_key, password_hash, hide_sensitive, dm_from, muted_words, preferences_version"
)
# What a person has who said nothing.
_AT_FIRST: Mapping[str, Any] = {
    "bio": "",
    "location": "",
    "website": "",
    "birth_date": "",
    "language": "en",
    "timezone": "UTC",
    "verified": False,
    "protected": False,
    "suspended": False,
    "deactivated_ms": 0,
    "version": 1,
    "hide_sensitive": False,
    "dm_from": "everyone",
    "muted_words": "[]",
    "preferences_version": 0,
}
# A row by its columns, as the driver gives them.
Held = Mapping[str, Any]


def turn(user_id: int) -> str:
    """What the turns of a person's changes are taken at."""
    return f"user:{user_id}"


async def held(tables: Tables, user_id: int) -> Held | None:
    """Everything of a user, None for nobody."""
    row = await tables.one(f"SELECT {_COLUMNS} FROM users WHERE id = ?", user_id)
    return None if row is None else dict(zip(_COLUMNS.split(", "), row, strict=True))


async def columns_of(tables: Tables, columns: str, user_ids: Iterable[int]) -> Mapping[int, Sequence[Any]]:
    """These columns, the id first, of the users that exist; one round of reads."""
    keys = [(some,) for some in pieces(dict.fromkeys(user_ids))]
    answers = await tables.each(f"SELECT {columns} FROM users WHERE id IN ?", keys)
    return {row[0]: row for row in itertools.chain(*answers)}


async def users(tables: Tables, user_ids: Iterable[int]) -> Mapping[int, User]:
    """The users that exist."""
    found = await columns_of(tables, _SHOWN, user_ids)
    return {user_id: user(dict(zip(_SHOWN.split(", "), row, strict=True))) for user_id, row in found.items()}


def user(row: Held) -> User:
    """Read a row."""
    shown = {name: row[name] for name in _SHOWN.split(", ") if name != "deactivated_ms"}
    return User(deactivated=bool(row["deactivated_ms"]), **shown)


def add(write: Write, user_id: int, registration: Registration) -> None:
    """Put a new account, with its event."""
    write.put("users", id=user_id, created_ms=write.now_ms(), **_AT_FIRST, **asdict(registration))
    emit(write, events_pb2.EVENT_TYPE_USER_REGISTERED, user_id, 1)


def change(
    write: Write, row: Held, columns: Held, kind: events_pb2.EventType.ValueType, *, by_platform: bool = False
) -> Held:
    """Set `columns`, with an event, where one differs; the row after it."""
    if all(row[name] == value for name, value in columns.items()):
        return row
    after = {**row, **columns, "version": row["version"] + 1}
    write.put("users", id=row["id"], version=after["version"], **columns)
    emit(write, kind, row["id"], after["version"], by_platform=by_platform)
    return after


def emit(
    write: Write, kind: events_pb2.EventType.ValueType, user_id: int, version: int, *, by_platform: bool = False
) -> None:
    """Write an event about a user, who did it themselves unless the platform did."""
    actor_id = 0 if by_platform else user_id
    write.emit(
        Event(type=kind, key=user_id, entity_id=user_id, version=version, actor_id=actor_id, traceparent=traceparent())
    )
