"""One write with its event and its idempotency claim, all in the same commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from aviary.clock import Clock
from aviary.errors import Conflict, no_user
from aviary.events.v1.events_pb2 import Event
from aviary.ids import IdGenerator
from aviary.rpc.call import Claim
from aviary.storage.sqlite.tail import Placed
from aviary.storage.told import Told


class Erased:
    """People whose accounts were deleted since the process started.

    Whoever was let in just before the deletion may still be on the way to the
    writer; what they bring must not land behind the erasure.
    """

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


class Transaction:
    """What a write may do: run statements, emit events, and do a thing once per key."""

    def __init__(
        self, connection: sqlite3.Connection, clock: Clock, ids: IdGenerator, erased: Erased | None = None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._ids = ids
        self._removes = False
        self.erased = erased or Erased()
        # What of this write its readers are told before it is acknowledged.
        self.told = Told()
        # Its events with their places in the log.
        self.placed: list[Placed] = []
        self.execute = connection.execute
        self.executemany = connection.executemany

    def now_ms(self) -> int:
        """Business time; never falls from one transaction to the next."""
        return self._clock.now_ms()

    def next_id(self) -> int:
        """Mint an id in the writer, so that the order of ids is the order of commits.

        A transaction that keeps one must emit an event too: the newest event is
        what tells the next process above which id to go on.
        """
        return self._ids.next()

    def remove(self) -> None:
        """Say that this write only takes away, so that it may speak of people who are being erased."""
        self._removes = True

    def emit(self, event: Event, *, made: bytes = b"") -> None:
        """Write `event` to the outbox, with its id and time; it exists if and only if this write commits.

        `made` is what those are told beside it who hold what they read. Raises
        NotFound when it speaks of somebody who was erased meanwhile.
        """
        if event.actor_id and not self._removes:
            self.erased.refuse(event.actor_id, event.key, event.target_id)
        event.id = self._ids.next()
        event.time_ms = self._clock.now_ms()
        body = event.SerializeToString()
        statement = "INSERT INTO outbox (event_id, time_ms, body) VALUES (?, ?, ?)"
        position = self.execute(statement, (event.id, event.time_ms, body)).lastrowid or 0
        self.placed.append((position, body))
        self.told.events.append((body, made))

    def once(self, claim: Claim | None, work: Callable[[], int]) -> tuple[int, bool]:
        """Run `work` unless `claim` was used before; return its id and whether this is a repeat.

        Raises Conflict when the key came with another body, and the claim's own
        refusal when it has one and this is no repeat.
        """
        if claim is None:
            return work(), False
        first = settled(self._connection, claim)
        if first is not None:
            return first, True
        if claim.refusal is not None:
            raise claim.refusal
        if claim.caller.isdecimal():
            self.erased.refuse(int(claim.caller))
        result = work()
        row = (claim.caller, claim.rpc, claim.key, claim.body, result, self.now_ms())
        self.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", row)
        return result, False

    def changes(self, claim: Claim | None, work: Callable[[], bool]) -> bool:
        """Run `work`, which tells whether it changed anything, as `once` does; a repeat changes nothing."""
        changed, repeated = self.once(claim, lambda: int(work()))
        return bool(changed) and not repeated


def settled(connection: sqlite3.Connection, claim: Claim) -> int | None:
    """Return the id that `claim` was settled with, None when it wasn't. Raises Conflict for another body."""
    row = connection.execute(
        "SELECT body, result FROM claims WHERE caller = ? AND rpc = ? AND key = ?",
        (claim.caller, claim.rpc, claim.key),
    ).fetchone()
    if row is None:
        return None
    if row[0] != claim.body:
        raise Conflict("the idempotency key was used with another body; use a new key for a new request")
    return int(row[1])
