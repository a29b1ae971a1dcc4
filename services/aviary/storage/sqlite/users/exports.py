"""Exports on SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.users import records
from aviary.users.exports.store import Export, ExportState

_COLUMNS = "id, user_id, state, progress_percent, size_bytes, requested_ms, ready_ms"
_ROW = tuple[int, int, int, int, int, int, int]
_RUNNING, _READY, _FAILED = (int(state) for state in ExportState)


class SqliteExportStore:
    """Keeps ExportStore's promises in the users' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: int) -> Export | None:
        row = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM exports WHERE user_id = ?", (user_id,)
            ).fetchone()
        )
        return _export(row) if row else None

    async def begin(self, user_id: int, *, instead_of: int) -> Export | None:
        trace = traceparent()

        def start(tx: Transaction) -> Export | None:
            current = _current(tx, user_id)
            if current is not None and current.id != instead_of:
                return current
            if records.one(tx, user_id) is None:
                return None
            export_id = tx.next_id()
            tx.execute(
                "INSERT OR REPLACE INTO exports (user_id, id, state, requested_ms) VALUES (?, ?, ?, ?)",
                (user_id, export_id, _RUNNING, tx.now_ms()),
            )
            _emit(tx, user_id, export_id, trace)
            return _current(tx, user_id)

        return await self._database.write(start)

    async def progress(self, user_id: int, export_id: int, percent: int) -> bool:
        return await self._database.write(lambda tx: _change(tx, user_id, export_id, f"progress_percent = {percent:d}"))

    async def finish(self, user_id: int, export_id: int, *, size_bytes: int) -> bool:
        trace = traceparent()

        def end(tx: Transaction) -> bool:
            done = f"state = {_READY}, progress_percent = 100, size_bytes = {size_bytes:d}, ready_ms = {tx.now_ms():d}"
            is_wanted = _change(tx, user_id, export_id, done)
            if is_wanted:
                _emit(tx, user_id, export_id, trace)
            return is_wanted

        return await self._database.write(end)

    async def fail(self, user_id: int, export_id: int) -> None:
        trace = traceparent()

        def end(tx: Transaction) -> None:
            if _change(tx, user_id, export_id, f"state = {_FAILED}"):
                _emit(tx, user_id, export_id, trace)

        await self._database.write(end)

    async def finished_before(self, time_ms: int, *, limit: int) -> Sequence[Export]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM exports WHERE state = 1 AND ready_ms < ? ORDER BY ready_ms LIMIT ?",
                (time_ms, limit),
            ).fetchall()
        )
        return [_export(row) for row in rows]

    async def remove(self, user_id: int, export_id: int) -> None:
        trace = traceparent()

        def forget(tx: Transaction) -> None:
            if tx.execute("DELETE FROM exports WHERE user_id = ? AND id = ?", (user_id, export_id)).rowcount:
                _emit(tx, user_id, export_id, trace)

        await self._database.write(forget)


def _current(tx: Transaction, user_id: int) -> Export | None:
    row = tx.execute(f"SELECT {_COLUMNS} FROM exports WHERE user_id = ?", (user_id,)).fetchone()
    return _export(row) if row else None


def _change(tx: Transaction, user_id: int, export_id: int, assignments: str) -> bool:
    changed = tx.execute(
        f"UPDATE exports SET {assignments} WHERE user_id = ? AND id = ? AND state = {_RUNNING}", (user_id, export_id)
    )
    return changed.rowcount == 1


def _emit(tx: Transaction, user_id: int, export_id: int, trace: str) -> None:
    kind = events_pb2.EVENT_TYPE_EXPORT_CHANGED
    tx.emit(Event(type=kind, key=user_id, entity_id=export_id, actor_id=user_id, traceparent=trace))


def _export(row: _ROW) -> Export:
    export_id, user_id, state, progress_percent, size_bytes, requested_ms, ready_ms = row
    return Export(
        id=export_id,
        user_id=user_id,
        state=ExportState(state),
        progress_percent=progress_percent,
        size_bytes=size_bytes,
        requested_ms=requested_ms,
        ready_ms=ready_ms,
    )
