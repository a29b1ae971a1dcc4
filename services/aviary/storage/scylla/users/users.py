"""Accounts and sessions on tables."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from aviary.errors import Conflict, Forbidden, Unauthenticated
from aviary.events.v1 import events_pb2
from aviary.rpc.call import Claim
from aviary.storage.scylla.users import records, sessions
from aviary.storage.scylla.users.names import EMAIL, USERNAME, Names, digest
from aviary.storage.scylla.writes import Write, Writer
from aviary.users.store import (
    Credentials,
    Lifetime,
    Opened,
    Outcome,
    Preferences,
    ProfileChanges,
    Registration,
    Revocation,
    Rotation,
    Session,
    Summary,
    User,
)

_SUMMARY = "id, username, display_name, verified, protected, suspended, deactivated_ms"
_SUMMARY_COLUMNS = len(_SUMMARY.split(","))
_PREFERENCES = "preferences_version, hide_sensitive, muted_words"
_REUSED = 0
T = TypeVar("T")


class ScyllaUserStore:
    """Keeps UserStore's promises in the users' keyspace."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._names = Names(writer)

    async def register(self, registration: Registration, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        # Before any name is taken: what a repeat wants is its own.
        first = await sessions.settled(self._writer, claim)
        if first is not None:
            return await self._opened(first, repeated=True)

        async def add(write: Write) -> int:
            user_id = await self._take_names(write.next_id(), registration, by=digest(claim))
            records.add(write, user_id, registration)
            session_id = sessions.add(write, user_id, lifetime)
            sessions.note(write, claim, user_id)
            return session_id

        session_id, repeated = await self._writer.once(claim, add)
        return await self._opened(session_id, repeated=repeated)

    async def open_session(self, whose: Credentials, lifetime: Lifetime, *, claim: Claim | None) -> Opened:
        async def admit(write: Write) -> tuple[int, bool]:
            first = await sessions.settled(self._writer, claim)
            if first is not None:
                return first, True
            await self._admit(write, whose)
            session_id = sessions.add(write, whose.user_id, lifetime)
            self._settle(write, claim, whose.user_id, session_id)
            return session_id, False

        session_id, repeated = await self._in_turn(whose.user_id, admit, claim)
        return await self._opened(session_id, repeated=repeated)

    async def rotate(
        self, session_id: int, generation: int, lifetime: Lifetime, *, grace_s: int, claim: Claim | None
    ) -> Rotation | None:
        user_id = await sessions.owner(self._tables, session_id)
        if user_id is None:
            return None

        async def trade(write: Write) -> Rotation | None:
            login = await self._usable(user_id, session_id, lifetime.now_s)
            if login is None:
                return None
            session, first = login.session, await sessions.settled(self._writer, claim)
            if first is None and generation == session.generation:
                session = sessions.advance(write, login, lifetime)
                self._settle(write, claim, user_id, session.generation)
                return Rotation(outcome=Outcome.ROTATED, session=session)
            if first == session.generation and lifetime.now_s - session.rotated_s <= grace_s:
                return Rotation(outcome=Outcome.REPEATED, session=session)
            if first is None:
                self._settle(write, claim, user_id, _REUSED)
            sessions.revoke(write, session, now_s=lifetime.now_s)
            return Rotation(outcome=Outcome.REUSED, session=session)

        return await self._in_turn(user_id, trade, claim)

    async def revoke(self, session_id: int, *, now_s: int) -> None:
        user_id = await sessions.owner(self._tables, session_id)
        if user_id is None:
            return

        async def end(write: Write) -> None:
            login = await sessions.one(self._tables, user_id, session_id)
            if login is not None:
                sessions.revoke(write, login.session, now_s=now_s)

        await self._in_turn(user_id, end)

    async def revoke_all(self, user_id: int, *, now_s: int) -> Sequence[int]:
        return await self._in_turn(
            user_id, lambda write: sessions.revoke_all(self._tables, write, user_id, now_s=now_s)
        )

    async def revoked_since(self, since_s: int) -> Sequence[Revocation]:
        return await sessions.revoked_since(self._tables, since_s, now_s=int(time.time()))

    async def credentials_of_username(self, username_key: str) -> Credentials | None:
        return _credentials(await self._bearer(USERNAME, username_key))

    async def credentials_of_email(self, email_key: str) -> Credentials | None:
        return _credentials(await self._bearer(EMAIL, email_key))

    async def get(self, user_id: int) -> User | None:
        return (await records.users(self._tables, [user_id])).get(user_id)

    async def get_by_username(self, username_key: str) -> User | None:
        row = await self._bearer(USERNAME, username_key)
        return None if row is None else records.user(row)

    async def get_many(self, user_ids: Sequence[int]) -> Sequence[User]:
        found = await records.users(self._tables, user_ids)
        return [found[user_id] for user_id in user_ids if user_id in found]

    async def summaries(
        self, user_ids: Sequence[int], *, viewer_id: int
    ) -> tuple[Sequence[Summary], Preferences | None]:
        # One statement for both: it costs more than what it reads too much.
        asked = {*user_ids, viewer_id} - {0}
        found = await records.columns_of(self._tables, f"{_SUMMARY}, {_PREFERENCES}", asked)
        summaries = [_summary(found[each][:_SUMMARY_COLUMNS]) for each in user_ids if each in found]
        own = found.get(viewer_id)
        return summaries, None if own is None else _preferences(own[_SUMMARY_COLUMNS:])

    async def resolve(self, username_keys: Sequence[str]) -> Mapping[str, int]:
        return await self._names.held(USERNAME, username_keys)

    async def update(self, user_id: int, changes: ProfileChanges) -> User | None:
        wanted = {name: value for name, value in asdict(changes).items() if value is not None}

        async def change(write: Write) -> User | None:
            row = await records.held(self._tables, user_id)
            if row is None:
                return None
            return records.user(records.change(write, row, wanted, events_pb2.EVENT_TYPE_USER_UPDATED))

        return await self._in_turn(user_id, change)

    async def _in_turn(self, user_id: int, decide: Callable[[Write], Awaitable[T]], claim: Claim | None = None) -> T:
        return await self._writer.in_turn(records.turn(user_id), decide, claim=claim)

    def _settle(self, write: Write, claim: Claim | None, user_id: int, result: int) -> None:
        self._writer.settle(write, claim, result)
        sessions.note(write, claim, user_id)

    async def _take_names(self, user_id: int, wanted: Registration, *, by: bytes) -> int:
        """Take both names, and return for whom: an earlier attempt of the same request may have had another id."""
        username = await self._names.take(USERNAME, wanted.username_key, user_id, by=by)
        user_id = username.user_id if username else user_id
        if username is None:
            clashes = await self._names.is_anothers(EMAIL, wanted.email_key)
        else:
            email = await self._names.take(EMAIL, wanted.email_key, user_id, by=by)
            if email is not None and email.user_id == user_id:
                return user_id
            clashes = True
            await self._names.give_back(username)
        taken = [] if username else [f"the username {wanted.username} is taken"]
        raise Conflict(" and ".join([*taken, *([f"the email {wanted.email} is taken"] if clashes else ())]))

    async def _admit(self, write: Write, whose: Credentials) -> None:
        """Refuse who may not log in; who had deactivated their account is back."""
        row = await records.held(self._tables, whose.user_id)
        if row is None:
            raise Unauthenticated("the account is gone")
        # A new password ends the sessions of the old one; a login that was on its way must not land behind that.
        if row["password_hash"] != whose.password_hash:
            raise Unauthenticated("the password was changed meanwhile")
        if row["suspended"]:
            raise Forbidden("this account is suspended and cannot log in")
        records.change(write, row, {"deactivated_ms": 0}, events_pb2.EVENT_TYPE_USER_REACTIVATED)

    async def _usable(self, user_id: int, session_id: int, now_s: int) -> sessions.Login | None:
        login, row = await asyncio.gather(
            sessions.one(self._tables, user_id, session_id), records.held(self._tables, user_id)
        )
        if login is None or row is None or row["suspended"] or row["deactivated_ms"]:
            return None
        return login if login.expires_s > now_s else None

    async def _opened(self, session_id: int, *, repeated: bool) -> Opened:
        user_id = await sessions.owner(self._tables, session_id)
        login = None if user_id is None else await sessions.one(self._tables, user_id, session_id)
        # Tokens of an ended session are refused only until the last one given out has expired: no repeat renews them.
        if login is None:
            raise Unauthenticated("the session that this request opened has ended; log in again")
        opened = Session(id=session_id, user_id=login.session.user_id, generation=0, rotated_s=login.created_s)
        return Opened(session=opened, repeated=repeated)

    async def _bearer(self, kind: str, key: str) -> records.Held | None:
        """Return the user of a name."""
        taken = await self._names.look(kind, key)
        row = None if taken is None else await records.held(self._tables, taken.user_id)
        return row if row is not None and row[f"{kind}_key"] == key else None


def _credentials(row: records.Held | None) -> Credentials | None:
    if row is None:
        return None
    return Credentials(user_id=row["id"], password_hash=row["password_hash"], suspended=row["suspended"])


# A driver's row has whatever types its columns have.
def _summary(row: Sequence[Any]) -> Summary:
    user_id, username, display_name, verified, protected, suspended, deactivated_ms = row
    return Summary(
        id=user_id,
        username=username,
        display_name=display_name,
        verified=verified,
        protected=protected,
        hidden=suspended or bool(deactivated_ms),
    )


def _preferences(row: Sequence[Any]) -> Preferences:
    version, hide_sensitive, muted_words = row
    return Preferences(version=version, hide_sensitive=hide_sensitive, muted_words=json.loads(muted_words))
