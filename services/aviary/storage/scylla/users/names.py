"""Names that one user has at a time, each given by a conditional write before the commit that needs it.

A writer may die between the two. So a name says when it was taken, and one
that its user does not bear after a minute is free. Whoever takes it over first
sees to it that what the other had begun can no longer happen.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from aviary.errors import AviaryError, RateLimited
from aviary.events.v1 import events_pb2
from aviary.rpc.call import Claim
from aviary.storage.scylla.users import records
from aviary.storage.scylla.writes import Write, Writer

USERNAME, EMAIL = "username", "email"
# A taking that its commit did not follow within so long is void.
_VOID_AFTER_MS = 60_000
# What is as old as this the one who took it leaves alone: nobody else takes it before it is void.
_OWN_UNTIL_MS = 30_000
_DAY_MS = 86_400_000
# Names that were given up are taken off their owners at once, or by a sweep of the next days.
_LEAVING_KEPT_S = 7 * 86_400
_SWEPT_DAYS = 7
_TRIES = 10
_log = logging.getLogger("aviary.names")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A name that is somebody's; `attempt` tells this taking from every other one."""

    kind: str
    key: str
    user_id: int
    attempt: int
    taken_ms: int
    by: bytes = b""
    # Whether it was nobody's before, so that giving it back harms nobody.
    is_new: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """A name that a commit of `day` let go; it is freed unless it was taken again."""

    day: int
    kind: str
    key: str
    attempt: int


class Names:
    """Takes names and gives them back."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._clock = writer.clock

    async def held(self, kind: str, keys: Sequence[str]) -> Mapping[str, int]:
        """Return who bears each of the names that somebody bears; two rounds of reads."""
        rows = await self._tables.each(
            "SELECT key, user_id FROM names WHERE kind = ? AND key = ?", [(kind, key) for key in dict.fromkeys(keys)]
        )
        taken = {key: user_id for found in rows for key, user_id in found}
        bearers = await records.columns_of(self._tables, f"id, {kind}_key", taken.values())
        return {key: user_id for key, user_id in taken.items() if bearers.get(user_id, (0, ""))[1] == key}

    async def take(self, kind: str, key: str, user_id: int, *, by: bytes = b"") -> Taken | None:
        """Take a name for a user, None when it is another's.

        A name that the same request, by its digest `by`, took a moment ago is
        taken for the user that it took it for then: see the answer's `user_id`.
        """
        attempt = secrets.randbits(62)
        for _ in range(_TRIES):
            held = await self.look(kind, key)
            wanted = Taken(
                kind=kind, key=key, user_id=user_id, attempt=attempt, taken_ms=self._clock.now_ms(), by=by, is_new=True
            )
            if held is None:
                if await self._insert(wanted):
                    return wanted
                continue
            heir = await self._heir(held, wanted)
            if heir is None:
                return None
            if await self._replace(held, heir):
                return heir
        raise RateLimited(f"too many ask for the {kind} {key} at once; repeat it", retry_after_s=1)

    async def is_anothers(self, kind: str, key: str) -> bool:
        """Return whether a taking would fail, without taking."""
        held = await self.look(kind, key)
        return held is not None and (not self._is_void(held) or await self._is_borne(held))

    async def is_mine(self, taken: Taken) -> bool:
        """Return whether a commit may still rely on a taking; to be asked in the user's turn."""
        held = await self.look(taken.kind, taken.key)
        return held is not None and held.attempt == taken.attempt and not self._is_older(held, _OWN_UNTIL_MS)

    async def look(self, kind: str, key: str) -> Taken | None:
        """Return who took a name, whether they bear it or not."""
        row = await self._tables.one(
            "SELECT user_id, attempt, taken_ms, request FROM names WHERE kind = ? AND key = ?", kind, key
        )
        if row is None:
            return None
        user_id, attempt, taken_ms, by = row
        return Taken(kind=kind, key=key, user_id=user_id, attempt=attempt, taken_ms=taken_ms, by=by or b"")

    async def give_back(self, taken: Taken | None) -> None:
        """Free a name that no commit came to rely on."""
        if taken is not None and taken.is_new:
            await self._release(taken.kind, taken.key, taken.attempt)

    async def give_up(self, write: Write, kind: str, key: str) -> Sequence[GivenUp]:
        """Let `write` give a name up; `free` is to follow it."""
        held = await self.look(kind, key)
        if held is None:
            return []
        given = GivenUp(day=self._clock.now_ms() // _DAY_MS, kind=kind, key=key, attempt=held.attempt)
        write.put("leaving", ttl_s=_LEAVING_KEPT_S, **asdict(given))
        return [given]

    async def free(self, names: Sequence[GivenUp]) -> None:
        """Free names that a commit gave up. What fails here is made up for by `sweep`."""
        for each in names:
            try:
                await self._free(each)
            except AviaryError as error:
                _log.warning("name_not_freed", extra={"kind": each.kind, "error": error.message})

    async def sweep(self) -> None:
        """Free the names that commits of the last days gave up and that are still there."""
        today = self._clock.now_ms() // _DAY_MS
        for day in range(today - _SWEPT_DAYS, today + 1):
            for kind, key, attempt in await self._tables.rows(
                "SELECT kind, key, attempt FROM leaving WHERE day = ?", day
            ):
                await self._free(GivenUp(day=day, kind=kind, key=key, attempt=attempt))

    async def _insert(self, wanted: Taken) -> bool:
        standing = await self._tables.apply(
            "INSERT INTO names (kind, key, user_id, taken_ms, attempt, request) VALUES (?, ?, ?, ?, ?, ?)"
            " IF NOT EXISTS",
            *(wanted.kind, wanted.key, wanted.user_id, wanted.taken_ms, wanted.attempt, wanted.by),
        )
        return standing is None or standing.get("attempt") == wanted.attempt

    async def _replace(self, held: Taken, heir: Taken) -> bool:
        standing = await self._tables.apply(
            "UPDATE names SET user_id = ?, taken_ms = ?, attempt = ?, request = ?"
            " WHERE kind = ? AND key = ? IF attempt = ?",
            *(heir.user_id, heir.taken_ms, heir.attempt, heir.by, held.kind, held.key, held.attempt),
        )
        return standing is None or standing.get("attempt") == heir.attempt

    async def _release(self, kind: str, key: str, attempt: int) -> None:
        await self._tables.apply("DELETE FROM names WHERE kind = ? AND key = ? IF attempt = ?", kind, key, attempt)

    async def _free(self, name: GivenUp) -> None:
        await self._release(name.kind, name.key, name.attempt)

        async def forget(write: Write) -> None:
            write.remove("leaving", day=name.day, kind=name.kind, key=name.key)

        await self._writer.commit(forget)

    async def _heir(self, held: Taken, wanted: Taken) -> Taken | None:
        """Return the taking that may replace one that stands, None when that is another's."""
        is_same_request = bool(wanted.by) and held.by == wanted.by and not self._is_older(held, _OWN_UNTIL_MS)
        if held.user_id == wanted.user_id or is_same_request:
            return Taken(
                kind=wanted.kind,
                key=wanted.key,
                user_id=held.user_id,
                attempt=wanted.attempt,
                taken_ms=wanted.taken_ms,
                by=held.by,
            )
        return wanted if self._is_void(held) and await self._is_abandoned(held) else None

    async def _is_borne(self, held: Taken) -> bool:
        found = await records.columns_of(self._tables, f"id, {held.kind}_key", [held.user_id])
        return held.user_id in found and found[held.user_id][1] == held.key

    async def _is_abandoned(self, held: Taken) -> bool:
        """Return whether its user doesn't bear a name, and see to it that no turn begun before makes them bear it."""

        async def fence(write: Write) -> bool:
            row = await records.held(self._tables, held.user_id)
            if row is None:
                _bury(write, held.user_id)
            elif row[f"{held.kind}_key"] == held.key:
                return False
            else:
                # Changes nothing, but a turn it is: whoever decided before must decide again.
                write.put("users", id=held.user_id, version=row["version"])
            return True

        # Nobody's turn is taken in vain.
        return not await self._is_borne(held) and await self._writer.in_turn(records.turn(held.user_id), fence)

    def _is_void(self, held: Taken) -> bool:
        return self._is_older(held, _VOID_AFTER_MS)

    def _is_older(self, held: Taken, age_ms: int) -> bool:
        return self._clock.now_ms() - held.taken_ms > age_ms


def digest(claim: Claim | None) -> bytes:
    """Return what tells a request from every other one, nothing for one without a key."""
    if claim is None:
        return b""
    scope = f"{claim.caller}\0{claim.rpc}\0{claim.key}\0".encode()
    return hashlib.blake2b(scope + claim.body, digest_size=16).digest()


def _bury(write: Write, user_id: int) -> None:
    """Remove an account that may be registered yet by what a dead writer left: this stands above it."""
    write.takes_away()
    write.remove("users", id=user_id)
    write.remove("sessions", user_id=user_id)
    records.emit(write, events_pb2.EVENT_TYPE_USER_DELETED, user_id, 2)
