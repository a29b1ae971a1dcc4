"""Accounts and sessions on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aviary.errors import Conflict, Forbidden, Unauthenticated
from aviary.events.v1 import events_pb2
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.users import records, sessions
from aviary.users.store import (
    Credentials,
    Lifetime,
    Opened,
    Preferences,
    ProfileChanges,
    Registration,
    Revocation,
    Rotation,
    Summary,
    User,
)

_CREDENTIALS = "id, password_hash, suspended"
_SUMMARY = "id, username, display_name, verified, protected, suspended OR deactivated_ms > 0"
_PREFERENCES = "preferences_version, hide_sensitive, muted_words"
# One statement whatever the number of ids.
_AMONG = "IN (SELECT value FROM json_each(?))"


class SqliteUserStore:
    """Keeps UserStore's promises in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, registration: Registration, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        trace = traceparent()
        return await self._database.write(
            lambda tx: sessions.open_once(
                tx, lambda: _insert(tx, registration, trace), lifetime, claim=claim, trace=trace
            )
        )

    async def open_session(self, whose: Credentials, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        trace = traceparent()
        return await self._database.write(
            lambda tx: sessions.open_once(tx, lambda: _admit(tx, whose, trace), lifetime, claim=claim, trace=trace)
        )

    async def rotate(
        self, session_id: int, generation: int, lifetime: Lifetime, *, grace_s: int, claim: Claim | None
    ) -> Rotation | None:
        trace = traceparent()
        return await self._database.write(
            lambda tx: sessions.rotate(
                tx, (session_id, generation), lifetime, grace_s=grace_s, claim=claim, trace=trace
            )
        )

    async def revoke(self, session_id: int, *, now_s: int) -> None:
        trace = traceparent()
        await self._database.write(lambda tx: sessions.revoke(tx, session_id, now_s=now_s, trace=trace))

    async def revoke_all(self, user_id: int, *, now_s: int) -> Sequence[int]:
        trace = traceparent()
        return await self._database.write(lambda tx: sessions.revoke_all(tx, user_id, now_s=now_s, trace=trace))

    async def revoked_since(self, since_s: int) -> Sequence[Revocation]:
        rows = await self._rows(
            # The first term alone lets the partial index serve it.
            "SELECT id, revoked_s FROM sessions WHERE revoked_s > 0 AND revoked_s >= ?1"
            " UNION ALL SELECT id, ended_s FROM ended_sessions WHERE ended_s >= ?1",
            since_s,
        )
        return [Revocation(session_id=session_id, revoked_s=revoked_s) for session_id, revoked_s in rows]

    async def credentials_of_username(self, username_key: str) -> Credentials | None:
        return _credentials(await self._rows(f"SELECT {_CREDENTIALS} FROM users WHERE username_key = ?", username_key))

    async def credentials_of_email(self, email_key: str) -> Credentials | None:
        return _credentials(await self._rows(f"SELECT {_CREDENTIALS} FROM users WHERE email_key = ?", email_key))

    async def get(self, user_id: int) -> User | None:
        rows = await self._rows(f"SELECT {records.COLUMNS} FROM users WHERE id = ?", user_id)
        return records.user(rows[0]) if rows else None

    async def get_by_username(self, username_key: str) -> User | None:
        rows = await self._rows(f"SELECT {records.COLUMNS} FROM users WHERE username_key = ?", username_key)
        return records.user(rows[0]) if rows else None

    async def get_many(self, user_ids: Sequence[int]) -> Sequence[User]:
        rows = await self._rows(f"SELECT {records.COLUMNS} FROM users WHERE id {_AMONG}", json.dumps(list(user_ids)))
        found = {row[0]: records.user(row) for row in rows}
        return [found[user_id] for user_id in user_ids if user_id in found]

    async def summaries(
        self, user_ids: Sequence[int], *, viewer_id: int
    ) -> tuple[Sequence[Summary], Preferences | None]:
        def look(connection: sqlite3.Connection) -> tuple[Sequence[Summary], Preferences | None]:
            rows = connection.execute(
                f"SELECT {_SUMMARY} FROM users WHERE id {_AMONG}", (json.dumps(list(user_ids)),)
            ).fetchall()
            found = {row[0]: _summary(row) for row in rows}
            chosen = (
                viewer_id
                and connection.execute(f"SELECT {_PREFERENCES} FROM users WHERE id = ?", (viewer_id,)).fetchone()
            )
            return [found[each] for each in user_ids if each in found], _preferences(chosen) if chosen else None

        return await self._database.read(look)

    async def resolve(self, username_keys: Sequence[str]) -> Mapping[str, int]:
        rows = await self._rows(
            f"SELECT username_key, id FROM users WHERE username_key {_AMONG}",
            json.dumps(list(username_keys)),
        )
        return dict(rows)

    async def update(self, user_id: int, changes: ProfileChanges) -> User | None:
        trace = traceparent()
        return await self._database.write(lambda tx: _update(tx, user_id, changes, trace))

    # A driver's row has whatever types its columns have.
    async def _rows(self, statement: str, parameter: int | str) -> Sequence[tuple[Any, ...]]:
        return await self._database.read(lambda connection: connection.execute(statement, (parameter,)).fetchall())


def _insert(tx: Transaction, registration: Registration, trace: str) -> int:
    _refuse_taken(tx, registration)
    user_id = tx.next_id()
    columns = asdict(registration) | {"id": user_id, "created_ms": tx.now_ms()}
    tx.execute(
        f"INSERT INTO users ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
        tuple(columns.values()),
    )
    records.emit(tx, events_pb2.EVENT_TYPE_USER_REGISTERED, user_id, 1, trace)
    return user_id


def _admit(tx: Transaction, whose: Credentials, trace: str) -> int:
    """Return the user if they may log in; who had deactivated their account is back."""
    user_id, user = whose.user_id, records.one(tx, whose.user_id)
    if user is None:
        raise Unauthenticated("the account is gone")
    # A new password ends the sessions of the old one; a login that was on its way must not land behind that.
    (password_hash,) = tx.execute("SELECT password_hash FROM users WHERE id = ?", (user_id,)).fetchone()
    if password_hash != whose.password_hash:
        raise Unauthenticated("the password was changed meanwhile")
    if user.suspended:
        raise Forbidden("this account is suspended and cannot log in")
    if user.deactivated:
        version = records.write(tx, user_id, {"deactivated_ms": 0})
        records.emit(tx, events_pb2.EVENT_TYPE_USER_REACTIVATED, user_id, version, trace)
    return user_id


def _refuse_taken(tx: Transaction, registration: Registration) -> None:
    rows = tx.execute(
        "SELECT username_key = ?1, email_key = ?2 FROM users WHERE username_key = ?1 OR email_key = ?2",
        (registration.username_key, registration.email_key),
    ).fetchall()
    taken = [
        sentence
        for sentence, clashes in (
            (f"the username {registration.username} is taken", any(name for name, _ in rows)),
            (f"the email {registration.email} is taken", any(email for _, email in rows)),
        )
        if clashes
    ]
    if taken:
        raise Conflict(" and ".join(taken))


def _update(tx: Transaction, user_id: int, changes: ProfileChanges, trace: str) -> User | None:
    user = records.one(tx, user_id)
    wanted = {name: value for name, value in asdict(changes).items() if value is not None}
    if user is None or all(getattr(user, name) == value for name, value in wanted.items()):
        return user
    version = records.write(tx, user_id, wanted)
    records.emit(tx, events_pb2.EVENT_TYPE_USER_UPDATED, user_id, version, trace)
    return records.one(tx, user_id)


def _credentials(rows: Sequence[Sequence[Any]]) -> Credentials | None:
    if not rows:
        return None
    user_id, password_hash, suspended = rows[0]
    return Credentials(user_id=user_id, password_hash=password_hash, suspended=bool(suspended))


def _summary(row: Sequence[Any]) -> Summary:
    user_id, username, display_name, verified, protected, hidden = row
    return Summary(
        id=user_id,
        username=username,
        display_name=display_name,
        verified=bool(verified),
        protected=bool(protected),
        hidden=bool(hidden),
    )


def _preferences(row: Sequence[Any]) -> Preferences:
    version, hide_sensitive, muted_words = row
    return Preferences(version=version, hide_sensitive=bool(hide_sensitive), muted_words=json.loads(muted_words))
