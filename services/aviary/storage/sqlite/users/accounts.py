"""What people and operators do to accounts, on SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from aviary.errors import Conflict, Unauthenticated
from aviary.events.v1 import events_pb2
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.users import records, sessions
from aviary.users.accounts.store import AccountSettings, Ended, OpenSession, Proven, SettingsChanges
from aviary.users.store import User

_SETTINGS = "protected, hide_sensitive, dm_from, muted_words"
_SESSION = "id, client, created_s, rotated_s, expires_s"
_UPDATED = events_pb2.EVENT_TYPE_USER_UPDATED


class SqliteAccountStore:
    """Keeps AccountStore's promises in the users' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settings(self, user_id: int) -> AccountSettings | None:
        row = await self._row(f"SELECT {_SETTINGS} FROM users WHERE id = ?", user_id)
        return _settings(row) if row else None

    async def change_settings(self, user_id: int, changes: SettingsChanges) -> AccountSettings | None:
        trace = traceparent()
        return await self._database.write(lambda tx: _change_settings(tx, user_id, changes, trace))

    async def sessions(self, user_id: int, page: PageRequest, *, now_s: int) -> Page[OpenSession]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {_SESSION} FROM sessions"
                " WHERE user_id = ? AND revoked_s = 0 AND expires_s > ? AND id < ? ORDER BY id DESC LIMIT ?",
                (user_id, now_s, page.below, page.limit + 1),
            ).fetchall()
        )
        found = [_session(row) for row in rows[: page.limit]]
        return Page(found, found[-1].id if len(rows) > page.limit else None)

    async def revoke_session(self, user_id: int, session_id: int, *, now_s: int) -> bool:
        trace = traceparent()

        def end(tx: Transaction) -> bool:
            row = tx.execute(
                "SELECT 1 FROM sessions WHERE id = ? AND user_id = ? AND expires_s > ?", (session_id, user_id, now_s)
            ).fetchone()
            return row is not None and sessions.revoke(tx, session_id, now_s=now_s, trace=trace)

        return await self._database.write(end)

    async def proven(self, user_id: int) -> Proven | None:
        row = await self._row("SELECT password_hash FROM users WHERE id = ?", user_id)
        return Proven(user_id=user_id, password_hash=row[0]) if row else None

    async def change_username(self, user_id: int, username: str, *, key: str) -> User | None:
        trace = traceparent()

        def take(tx: Transaction) -> User | None:
            _refuse_taken(tx, user_id, "username", username, key)
            return _change(tx, user_id, {"username": username, "username_key": key}, _UPDATED, trace)

        return await self._database.write(take)

    async def change_email(self, whose: Proven, email: str, *, key: str) -> User:
        trace = traceparent()

        def take(tx: Transaction) -> User:
            user = _prove(tx, whose)
            _refuse_taken(tx, whose.user_id, "email", email, key)
            return _change(tx, whose.user_id, {"email": email, "email_key": key}, _UPDATED, trace) or user

        return await self._database.write(take)

    async def change_password(
        self, whose: Proven, password_hash: bytes, *, but_session: int, now_s: int
    ) -> Sequence[int]:
        trace = traceparent()

        def take(tx: Transaction) -> Sequence[int]:
            _prove(tx, whose)
            _change(tx, whose.user_id, {"password_hash": password_hash}, _UPDATED, trace)
            return sessions.revoke_all(tx, whose.user_id, now_s=now_s, trace=trace, but=but_session)

        return await self._database.write(take)

    async def deactivate(self, user_id: int, *, now_s: int, claim: Claim | None) -> Sequence[int]:
        trace = traceparent()
        ended: list[int] = []

        def hide(tx: Transaction) -> int:
            user = records.one(tx, user_id)
            if user is None or user.deactivated:
                return 0
            version = records.write(tx, user_id, {"deactivated_ms": tx.now_ms()})
            records.emit(tx, events_pb2.EVENT_TYPE_USER_DEACTIVATED, user_id, version, trace)
            ended.extend(sessions.revoke_all(tx, user_id, now_s=now_s, trace=trace))
            return version

        await self._database.write(lambda tx: tx.once(claim, lambda: hide(tx)))
        return ended

    async def delete(self, whose: Proven, *, now_s: int) -> Sequence[int]:
        trace = traceparent()
        return await self._database.write(lambda tx: _delete(tx, whose, now_s, trace))

    async def suspend(self, user_id: int, *, now_s: int) -> Ended | None:
        trace = traceparent()

        def hide(tx: Transaction) -> Ended | None:
            user = _change(
                tx, user_id, {"suspended": True}, events_pb2.EVENT_TYPE_USER_SUSPENDED, trace, by_platform=True
            )
            ended = sessions.revoke_all(tx, user_id, now_s=now_s, trace=trace)
            return Ended(user=user, session_ids=ended) if user else None

        return await self._database.write(hide)

    async def unsuspend(self, user_id: int) -> User | None:
        return await self._mark(user_id, {"suspended": False}, events_pb2.EVENT_TYPE_USER_UNSUSPENDED)

    async def set_verified(self, user_id: int, *, verified: bool) -> User | None:
        return await self._mark(user_id, {"verified": verified}, _UPDATED)

    async def _mark(
        self, user_id: int, columns: Mapping[str, bool], kind: events_pb2.EventType.ValueType
    ) -> User | None:
        trace = traceparent()
        return await self._database.write(lambda tx: _change(tx, user_id, columns, kind, trace, by_platform=True))

    # A driver's row has whatever types its columns have.
    async def _row(self, statement: str, user_id: int) -> tuple[Any, ...] | None:
        return await self._database.read(lambda connection: connection.execute(statement, (user_id,)).fetchone())


def _change(
    tx: Transaction,
    user_id: int,
    columns: Mapping[str, object],
    kind: events_pb2.EventType.ValueType,
    trace: str,
    *,
    by_platform: bool = False,
) -> User | None:
    """Set `columns` with an event where one differs; the user after it, None for nobody."""
    row = tx.execute(f"SELECT {', '.join(columns)} FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        return None
    if row != tuple(columns.values()):
        version = records.write(tx, user_id, columns)
        records.emit(tx, kind, user_id, version, trace, by_platform=by_platform)
    return records.one(tx, user_id)


def _change_settings(tx: Transaction, user_id: int, changes: SettingsChanges, trace: str) -> AccountSettings | None:
    row = tx.execute(f"SELECT {_SETTINGS} FROM users WHERE id = ?", (user_id,)).fetchone()
    if row is None:
        return None
    before = _settings(row)
    wanted = {name: value for name, value in asdict(changes).items() if value is not None}
    after = replace(before, **wanted)
    if after == before:
        return before
    version = records.write(tx, user_id, asdict(after) | {"muted_words": json.dumps(list(after.muted_words))})
    if (after.hide_sensitive, after.muted_words) != (before.hide_sensitive, before.muted_words):
        tx.execute("UPDATE users SET preferences_version = preferences_version + 1 WHERE id = ?", (user_id,))
    records.emit(tx, _UPDATED, user_id, version, trace)
    return after


def _delete(tx: Transaction, whose: Proven, now_s: int, trace: str) -> Sequence[int]:
    user_id, version = whose.user_id, _prove(tx, whose).version + 1
    ended = sessions.revoke_all(tx, user_id, now_s=now_s, trace=trace)
    sessions.erase(tx, user_id, now_s=now_s)
    tx.execute("DELETE FROM exports WHERE user_id = ?", (user_id,))
    tx.execute("DELETE FROM claims WHERE caller = ?", (str(user_id),))
    tx.execute("DELETE FROM users WHERE id = ?", (user_id,))
    records.emit(tx, events_pb2.EVENT_TYPE_USER_DELETED, user_id, version, trace)
    return ended


def _prove(tx: Transaction, whose: Proven) -> User:
    """The password was checked outside the transaction: what it was checked against must still hold."""
    row = tx.execute("SELECT password_hash FROM users WHERE id = ?", (whose.user_id,)).fetchone()
    user = records.one(tx, whose.user_id)
    if user is None or row[0] != whose.password_hash:
        raise Unauthenticated("the password was changed meanwhile")
    return user


def _refuse_taken(tx: Transaction, user_id: int, field: str, value: str, key: str) -> None:
    if tx.execute(f"SELECT 1 FROM users WHERE {field}_key = ? AND id <> ?", (key, user_id)).fetchone():
        raise Conflict(f"the {field} {value} is taken")


def _settings(row: Sequence[Any]) -> AccountSettings:
    protected, hide_sensitive, dm_from, muted_words = row
    return AccountSettings(
        protected=bool(protected),
        hide_sensitive=bool(hide_sensitive),
        dm_from=dm_from,
        muted_words=tuple(json.loads(muted_words)),
    )


def _session(row: Sequence[Any]) -> OpenSession:
    session_id, client, created_s, rotated_s, expires_s = row
    return OpenSession(id=session_id, client=client, created_s=created_s, refreshed_s=rotated_s, expires_s=expires_s)
