"""Sessions on SQLite: the steps that run inside a transaction of the users' file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from aviary.errors import Unauthenticated
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.storage.sqlite.transaction import Transaction
from aviary.users.store import Lifetime, Opened, Outcome, Rotation, Session

_REUSED = 0
# A repeat under an idempotency key may ask for the row for a day, and longer while the pruning of keys lags.
_KEPT_AFTER_EXPIRY_S = 7 * 86_400


def open_once(
    tx: Transaction, user_id: Callable[[], int], lifetime: Lifetime, *, claim: Claim | None, trace: str
) -> Opened:
    """Open a session of the user that `user_id` finds or makes, unless `claim` did before."""
    session_id, repeated = tx.once(claim, lambda: _insert(tx, user_id(), lifetime, trace))
    row = tx.execute("SELECT user_id, created_s FROM sessions WHERE id = ? AND revoked_s = 0", (session_id,)).fetchone()
    # Tokens of an ended session are refused only until the last one given out has expired: no repeat renews them.
    if row is None:
        raise Unauthenticated("the session that this request opened has ended; log in again")
    opened = Session(id=session_id, user_id=row[0], generation=0, rotated_s=row[1])
    return Opened(session=opened, repeated=repeated)


def rotate(
    tx: Transaction,
    token: tuple[int, int],
    lifetime: Lifetime,
    *,
    grace_s: int,
    claim: Claim | None,
    trace: str,
) -> Rotation | None:
    """Trade the (session, generation) of `token`, answer its repeat, or revoke for its reuse."""
    session = _usable(tx, token[0], lifetime.now_s)
    if session is None:
        return None
    generation, repeated = tx.once(claim, lambda: _advance(tx, session, token[1], lifetime))
    if not repeated and generation != _REUSED:
        return Rotation(
            outcome=Outcome.ROTATED, session=replace(session, generation=generation, rotated_s=lifetime.now_s)
        )
    if repeated and generation == session.generation and lifetime.now_s - session.rotated_s <= grace_s:
        return Rotation(outcome=Outcome.REPEATED, session=session)
    revoke(tx, session.id, now_s=lifetime.now_s, trace=trace)
    return Rotation(outcome=Outcome.REUSED, session=session)


def revoke(tx: Transaction, session_id: int, *, now_s: int, trace: str) -> bool:
    """End one session; False when it is unknown or had ended."""
    row = tx.execute(
        "UPDATE sessions SET revoked_s = ? WHERE id = ? AND revoked_s = 0 RETURNING user_id, generation, rotated_s",
        (now_s, session_id),
    ).fetchone()
    if row is not None:
        ended = Session(id=session_id, user_id=row[0], generation=row[1], rotated_s=row[2])
        tx.emit(_event(events_pb2.EVENT_TYPE_SESSION_REVOKED, ended, trace))
    return row is not None


def revoke_all(tx: Transaction, user_id: int, *, now_s: int, trace: str, but: int = 0) -> Sequence[int]:
    """End all that are neither ended nor expired, except the session `but`."""
    rows = tx.execute(
        "SELECT id FROM sessions WHERE user_id = ? AND revoked_s = 0 AND expires_s > ? AND id <> ? ORDER BY id",
        (user_id, now_s, but),
    ).fetchall()
    for (session_id,) in rows:
        revoke(tx, session_id, now_s=now_s, trace=trace)
    return [session_id for (session_id,) in rows]


def erase(tx: Transaction, user_id: int, *, now_s: int) -> None:
    """Remove a user's sessions, ended before, and the claims that opened them; what is left is bare session ids."""
    theirs = "FROM sessions WHERE user_id = ?"
    tx.execute("DELETE FROM ended_sessions WHERE ended_s < ?", (now_s - _KEPT_AFTER_EXPIRY_S,))
    tx.execute(f"INSERT INTO ended_sessions SELECT id, revoked_s {theirs} AND revoked_s > 0", (user_id,))
    # The first term alone lets the partial index serve it.
    tx.execute(f"DELETE FROM claims WHERE result > 4294967295 AND result IN (SELECT id {theirs})", (user_id,))
    tx.execute(f"DELETE {theirs}", (user_id,))


def _insert(tx: Transaction, user_id: int, lifetime: Lifetime, trace: str) -> int:
    tx.execute(
        "DELETE FROM sessions WHERE user_id = ? AND expires_s < ?", (user_id, lifetime.now_s - _KEPT_AFTER_EXPIRY_S)
    )
    session_id = tx.next_id()
    tx.execute(
        "INSERT INTO sessions (id, user_id, generation, rotated_s, created_s, expires_s, client)"
        " VALUES (?, ?, 0, ?, ?, ?, ?)",
        (session_id, user_id, lifetime.now_s, lifetime.now_s, lifetime.now_s + lifetime.ttl_s, lifetime.client),
    )
    opened = Session(id=session_id, user_id=user_id, generation=0, rotated_s=lifetime.now_s)
    tx.emit(_event(events_pb2.EVENT_TYPE_SESSION_OPENED, opened, trace))
    return session_id


def _usable(tx: Transaction, session_id: int, now_s: int) -> Session | None:
    row = tx.execute(
        "SELECT s.user_id, s.generation, s.rotated_s FROM sessions s JOIN users u ON u.id = s.user_id"
        " WHERE s.id = ? AND s.revoked_s = 0 AND s.expires_s > ? AND NOT u.suspended AND u.deactivated_ms = 0",
        (session_id, now_s),
    ).fetchone()
    return Session(id=session_id, user_id=row[0], generation=row[1], rotated_s=row[2]) if row else None


def _advance(tx: Transaction, session: Session, generation: int, lifetime: Lifetime) -> int:
    if generation != session.generation:
        return _REUSED
    tx.execute(
        "UPDATE sessions SET generation = ?, rotated_s = ?, expires_s = ? WHERE id = ?",
        (generation + 1, lifetime.now_s, lifetime.now_s + lifetime.ttl_s, session.id),
    )
    return generation + 1


def _event(kind: events_pb2.EventType.ValueType, session: Session, trace: str) -> Event:
    return Event(
        type=kind,
        key=session.user_id,
        entity_id=session.id,
        version=session.generation,
        actor_id=session.user_id,
        traceparent=trace,
    )
