"""Exports on tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.users import records
from aviary.storage.scylla.writes import Write, Writer
from aviary.users.exports.store import Export, ExportState

_COLUMNS = "id, user_id, state, progress_percent, size_bytes, requested_ms, ready_ms"
_ROW = tuple[int, int, int, int, int, int, int]
_HOUR_MS = 3_600_000
# Longer than a turn that nobody finished waits: until then it may still add to its hour.
_SETTLED_HOURS = 48
T = TypeVar("T")


class ScyllaExportStore:
    """Keeps ExportStore's promises in the users' keyspace."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables

    async def get(self, user_id: int) -> Export | None:
        return await _one(self._tables, user_id)

    async def begin(self, user_id: int, *, instead_of: int) -> Export | None:
        async def start(write: Write) -> Export | None:
            current = await _one(self._tables, user_id)
            if current is not None and current.id != instead_of:
                return current
            if await records.held(self._tables, user_id) is None:
                return None
            if current is not None:
                _remove_place(write, current)
            begun = Export(
                id=write.next_id(),
                user_id=user_id,
                state=ExportState.RUNNING,
                progress_percent=0,
                size_bytes=0,
                requested_ms=write.now_ms(),
                ready_ms=0,
            )
            _put(write, begun)
            _emit(write, begun)
            return begun

        return await self._in_turn(user_id, start)

    async def progress(self, user_id: int, export_id: int, percent: int) -> bool:
        async def note(write: Write, running: Export) -> None:
            _put(write, replace(running, progress_percent=percent))

        return await self._change(user_id, export_id, note)

    async def finish(self, user_id: int, export_id: int, *, size_bytes: int) -> bool:
        async def end(write: Write, running: Export) -> None:
            ready_ms, done = write.now_ms(), ExportState.READY
            ready = replace(running, state=done, progress_percent=100, size_bytes=size_bytes, ready_ms=ready_ms)
            _put(write, ready)
            write.put("exports_ready", hour=ready_ms // _HOUR_MS, ready_ms=ready_ms, user_id=user_id)
            write.put("export_hours", kind="ready", hour=ready_ms // _HOUR_MS)
            _emit(write, ready)

        return await self._change(user_id, export_id, end)

    async def fail(self, user_id: int, export_id: int) -> None:
        async def end(write: Write, running: Export) -> None:
            _put(write, replace(running, state=ExportState.FAILED))
            _emit(write, running)

        await self._change(user_id, export_id, end)

    async def finished_before(self, time_ms: int, *, limit: int) -> Sequence[Export]:
        found: list[Export] = []
        hours = await self._tables.rows(
            "SELECT hour FROM export_hours WHERE kind = 'ready' AND hour <= ?", time_ms // _HOUR_MS
        )
        for (hour,) in hours:
            found += await self._ready_in(hour, time_ms, limit=limit - len(found))
            if len(found) == limit:
                break
        return found

    async def remove(self, user_id: int, export_id: int) -> None:
        async def forget(write: Write) -> None:
            current = await _one(self._tables, user_id)
            if current is not None and current.id == export_id:
                await remove(self._tables, write, user_id)
                _emit(write, current)

        await self._in_turn(user_id, forget)

    async def _in_turn(self, user_id: int, decide: Callable[[Write], Awaitable[T]]) -> T:
        # An account's own turn: its deletion ends what is done to its export.
        return await self._writer.in_turn(records.turn(user_id), decide)

    async def _change(self, user_id: int, export_id: int, change: Callable[[Write, Export], Awaitable[None]]) -> bool:
        """Change an export that is running; False when that one isn't."""

        async def decide(write: Write) -> bool:
            current = await _one(self._tables, user_id)
            if current is None or current.id != export_id or current.state is not ExportState.RUNNING:
                return False
            await change(write, current)
            return True

        return await self._in_turn(user_id, decide)

    async def _ready_in(self, hour: int, time_ms: int, *, limit: int) -> Sequence[Export]:
        """Return an hour's ready exports, oldest first; an hour that was emptied is not looked at again."""
        rows = await self._tables.rows(
            "SELECT ready_ms, user_id FROM exports_ready WHERE hour = ? AND ready_ms < ? LIMIT ?", hour, time_ms, limit
        )
        settled = min(time_ms // _HOUR_MS, self._writer.clock.now_ms() // _HOUR_MS - _SETTLED_HOURS)
        if not rows and hour < settled:
            await self._forget_hour(hour)
        found = await self._tables.each(
            f"SELECT {_COLUMNS} FROM exports WHERE user_id = ?", [(user_id,) for _, user_id in rows]
        )
        exports = [_export(row) for each in found for row in each]
        return [each for each in exports if 0 < each.ready_ms < time_ms]

    async def _forget_hour(self, hour: int) -> None:
        async def forget(write: Write) -> None:
            write.remove("export_hours", kind="ready", hour=hour)

        await self._writer.commit(forget)


async def remove(tables: Tables, write: Write, user_id: int) -> None:
    """Remove a person's export, where there is one."""
    current = await _one(tables, user_id)
    if current is not None:
        write.remove("exports", user_id=user_id)
        _remove_place(write, current)


async def _one(tables: Tables, user_id: int) -> Export | None:
    row = await tables.one(f"SELECT {_COLUMNS} FROM exports WHERE user_id = ?", user_id)
    return None if row is None else _export(row)


def _put(write: Write, export: Export) -> None:
    write.put(
        "exports",
        user_id=export.user_id,
        id=export.id,
        state=int(export.state),
        progress_percent=export.progress_percent,
        size_bytes=export.size_bytes,
        requested_ms=export.requested_ms,
        ready_ms=export.ready_ms,
    )


def _remove_place(write: Write, export: Export) -> None:
    if export.ready_ms:
        place = {"hour": export.ready_ms // _HOUR_MS, "ready_ms": export.ready_ms, "user_id": export.user_id}
        write.remove("exports_ready", **place)


def _emit(write: Write, export: Export) -> None:
    user_id, kind = export.user_id, events_pb2.EVENT_TYPE_EXPORT_CHANGED
    write.emit(Event(type=kind, key=user_id, entity_id=export.id, actor_id=user_id, traceparent=traceparent()))


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
