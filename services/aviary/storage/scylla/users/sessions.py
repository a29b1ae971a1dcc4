"""Sessions: the steps of a turn of their user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.writes import Write, Writer
from aviary.users.store import Lifetime, Revocation, Session

HOUR_S = 3_600
_DAY_S = 86_400
# A repeat under an idempotency key may ask for the row for a day.
_KEPT_AFTER_EXPIRY_S = _DAY_S
_CLAIMS_KEPT_S = _DAY_S
_REVOKED_KEPT_S = 7 * _DAY_S
_COLUMNS = "id, generation, rotated_s, created_s, expires_s, client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A session with all that is kept of it."""

    session: Session
    created_s: int
    expires_s: int
    client: str


async def owner(tables: Tables, session_id: int) -> int | None:
    """Return whose a session is, None when it has ended or never was."""
    row = await tables.one("SELECT user_id FROM session_owners WHERE id = ?", session_id)
    return None if row is None else int(row[0])


async def one(tables: Tables, user_id: int, session_id: int) -> Login | None:
    """Return a session that was not ended, expired or not."""
    row = await tables.one(f"SELECT {_COLUMNS} FROM sessions WHERE user_id = ? AND id = ?", user_id, session_id)
    return None if row is None else _login(user_id, row)


async def page(tables: Tables, user_id: int, *, below: int, limit: int) -> Sequence[Login]:
    """Return sessions that were not ended, expired or not, newest first."""
    rows = await tables.rows(
        f"SELECT {_COLUMNS} FROM sessions WHERE user_id = ? AND id < ? LIMIT ?", user_id, below, limit
    )
    return [_login(user_id, row) for row in rows]


async def good(tables: Tables, user_id: int, *, now_s: int, but: int = 0) -> Sequence[Login]:
    """Return all that are neither ended nor expired, except the session `but`, oldest first."""
    rows = await tables.rows(f"SELECT {_COLUMNS} FROM sessions WHERE user_id = ?", user_id)
    logins = [_login(user_id, row) for row in reversed(rows)]
    return [each for each in logins if each.expires_s > now_s and each.session.id != but]


async def revoked_since(tables: Tables, since_s: int, *, now_s: int) -> Sequence[Revocation]:
    """Return what was revoked; an hour more is read, for clocks differ."""
    last = max(now_s, since_s) // HOUR_S + 1
    hours = range(max(since_s // HOUR_S, last - _REVOKED_KEPT_S // HOUR_S), last + 1)
    answers = await tables.each("SELECT id, revoked_s FROM revoked WHERE hour = ?", [(hour,) for hour in hours])
    return [
        Revocation(session_id=session_id, revoked_s=revoked_s)
        for rows in answers
        for session_id, revoked_s in rows
        if revoked_s >= since_s
    ]


def add(write: Write, user_id: int, lifetime: Lifetime) -> int:
    """Put a new session, with its event, and return its id."""
    opened = Login(
        session=Session(id=write.next_id(), user_id=user_id, generation=0, rotated_s=lifetime.now_s),
        created_s=lifetime.now_s,
        expires_s=lifetime.now_s + lifetime.ttl_s,
        client=lifetime.client,
    )
    _put(write, opened, lifetime)
    _emit(write, events_pb2.EVENT_TYPE_SESSION_OPENED, opened.session)
    return opened.session.id


def advance(write: Write, login: Login, lifetime: Lifetime) -> Session:
    """Move a session to its next generation and return it."""
    session = replace(login.session, generation=login.session.generation + 1, rotated_s=lifetime.now_s)
    _put(write, replace(login, session=session, expires_s=lifetime.now_s + lifetime.ttl_s), lifetime)
    return session


def revoke(write: Write, session: Session, *, now_s: int) -> None:
    """End a session, with its event."""
    write.remove("sessions", user_id=session.user_id, id=session.id)
    write.remove("session_owners", id=session.id)
    write.put("revoked", hour=now_s // HOUR_S, id=session.id, revoked_s=now_s, ttl_s=_REVOKED_KEPT_S)
    _emit(write, events_pb2.EVENT_TYPE_SESSION_REVOKED, session)


async def revoke_all(tables: Tables, write: Write, user_id: int, *, now_s: int, but: int = 0) -> Sequence[int]:
    """End all that are neither ended nor expired, except the session `but`, and return their ids."""
    logins = await good(tables, user_id, now_s=now_s, but=but)
    for each in logins:
        revoke(write, each.session, now_s=now_s)
    return [each.session.id for each in logins]


async def settled(writer: Writer, claim: Claim | None) -> int | None:
    """Return what `claim` was settled with; its own refusal is raised when it wasn't."""
    if claim is None:
        return None
    first = await writer.settled(claim)
    if first is None and claim.refusal is not None:
        raise claim.refusal
    return first


def note(write: Write, claim: Claim | None, user_id: int) -> None:
    """Let a claim be found by whom it was made for."""
    if claim is not None:
        key: dict[str, Any] = {"caller": claim.caller, "rpc": claim.rpc, "key": claim.key}
        write.put("claims_by_user", user_id=user_id, **key, ttl_s=_CLAIMS_KEPT_S)


def _put(write: Write, login: Login, lifetime: Lifetime) -> None:
    session, ttl_s = login.session, lifetime.ttl_s + _KEPT_AFTER_EXPIRY_S
    write.put(
        "sessions",
        user_id=session.user_id,
        id=session.id,
        generation=session.generation,
        rotated_s=session.rotated_s,
        created_s=login.created_s,
        expires_s=login.expires_s,
        client=login.client,
        ttl_s=ttl_s,
    )
    write.put("session_owners", id=session.id, user_id=session.user_id, ttl_s=ttl_s)


def _emit(write: Write, kind: events_pb2.EventType.ValueType, session: Session) -> None:
    write.emit(
        Event(
            type=kind,
            key=session.user_id,
            entity_id=session.id,
            version=session.generation,
            actor_id=session.user_id,
            traceparent=traceparent(),
        )
    )


def _login(user_id: int, row: Row) -> Login:
    session_id, generation, rotated_s, created_s, expires_s, client = row
    session = Session(id=session_id, user_id=user_id, generation=generation, rotated_s=rotated_s)
    return Login(session=session, created_s=created_s, expires_s=expires_s, client=client)
