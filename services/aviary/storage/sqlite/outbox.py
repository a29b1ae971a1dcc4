"""The event log on the outbox table, and the offsets of those who read it."""

from __future__ import annotations

from collections.abc import Sequence

from aviary.eventlog import Record
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.tail import Placed
from aviary.storage.sqlite.transaction import Transaction

_EVENTS_KEPT_MS = 7 * 86_400_000
_CLAIMS_KEPT_MS = 86_400_000
_PRUNED_AT_ONCE = 1_000


class SqliteEventLog:
    """One service's outbox, read by offset."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, after: int, *, limit: int) -> Sequence[Record]:
        rows = self._database.tail.after(after, limit=limit)
        if rows is None:
            rows = await self._read(after, limit)
        return [Record(position, Event.FromString(body)) for position, body in rows]

    async def _read(self, after: int, limit: int) -> Sequence[Placed]:
        return await self._database.read(
            lambda connection: connection.execute(
                "SELECT position, body FROM outbox WHERE position > ? ORDER BY position LIMIT ?", (after, limit)
            ).fetchall()
        )

    async def end(self) -> int:
        (newest,) = await self._database.read(
            lambda connection: connection.execute("SELECT coalesce(max(position), 0) FROM outbox").fetchone()
        )
        return int(newest)

    async def wait(self, after: int) -> None:
        if self._database.tail.end <= after:
            await self._database.committed().wait()

    async def prune(self) -> None:
        """Forget events after 7 days and idempotency keys after 24 h, a few at a time."""

        def delete(tx: Transaction) -> int:
            now = tx.now_ms()
            removed = tx.execute(
                "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox WHERE time_ms < ? LIMIT ?)"
                # The newest one stays: ids go on above it.
                " AND position < (SELECT max(position) FROM outbox)",
                (now - _EVENTS_KEPT_MS, _PRUNED_AT_ONCE),
            ).rowcount
            removed += tx.execute(
                "DELETE FROM claims WHERE (caller, rpc, key) IN"
                " (SELECT caller, rpc, key FROM claims WHERE time_ms < ? LIMIT ?)",
                (now - _CLAIMS_KEPT_MS, _PRUNED_AT_ONCE),
            ).rowcount
            return removed

        while await self._database.write(delete):
            self._database.tail.forget()


class SqliteOffsets:
    """Offsets in the consumer's own file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, consumer: str) -> int | None:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT position FROM offsets WHERE consumer = ?", (consumer,)
            ).fetchone()
        )
        return None if row is None else int(row[0])

    async def commit(self, consumer: str, offset: int) -> None:
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO offsets VALUES (?, ?)"
                " ON CONFLICT (consumer) DO UPDATE SET position = max(position, excluded.position)",
                (consumer, offset),
            )
        )
