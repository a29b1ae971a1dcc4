"""Rows of accounts as records, and as every write changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.transaction import Transaction
from aviary.users.store import User

COLUMNS = (
    "id, username, email, display_name, bio, location, website, birth_date, language, timezone,"
    " verified, protected, suspended, deactivated_ms, created_ms, version"
)


def one(tx: Transaction, user_id: int) -> User | None:
    """The user as this transaction sees them."""
    row = tx.execute(f"SELECT {COLUMNS} FROM users WHERE id = ?", (user_id,)).fetchone()
    return user(row) if row else None


def write(tx: Transaction, user_id: int, columns: Mapping[str, object]) -> int:
    """Set `columns` of a user that exists and return the version after it."""
    (version,) = tx.execute(
        f"UPDATE users SET {', '.join(f'{name} = ?' for name in columns)}, version = version + 1"
        " WHERE id = ? RETURNING version",
        (*columns.values(), user_id),
    ).fetchone()
    return int(version)


def emit(
    tx: Transaction,
    kind: events_pb2.EventType.ValueType,
    user_id: int,
    version: int,
    trace: str,
    *,
    by_platform: bool = False,
) -> None:
    """Write an event about a user, who did it themselves unless the platform did."""
    actor_id = 0 if by_platform else user_id
    tx.emit(Event(type=kind, key=user_id, entity_id=user_id, version=version, actor_id=actor_id, traceparent=trace))


def user(row: Sequence[Any]) -> User:  # typed by the columns
    """Read one row of COLUMNS."""
    values: dict[str, Any] = dict(zip(COLUMNS.split(", "), row, strict=True))
    for flag in ("verified", "protected", "suspended"):
        values[flag] = bool(values[flag])
    return User(deactivated=bool(values.pop("deactivated_ms")), **values)
