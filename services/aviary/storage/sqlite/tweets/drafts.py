"""Drafts and scheduled tweets on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aviary import ids
from aviary.errors import NotFound, RateLimited
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction, settled
from aviary.tweets.drafts.store import Kept, Shelf
from aviary.tweets.store import Written

COLUMNS = "id, user_id, body, publish_ms, failure, source, created_ms, updated_ms"
ON_SHELF = {Shelf.DRAFTS: "publish_ms = 0", Shelf.SCHEDULED: "publish_ms > 0"}


class SqliteDraftStore:
    """Keeps DraftStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settled(self, claim: Claim) -> int | None:
        return await self._database.read(lambda connection: settled(connection, claim))

    async def create(
        self, user_id: int, body: bytes, *, publish_ms: int, source: str, most: int, claim: Claim | None
    ) -> Written:
        trace = traceparent()
        shelf = Shelf.SCHEDULED if publish_ms else Shelf.DRAFTS

        def insert(tx: Transaction) -> int:
            _refuse_beyond(tx, shelf, user_id, most)
            kept_id = tx.next_id()
            created_ms = ids.time_ms(kept_id)
            tx.execute(
                f"INSERT INTO drafts ({COLUMNS}) VALUES (?, ?, ?, ?, '', ?, ?, ?)",
                (kept_id, user_id, body, publish_ms, source, created_ms, created_ms),
            )
            tx.emit(changed(user_id, kept_id, trace))
            return kept_id

        def write(tx: Transaction) -> Written:
            return Written(*tx.once(claim, lambda: insert(tx)))

        return await self._database.write(write)

    async def get(self, shelf: Shelf, user_id: int, kept_id: int) -> Kept:
        row = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {COLUMNS} FROM drafts WHERE id = ? AND user_id = ? AND {ON_SHELF[shelf]}", (kept_id, user_id)
            ).fetchone()
        )
        return _found(row, shelf, kept_id)

    async def drafts(self, user_id: int, page: PageRequest) -> Page[Kept]:
        rows = await self._rows("publish_ms = 0 AND id < ? ORDER BY id DESC", user_id, page.limit, [page.below])
        return _page(rows, page.limit, lambda last: (last.id, 0))

    async def scheduled(self, user_id: int, page: PageRequest) -> Page[Kept]:
        rows = await self._rows(
            "publish_ms > 0 AND (publish_ms, id) < (?, ?) ORDER BY publish_ms DESC, id DESC",
            user_id,
            page.limit,
            [page.below, page.hint],
        )
        return _page(rows, page.limit, lambda last: (last.publish_ms, last.id))

    async def update(
        self, shelf: Shelf, user_id: int, kept_id: int, *, body: bytes | None, publish_ms: int | None
    ) -> Kept:
        trace = traceparent()

        def write(tx: Transaction) -> Kept:
            row = tx.execute(
                "UPDATE drafts SET body = coalesce(?, body), publish_ms = coalesce(?, publish_ms), failure = '',"
                f" updated_ms = ? WHERE id = ? AND user_id = ? AND {ON_SHELF[shelf]} RETURNING {COLUMNS}",
                (body, publish_ms, tx.now_ms(), kept_id, user_id),
            ).fetchone()
            kept = _found(row, shelf, kept_id)
            tx.emit(changed(user_id, kept_id, trace))
            return kept

        return await self._database.write(write)

    async def delete(self, shelf: Shelf, user_id: int, kept_id: int) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            deleted = f"DELETE FROM drafts WHERE id = ? AND user_id = ? AND {ON_SHELF[shelf]}"
            if not tx.execute(deleted, (kept_id, user_id)).rowcount:
                raise _missing(shelf, kept_id)
            tx.emit(changed(user_id, kept_id, trace))

        await self._database.write(write)

    async def _rows(self, where: str, user_id: int, limit: int, bounds: Sequence[int]) -> Sequence[Kept]:
        statement = f"SELECT {COLUMNS} FROM drafts WHERE user_id = ? AND {where} LIMIT ?"
        # One more than asked for tells whether there is more.
        rows = await self._database.read(
            lambda connection: connection.execute(statement, (user_id, *bounds, limit + 1)).fetchall()
        )
        return [kept_of(row) for row in rows]


def kept_of(row: tuple[Any, ...]) -> Kept:  # typed by the columns
    """Read one row of COLUMNS."""
    return Kept(
        id=row[0],
        user_id=row[1],
        body=row[2],
        publish_ms=row[3],
        failure=row[4],
        source=row[5],
        created_ms=row[6],
        updated_ms=row[7],
    )


def changed(user_id: int, kept_id: int, trace: str, *, actor_id: int | None = None) -> Event:
    """The event of any change; the platform itself is actor 0."""
    return Event(
        type=events_pb2.EVENT_TYPE_DRAFT_CHANGED,
        key=user_id,
        entity_id=kept_id,
        actor_id=user_id if actor_id is None else actor_id,
        traceparent=trace,
    )


def _refuse_beyond(tx: Transaction, shelf: Shelf, user_id: int, most: int) -> None:
    (count,) = tx.execute(f"SELECT count(*) FROM drafts WHERE user_id = ? AND {ON_SHELF[shelf]}", (user_id,)).fetchone()
    if count >= most:
        raise RateLimited(f"{count} {shelf.value}s are kept, which is the limit; delete one first")


def _page(rows: Sequence[Kept], limit: int, position: Callable[[Kept], tuple[int, int]]) -> Page[Kept]:
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], *position(rows[limit - 1]))


def _found(row: tuple[Any, ...] | None, shelf: Shelf, kept_id: int) -> Kept:
    if row is None:
        raise _missing(shelf, kept_id)
    return kept_of(row)


def _missing(shelf: Shelf, kept_id: int) -> NotFound:
    return NotFound(f"there is no {shelf.value} {kept_id}")
