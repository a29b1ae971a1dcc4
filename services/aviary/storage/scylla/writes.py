"""The one way to write: a decision, then one logged batch of its rows and its events at one timestamp."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import zlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

from aviary.clock import Clock
from aviary.errors import AviaryError, Conflict, RateLimited, no_user
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.storage.scylla import outbox
from aviary.storage.scylla.locks import KeyedLocks
from aviary.storage.scylla.tables import Row, Statement, Tables
from aviary.storage.scylla.times import Timestamps

_CLAIMS_KEPT_S = 86_400
# A turn that was never finished is finished by whoever comes next, for as long.
_TURNS_KEPT_S = 86_400
_TURNS_TRIED = 20
# Of statements in one batch: servers refuse batches over 50 kB.
_PART = 100
# A row that a conditional write made is emptied by a plain one, which must be the later of the two on every clock.
_SKEW_US = 5_000_000
# (table, columns of the key apart, other columns, values of those and of the key, seconds to live, own timestamp): a
# removal has a key alone, a put has it among its columns.
_Change = tuple[str, tuple[str, ...], tuple[str, ...], tuple[Any, ...], int, int]
T = TypeVar("T")


class Ids(Protocol):
    """What mints ids; they rise."""

    def next(self) -> int:
        """Return the next id. Raises Unavailable while no worker number is leased."""


class News(Protocol):
    """Tells whoever holds what they read. Telling never fails: what could not be told is owned up to."""

    async def events(self, bodies: Sequence[bytes], *, keyspace: str) -> None:
        """Tell of encoded events in the outbox of a keyspace: they are durable, and not acknowledged yet."""

    async def counted(self, tweet_ids: Collection[int]) -> None:
        """Tell that counts of these tweets changed."""

    async def tiers(self) -> None:
        """Tell that authors changed their tiers, as whoever asks is told from now on."""


class Silence:
    """Nobody holds anything."""

    async def events(self, bodies: Sequence[bytes], *, keyspace: str) -> None: ...

    async def counted(self, tweet_ids: Collection[int]) -> None: ...

    async def tiers(self) -> None: ...


class Erased:
    """People whose accounts were deleted lately, whom no write brings back."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def add(self, user_id: int) -> None:
        self._ids.add(user_id)

    def __contains__(self, user_id: int) -> bool:
        return user_id in self._ids

    def refuse(self, *user_ids: int) -> None:
        """Raise NotFound when one of them is gone."""
        for user_id in user_ids:
            if user_id in self._ids:
                raise no_user(user_id)


class Write:
    """What one decision writes: rows to put, update and remove, and events. Nothing is sent before the decision stands.

    All of it carries one timestamp, `at_us`, however often it is sent. Of two
    writes of a cell the later timestamp stands; of a value and a removal of the
    same timestamp, the removal.
    """

    def __init__(self, times: Timestamps, ids_: Ids, clock: Clock, erased: Erased) -> None:
        self.at_us = times.next()
        self.erased = erased
        self._times = times
        self._ids = ids_
        self._clock = clock
        self._removes = False
        self._rows: list[_Change] = []

    def put(self, table: str, *, ttl_s: int = 0, stamp: int = 0, **columns: Any) -> None:
        """Set these columns of the row that the key among them names, whether it is there or not; such a row stays.

        With a `stamp`, that is their timestamp: where it rises with the value,
        the largest value stands, for of two of one timestamp that is so anyway.
        """
        self._rows.append((table, (), tuple(columns), tuple(columns.values()), ttl_s, stamp))

    def update(self, table: str, key: Mapping[str, Any], **cells: Any) -> None:
        """Set cells of a row that is there as long as one of them is; None takes a cell away."""
        self._rows.append((table, tuple(key), tuple(cells), (*cells.values(), *key.values()), 0, 0))

    def remove(self, table: str, *, stamp: int = 0, **key: Any) -> None:
        """Delete the row or, with the first part of the key alone, all rows that it begins; up to a `stamp`, if any."""
        self._rows.append((table, tuple(key), (), tuple(key.values()), 0, stamp))

    def after(self, at_us: int | None) -> None:
        """Let this write stand above what was written at `at_us`, such as the state that it changes."""
        if at_us is not None and at_us >= self.at_us:
            self.at_us = self._times.next(at_us)

    def now_ms(self) -> int:
        """Business time."""
        return self._clock.now_ms()

    def next_id(self) -> int:
        """Mint an id."""
        return self._ids.next()

    def takes_away(self) -> None:
        """Say that this write only takes away, so that it may speak of people who are being erased."""
        self._removes = True

    def emit(self, event: Event) -> None:
        """Add an event, with its id and time; it exists if and only if this write does.

        Raises NotFound when it speaks of somebody who was erased meanwhile.
        """
        if event.actor_id and not self._removes:
            self.erased.refuse(event.actor_id, event.key, event.target_id)
        event.id = self._ids.next()
        event.time_ms = self._clock.now_ms()
        self.put("outbox", **outbox.row(event))

    def __bool__(self) -> bool:
        return bool(self._rows)

    def statements(self) -> list[Statement]:
        """The rows as statements."""
        return [_statement(each, self.at_us) for each in self._rows]

    def intent(self) -> bytes:
        """The rows as they can be kept, and sent again by whoever finds them."""
        rows = [
            [table, key, cells, [_plain(each) for each in values], ttl_s, stamp]
            for table, key, cells, values, ttl_s, stamp in self._rows
        ]
        return zlib.compress(json.dumps([self.at_us, rows]).encode(), 1)


def statements_of(intent: bytes) -> list[Statement]:
    """Return the very statements of the write that `intent` was taken from."""
    at_us, rows = json.loads(zlib.decompress(intent))
    return [
        _statement((table, tuple(key), tuple(cells), tuple(_typed(each) for each in values), ttl_s, stamp), at_us)
        for table, key, cells, values, ttl_s, stamp in rows
    ]


class Writer:
    """Writes to one service's tables.

    A decision reads what it needs, fills a `Write` and answers. Without a key
    it costs one round trip beyond its reads, with a key two, whatever it holds.
    """

    def __init__(self, tables: Tables, ids_: Ids, clock: Clock, *, news: News | None = None) -> None:
        self.tables = tables
        self.clock = clock
        self.news = news or Silence()
        self.times = Timestamps()
        # Whom the service's erasure has begun to remove.
        self.erased = Erased()
        # Set whenever events were written: a relay in this process needn't look again and again.
        self.written = asyncio.Event()
        self._ids = ids_
        # Of turns by their entity, and of whatever else this process would race itself for.
        self.locks = KeyedLocks()

    async def commit(self, decide: Callable[[Write], Awaitable[T]]) -> T:
        """Write what `decide` fills in and return its answer when that is durable."""
        write = self._new()
        answer = await decide(write)
        await self._do(write.statements())
        return answer

    async def once(self, claim: Claim | None, decide: Callable[[Write], Awaitable[int]]) -> tuple[int, bool]:
        """Do `commit` unless `claim` was settled before; return the answer, the first one, and whether it repeats.

        The claim holds the whole write before any of it is sent. Whoever comes
        with the same key while it is under way, or after its writer died, sends
        the very same write, so that it happens, and happens once.

        Raises Conflict when the key came with another body, and the claim's own
        refusal when it has one and this is no repeat.
        """
        if claim is None:
            return await self.commit(decide), False
        if claim.refusal is not None:
            first = await self.settled(claim)
            if first is None:
                raise claim.refusal
            return first, True
        write = self._new()
        try:
            if claim.caller.isdecimal():
                self.erased.refuse(int(claim.caller))
            answer = await decide(write)
        except AviaryError:
            # What was settled stays settled, also when it could not be done again.
            first = await self.settled(claim)
            if first is None:
                raise
            return first, True
        return await self._claim(claim, write, answer)

    async def changes(self, claim: Claim | None, decide: Callable[[Write], Awaitable[bool]]) -> bool:
        """Do as `once`, for a decision that tells whether it changes anything; a repeat changes nothing."""

        async def number(write: Write) -> int:
            return int(await decide(write))

        changed, repeated = await self.once(claim, number)
        return bool(changed) and not repeated

    async def settled(self, claim: Claim) -> int | None:
        """Return what `claim` was settled with; None when it wasn't. Raises Conflict for another body."""
        held = await self.tables.one(
            "SELECT body, intent, result FROM claims WHERE caller = ? AND rpc = ? AND key = ?",
            claim.caller,
            claim.rpc,
            claim.key,
        )
        return None if held is None else await self._first(claim, held)

    async def in_turn(self, entity: str, decide: Callable[[Write], Awaitable[T]], *, claim: Claim | None = None) -> T:
        """Do `commit` as if all writes to `entity` happened one after the other, whoever makes them.

        For what must be exact under concurrency and is rare: it costs a look at
        the turn and a conditional write more. `decide` must read what it
        decides by within its turn, and may run several times. A `claim` is
        settled by the decision itself, with `settle`.
        """
        if claim is not None and claim.caller.isdecimal():
            self.erased.refuse(int(claim.caller))
        # Those of this process wait here; only those of others have to be tried against.
        async with self.locks.hold(entity):
            for attempt in range(_TURNS_TRIED):
                turn, at_us = await self._current(entity)
                write = self._new()
                # The turn before may have been written by a faster clock.
                write.after(at_us)
                answer = await decide(write)
                if not write:
                    return answer
                token = write.next_id()
                if await self._take(entity, turn, token, write):
                    await self._finish(entity, token, write.at_us, write.statements())
                    return answer
                await asyncio.sleep(0.002 * 2 ** min(attempt, 6))
        raise RateLimited("too many changes of the same thing at once; repeat it", retry_after_s=1)

    async def once_in_turn(
        self, entity: str, claim: Claim | None, decide: Callable[[Write], Awaitable[int]]
    ) -> tuple[int, bool]:
        """Do as `once`, in a turn of `entity`."""

        async def unless_settled(write: Write) -> tuple[int, bool]:
            first = await self.settled(claim) if claim is not None else None
            if first is not None:
                return first, True
            if claim is not None and claim.refusal is not None:
                raise claim.refusal
            answer = await decide(write)
            self.settle(write, claim, answer)
            return answer, False

        return await self.in_turn(entity, unless_settled, claim=claim)

    async def forget(self, entity: str) -> None:
        """Forget the last write of an entity that is gone: it tells what it removed."""
        turn, _ = await self._current(entity)
        if turn is not None:
            await self.tables.apply("DELETE FROM turns WHERE entity = ? IF turn = ?", entity, turn)

    def settle(self, write: Write, claim: Claim | None, result: int) -> None:
        """Settle a claim with the write of a turn, which lets nobody else settle it meanwhile."""
        if claim is not None:
            key: dict[str, Any] = {"caller": claim.caller, "rpc": claim.rpc, "key": claim.key}
            write.put("claims", **key, body=claim.body, result=result, ttl_s=_CLAIMS_KEPT_S)
            if claim.caller.isdecimal():
                write.put("claims_by_caller", **key, ttl_s=_CLAIMS_KEPT_S)

    def _new(self) -> Write:
        return Write(self.times, self._ids, self.clock, self.erased)

    async def _send(self, statements: Sequence[Statement]) -> None:
        if statements:
            # A caller that leaves does not undo what it asked for.
            await asyncio.shield(asyncio.ensure_future(self.tables.batch(statements)))
            self.written.set()

    async def _do(self, statements: Sequence[Statement], *, at_once: int | None = None) -> None:
        """Send a write, in parts when it is large, and tell of it when all of it is there."""
        step = at_once or max(1, len(statements))
        for start in range(0, len(statements), step):
            await self._send(statements[start : start + step])
        await self.news.events(outbox.bodies(statements), keyspace=self.tables.keyspace)

    async def _claim(self, claim: Claim, write: Write, answer: int) -> tuple[int, bool]:
        attempt = write.next_id()
        held = await self.tables.apply(
            "INSERT INTO claims (caller, rpc, key, body, intent, result, attempt) VALUES (?, ?, ?, ?, ?, ?, ?)"
            f" IF NOT EXISTS USING TTL {_CLAIMS_KEPT_S}",
            *(claim.caller, claim.rpc, claim.key, claim.body, write.intent(), answer, attempt),
        )
        if held is not None and held["attempt"] != attempt:
            return await self._first(claim, (held["body"], held["intent"], held["result"])), True
        await self._do([*write.statements(), *self._finished(claim)])
        return answer, False

    async def _first(self, claim: Claim, held: Row) -> int:
        body, intent, result = held
        if body != claim.body:
            raise Conflict("the idempotency key was used with another body; use a new key for a new request")
        if intent is not None:
            await self._do([*statements_of(intent), *self._finished(claim)])
        return int(result)

    def _finished(self, claim: Claim) -> list[Statement]:
        """What forgets the write that a claim holds, for it was done, and lets the claim be found by its user."""
        key = (claim.caller, claim.rpc, claim.key)
        forget = "DELETE intent FROM claims USING TIMESTAMP ? WHERE caller = ? AND rpc = ? AND key = ?"
        found = f"INSERT INTO claims_by_caller (caller, rpc, key) VALUES (?, ?, ?) USING TTL {_CLAIMS_KEPT_S}"
        # Strangers have no account that could be deleted, nor an end to their keys.
        by_caller = [(found, key)] if claim.caller.isdecimal() else []
        return [(forget, (self.times.next() + _SKEW_US, *key)), *by_caller]

    async def _current(self, entity: str) -> tuple[int | None, int | None]:
        """Return the newest turn and its timestamp, when its write has been done; do it if it wasn't."""
        held = await self.tables.one("SELECT turn, done, at_us, intent FROM turns WHERE entity = ?", entity)
        if held is None or held[0] is None:
            return None, None
        turn, done, at_us, intent = held
        if turn != done:
            await self._finish(entity, turn, at_us, statements_of(intent))
        return turn, at_us

    async def _finish(self, entity: str, turn: int, at_us: int, statements: Sequence[Statement]) -> None:
        """Send a turn's write; whoever comes next sends what is missing of it."""
        done = "UPDATE turns USING TIMESTAMP ? AND TTL ? SET done = ? WHERE entity = ?"
        all_of_it = [*statements, (done, (at_us, _TURNS_KEPT_S, turn, entity))]
        await self._do(all_of_it, at_once=_PART)

    async def _take(self, entity: str, turn: int | None, token: int, write: Write) -> bool:
        held = await self.tables.apply(
            f"UPDATE turns USING TTL {_TURNS_KEPT_S} SET turn = ?, at_us = ?, intent = ? WHERE entity = ? IF turn = ?",
            *(token, write.at_us, write.intent(), entity, turn),
        )
        # After a time-out the repeat finds its own turn.
        return held is None or held.get("turn") == token


@functools.lru_cache(maxsize=1_024)
def _cql(table: str, key: tuple[str, ...], cells: tuple[str, ...], *, expires: bool) -> str:
    where = " AND ".join(f"{each} = ?" for each in key)
    if not cells:
        return f"DELETE FROM {table} USING TIMESTAMP ? WHERE {where}"
    if key:
        return f"UPDATE {table} USING TIMESTAMP ? SET {', '.join(f'{each} = ?' for each in cells)} WHERE {where}"
    ending = " AND TTL ?" if expires else ""
    marks = ", ".join("?" * len(cells))
    return f"INSERT INTO {table} ({', '.join(cells)}) VALUES ({marks}) USING TIMESTAMP ?{ending}"


def _statement(change: _Change, at_us: int) -> Statement:
    table, key, cells, values, ttl_s, stamp = change
    cql, at_us = _cql(table, key, cells, expires=ttl_s > 0), stamp or at_us
    if key:
        return cql, (at_us, *values)
    return cql, (*values, at_us, ttl_s) if ttl_s else (*values, at_us)


def _plain(value: Any) -> Any:
    return {"bytes": base64.b85encode(value).decode()} if isinstance(value, bytes) else value


def _typed(value: Any) -> Any:
    # Of what columns hold, JSON makes an object of bytes alone.
    return base64.b85decode(cast("dict[str, str]", value)["bytes"]) if isinstance(value, dict) else value
