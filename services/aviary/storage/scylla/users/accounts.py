"""What people and operators do to accounts, on tables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from aviary.errors import Conflict, Unauthenticated, Unavailable
from aviary.eventlog import insist
from aviary.events.v1 import events_pb2
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.storage.scylla.users import exports, records, sessions
from aviary.storage.scylla.users.names import EMAIL, USERNAME, GivenUp, Names, Taken
from aviary.storage.scylla.writes import Write, Writer
from aviary.users.accounts.store import AccountSettings, Ended, OpenSession, Proven, SettingsChanges
from aviary.users.store import User

_SETTINGS = "protected, hide_sensitive, dm_from, muted_words"
_SWEEP_EVERY_S = 300.0
_UPDATED = events_pb2.EVENT_TYPE_USER_UPDATED
T = TypeVar("T")


class ScyllaAccountStore:
    """Keeps AccountStore's promises in the users' keyspace."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._names = Names(writer)

    async def settings(self, user_id: int) -> AccountSettings | None:
        row = await self._tables.one(f"SELECT {_SETTINGS} FROM users WHERE id = ?", user_id)
        return None if row is None else _settings(dict(zip(_SETTINGS.split(", "), row, strict=True)))

    async def change_settings(self, user_id: int, changes: SettingsChanges) -> AccountSettings | None:
        return await self._in_turn(user_id, lambda write: self._change_settings(write, user_id, changes))

    async def sessions(self, user_id: int, page: PageRequest, *, now_s: int) -> Page[OpenSession]:
        found: list[OpenSession] = []
        below, wanted = page.below, page.limit + 1
        while len(found) < wanted:
            logins = await sessions.page(self._tables, user_id, below=below, limit=wanted)
            found += [_session(each) for each in logins if each.expires_s > now_s]
            if len(logins) < wanted:
                break
            below = logins[-1].session.id
        shown = found[: page.limit]
        return Page(shown, shown[-1].id if len(found) > page.limit else None)

    async def revoke_session(self, user_id: int, session_id: int, *, now_s: int) -> bool:
        async def end(write: Write) -> bool:
            login = await sessions.one(self._tables, user_id, session_id)
            if login is None or login.expires_s <= now_s:
                return False
            sessions.revoke(write, login.session, now_s=now_s)
            return True

        return await self._in_turn(user_id, end)

    async def proven(self, user_id: int) -> Proven | None:
        row = await self._tables.one("SELECT password_hash FROM users WHERE id = ?", user_id)
        return Proven(user_id=user_id, password_hash=row[0]) if row else None

    async def change_username(self, user_id: int, username: str, *, key: str) -> User | None:
        async def mine() -> records.Held | None:
            return await records.held(self._tables, user_id)

        return await self._rename(USERNAME, user_id, username, key, mine)

    async def change_email(self, whose: Proven, email: str, *, key: str) -> User:
        user = await self._rename(EMAIL, whose.user_id, email, key, lambda: self._prove(whose))
        if user is None:
            raise Unauthenticated("the password was changed meanwhile")
        return user

    async def change_password(
        self, whose: Proven, password_hash: bytes, *, but_session: int, now_s: int
    ) -> Sequence[int]:
        async def take(write: Write) -> Sequence[int]:
            records.change(write, await self._prove(whose), {"password_hash": password_hash}, _UPDATED)
            return await sessions.revoke_all(self._tables, write, whose.user_id, now_s=now_s, but=but_session)

        return await self._in_turn(whose.user_id, take)

    async def deactivate(self, user_id: int, *, now_s: int, claim: Claim | None) -> Sequence[int]:
        async def hide(write: Write) -> Sequence[int]:
            row = await records.held(self._tables, user_id)
            if row is None or await sessions.settled(self._writer, claim) is not None:
                return []
            self._writer.settle(write, claim, row["version"])
            if row["deactivated_ms"]:
                return []
            kind = events_pb2.EVENT_TYPE_USER_DEACTIVATED
            records.change(write, row, {"deactivated_ms": write.now_ms()}, kind)
            return await sessions.revoke_all(self._tables, write, user_id, now_s=now_s)

        return await self._in_turn(user_id, hide, claim)

    async def delete(self, whose: Proven, *, now_s: int) -> Sequence[int]:
        given_up: list[GivenUp] = []

        async def remove(write: Write) -> Sequence[int]:
            row = await self._prove(whose)
            given_up.clear()
            for kind in (USERNAME, EMAIL):
                given_up.extend(await self._names.give_up(write, kind, row[f"{kind}_key"]))
            return await self._remove(write, row, now_s)

        ended = await self._in_turn(whose.user_id, remove)
        await self._names.free(given_up)
        await self._writer.forget(records.turn(whose.user_id))
        return ended

    async def suspend(self, user_id: int, *, now_s: int) -> Ended | None:
        async def hide(write: Write) -> Ended | None:
            row = await records.held(self._tables, user_id)
            if row is None:
                return None
            kind = events_pb2.EVENT_TYPE_USER_SUSPENDED
            after = records.change(write, row, {"suspended": True}, kind, by_platform=True)
            ended = await sessions.revoke_all(self._tables, write, user_id, now_s=now_s)
            return Ended(user=records.user(after), session_ids=ended)

        return await self._in_turn(user_id, hide)

    async def unsuspend(self, user_id: int) -> User | None:
        return await self._mark(user_id, {"suspended": False}, events_pb2.EVENT_TYPE_USER_UNSUSPENDED)

    async def set_verified(self, user_id: int, *, verified: bool) -> User | None:
        return await self._mark(user_id, {"verified": verified}, _UPDATED)

    async def sweep(self) -> None:
        """Free, for ever, the names that a process gave up and died before it freed them."""
        while True:
            await insist(self._names.sweep, what="names")
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _mark(
        self, user_id: int, columns: Mapping[str, bool], kind: events_pb2.EventType.ValueType
    ) -> User | None:
        async def change(write: Write) -> User | None:
            row = await records.held(self._tables, user_id)
            return None if row is None else records.user(records.change(write, row, columns, kind, by_platform=True))

        return await self._in_turn(user_id, change)

    async def _in_turn(self, user_id: int, decide: Callable[[Write], Awaitable[T]], claim: Claim | None = None) -> T:
        return await self._writer.in_turn(records.turn(user_id), decide, claim=claim)

    async def _change_settings(self, write: Write, user_id: int, changes: SettingsChanges) -> AccountSettings | None:
        row = await records.held(self._tables, user_id)
        if row is None:
            return None
        before = _settings(row)
        wanted = {name: value for name, value in asdict(changes).items() if value is not None}
        after = replace(before, **wanted)
        columns = asdict(after) | {"muted_words": json.dumps(list(after.muted_words))}
        if (after.hide_sensitive, after.muted_words) != (before.hide_sensitive, before.muted_words):
            columns["preferences_version"] = row["preferences_version"] + 1
        if after != before:
            records.change(write, row, columns, _UPDATED)
        return after

    async def _rename(
        self, kind: str, user_id: int, value: str, key: str, look: Callable[[], Awaitable[records.Held | None]]
    ) -> User | None:
        """Take a name, bear it in a turn, and give the old one up."""
        if await look() is None:
            return None
        taken = await self._names.take(kind, key, user_id)
        if taken is None:
            raise Conflict(f"the {kind} {value} is taken")
        given_up: list[GivenUp] = []

        async def bear(write: Write) -> User | None:
            row = await look()
            if row is None:
                return None
            if not await self._names.is_mine(taken):
                raise Unavailable(f"taking the {kind} {value} took too long; repeat it", retry_after_s=1)
            old = row[f"{kind}_key"]
            given_up[:] = await self._names.give_up(write, kind, old) if old != key else []
            return records.user(records.change(write, row, {kind: value, f"{kind}_key": key}, _UPDATED))

        user = await self._bear(user_id, bear, taken)
        await self._names.free(given_up)
        return user

    async def _bear(self, user_id: int, bear: Callable[[Write], Awaitable[User | None]], taken: Taken) -> User | None:
        try:
            user = await self._in_turn(user_id, bear)
        except Unauthenticated:
            await self._names.give_back(taken)
            raise
        if user is None:
            await self._names.give_back(taken)
        return user

    async def _prove(self, whose: Proven) -> records.Held:
        """The password was checked outside the turn: what it was checked against must still hold."""
        row = await records.held(self._tables, whose.user_id)
        if row is None or row["password_hash"] != whose.password_hash:
            raise Unauthenticated("the password was changed meanwhile")
        return row

    async def _remove(self, write: Write, row: records.Held, now_s: int) -> Sequence[int]:
        user_id = row["id"]
        write.takes_away()
        ended = await sessions.revoke_all(self._tables, write, user_id, now_s=now_s)
        for login in await sessions.good(self._tables, user_id, now_s=0):
            write.remove("session_owners", id=login.session.id)
        write.remove("sessions", user_id=user_id)
        await self._remove_claims(write, user_id)
        await exports.remove(self._tables, write, user_id)
        write.remove("users", id=user_id)
        records.emit(write, events_pb2.EVENT_TYPE_USER_DELETED, user_id, row["version"] + 1)
        return ended

    async def _remove_claims(self, write: Write, user_id: int) -> None:
        """Remove what the user claimed, and what opened or rotated their sessions."""
        theirs = await self._tables.rows("SELECT rpc, key FROM claims_by_caller WHERE caller = ?", str(user_id))
        others = await self._tables.rows("SELECT caller, rpc, key FROM claims_by_user WHERE user_id = ?", user_id)
        for caller, rpc, key in {*((str(user_id), *each) for each in theirs), *others}:
            write.remove("claims", caller=caller, rpc=rpc, key=key)
        write.remove("claims_by_caller", caller=str(user_id))
        write.remove("claims_by_user", user_id=user_id)


# A driver's row has whatever types its columns have.
def _settings(row: Mapping[str, Any]) -> AccountSettings:
    return AccountSettings(
        protected=row["protected"],
        hide_sensitive=row["hide_sensitive"],
        dm_from=row["dm_from"],
        muted_words=tuple(json.loads(row["muted_words"])),
    )


def _session(login: sessions.Login) -> OpenSession:
    return OpenSession(
        id=login.session.id,
        client=login.client,
        created_s=login.created_s,
        refreshed_s=login.session.rotated_s,
        expires_s=login.expires_s,
    )
