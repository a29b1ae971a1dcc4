"""Drafts and scheduled tweets on ScyllaDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aviary import ids
from aviary.errors import NotFound, RateLimited
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.ids import MAX_ID
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import due
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets.drafts.store import Kept, Shelf
from aviary.tweets.store import Written

_COLUMNS = "id, user_id, body, publish_ms, failure, source, created_ms, updated_ms"
_BETWEEN = (
    "SELECT publish_ms, id FROM drafts_by_user WHERE user_id = ?"
    " AND (publish_ms, id) < (?, ?) AND (publish_ms, id) > (?, ?) LIMIT ?"
)
# What lies between these two is on a shelf.
_BOTTOM = {Shelf.DRAFTS: (0, 0), Shelf.SCHEDULED: (0, MAX_ID)}
_TOP = {Shelf.DRAFTS: (0, MAX_ID), Shelf.SCHEDULED: (MAX_ID, MAX_ID)}

_Place = tuple[int, int]


class ScyllaDraftStore:
    """Keeps DraftStore's promises. A person's are changed one after the other, so that shelves end where they shall."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables

    async def settled(self, claim: Claim) -> int | None:
        return await self._writer.settled(claim)

    async def create(
        self, user_id: int, body: bytes, *, publish_ms: int, source: str, most: int, claim: Claim | None
    ) -> Written:
        trace = traceparent()
        shelf = Shelf.SCHEDULED if publish_ms else Shelf.DRAFTS

        async def insert(write: Write) -> int:
            await self._refuse_beyond(shelf, user_id, most)
            kept_id = write.next_id()
            created_ms = ids.time_ms(kept_id)
            kept = Kept(
                id=kept_id,
                user_id=user_id,
                body=body,
                publish_ms=publish_ms,
                failure="",
                source=source,
                created_ms=created_ms,
                updated_ms=created_ms,
            )
            put(write, kept)
            write.emit(changed(user_id, kept_id, trace))
            return kept_id

        return Written(*await self._writer.once_in_turn(turns_of(user_id), claim, insert))

    async def get(self, shelf: Shelf, user_id: int, kept_id: int) -> Kept:
        return _own(await one(self._tables, kept_id), shelf, user_id, kept_id)

    async def drafts(self, user_id: int, page: PageRequest) -> Page[Kept]:
        kept, last = await self._page(Shelf.DRAFTS, user_id, (0, page.below), page.limit)
        return Page(kept, None if last is None else last[1])

    async def scheduled(self, user_id: int, page: PageRequest) -> Page[Kept]:
        kept, last = await self._page(Shelf.SCHEDULED, user_id, (page.below, page.hint), page.limit)
        return Page(kept, None) if last is None else Page(kept, *last)

    async def update(
        self, shelf: Shelf, user_id: int, kept_id: int, *, body: bytes | None, publish_ms: int | None
    ) -> Kept:
        trace = traceparent()

        async def write(new: Write) -> Kept:
            before = _own(await one(self._tables, kept_id), shelf, user_id, kept_id)
            kept = replace(
                before,
                body=before.body if body is None else body,
                publish_ms=before.publish_ms if publish_ms is None else publish_ms,
                failure="",
                updated_ms=new.now_ms(),
            )
            await move(self._tables, new, before, kept)
            new.emit(changed(user_id, kept_id, trace))
            return kept

        return await self._writer.in_turn(turns_of(user_id), write)

    async def delete(self, shelf: Shelf, user_id: int, kept_id: int) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            kept = _own(await one(self._tables, kept_id), shelf, user_id, kept_id)
            await remove(self._tables, new, kept)
            new.emit(changed(user_id, kept_id, trace))

        await self._writer.in_turn(turns_of(user_id), write)

    async def _refuse_beyond(self, shelf: Shelf, user_id: int, most: int) -> None:
        count = len(await _places(self._tables, user_id, shelf, below=_TOP[shelf], limit=most))
        if count >= most:
            raise RateLimited(f"{count} {shelf.value}s are kept, which is the limit; delete one first")

    async def _page(
        self, shelf: Shelf, user_id: int, below: _Place, limit: int
    ) -> tuple[Sequence[Kept], _Place | None]:
        """Return a page, and its last place when there is more behind it."""
        # One more than asked for tells whether there is.
        places = await _places(self._tables, user_id, shelf, below=min(below, _TOP[shelf]), limit=limit + 1)
        page, more = places[:limit], places[limit:]
        found = await many(self._tables, [kept_id for _, kept_id in page])
        # What was moved or published between the two reads is no longer where it stood.
        kept = [found[each] for at, each in page if each in found and found[each].publish_ms == at]
        return kept, page[-1] if more else None


def turns_of(user_id: int) -> str:
    """Return the turns in which a person's drafts and scheduled tweets change."""
    return f"drafts:{user_id}"


async def one(tables: Tables, kept_id: int) -> Kept | None:
    return (await many(tables, [kept_id])).get(kept_id)


async def many(tables: Tables, kept_ids: Sequence[int]) -> Mapping[int, Kept]:
    """Return what is kept under these ids; missing ones are left out. One round of reads."""
    answers = await tables.each(f"SELECT {_COLUMNS} FROM drafts WHERE id IN ?", [(some,) for some in pieces(kept_ids)])
    return {row[0]: _kept(row) for rows in answers for row in rows}


async def oldest(tables: Tables, user_id: int, shelf: Shelf, *, after: int, limit: int) -> Sequence[Kept]:
    """Return what is on a shelf by rising id above `after`. A shelf is small, so its places are read whole."""
    places = await _places(tables, user_id, shelf, below=_TOP[shelf], limit=None)
    wanted = sorted(kept_id for _, kept_id in places if kept_id > after)[:limit]
    found = await many(tables, wanted)
    return [found[each] for each in wanted if each in found]


def put(write: Write, kept: Kept) -> None:
    """Keep what is new."""
    write.put("drafts_by_user", user_id=kept.user_id, publish_ms=kept.publish_ms, id=kept.id)
    _put_row(write, kept, noted_ms=_note(write, kept))


async def move(tables: Tables, write: Write, before: Kept, kept: Kept) -> None:
    """Put what was changed, in its turn, where it belongs now."""
    if kept.publish_ms != before.publish_ms:
        write.remove("drafts_by_user", user_id=kept.user_id, publish_ms=before.publish_ms, id=kept.id)
        write.put("drafts_by_user", user_id=kept.user_id, publish_ms=kept.publish_ms, id=kept.id)
    noted_ms = await _noted_ms(tables, kept.id)
    stays = noted_ms and kept.publish_ms == before.publish_ms and not kept.failure
    if noted_ms and not stays:
        due.SCHEDULED.remove(write, noted_ms, kept.id)
    _put_row(write, kept, noted_ms=noted_ms if stays else _note(write, kept, besides=noted_ms))


async def remove(tables: Tables, write: Write, kept: Kept) -> None:
    """Forget it, in its turn."""
    if noted_ms := await _noted_ms(tables, kept.id):
        due.SCHEDULED.remove(write, noted_ms, kept.id)
    write.remove("drafts_by_user", user_id=kept.user_id, publish_ms=kept.publish_ms, id=kept.id)
    write.remove("drafts", id=kept.id)


def changed(user_id: int, kept_id: int, trace: str, *, actor_id: int | None = None) -> Event:
    """The event of any change; the platform itself is actor 0."""
    return Event(
        type=events_pb2.EVENT_TYPE_DRAFT_CHANGED,
        key=user_id,
        entity_id=kept_id,
        actor_id=user_id if actor_id is None else actor_id,
        traceparent=trace,
    )


def _note(write: Write, kept: Kept, *, besides: int = 0) -> int:
    """Note when to publish what waits, and return as of when; 0 for what doesn't wait."""
    if not kept.publish_ms or kept.failure:
        return 0
    # Nobody looks where nothing was left; and where a row is removed, this write cannot put it.
    noted_ms = max(kept.publish_ms, write.now_ms())
    noted_ms += noted_ms == besides
    due.SCHEDULED.put(write, noted_ms, kept.id, owner_id=kept.user_id)
    return noted_ms


def _put_row(write: Write, kept: Kept, *, noted_ms: int) -> None:
    write.put(
        "drafts",
        id=kept.id,
        user_id=kept.user_id,
        body=kept.body,
        publish_ms=kept.publish_ms,
        failure=kept.failure,
        source=kept.source,
        created_ms=kept.created_ms,
        updated_ms=kept.updated_ms,
        noted_ms=noted_ms,
    )


async def _noted_ms(tables: Tables, kept_id: int) -> int:
    """Return under which moment the diary has it, 0 for none."""
    row = await tables.one("SELECT noted_ms FROM drafts WHERE id = ?", kept_id)
    return int(row[0]) if row else 0


async def _places(tables: Tables, user_id: int, shelf: Shelf, *, below: _Place, limit: int | None) -> Sequence[_Place]:
    bounds = (user_id, *below, *_BOTTOM[shelf])
    if limit is None:
        rows = await tables.rows(_BETWEEN.removesuffix(" LIMIT ?"), *bounds)
    else:
        rows = await tables.rows(_BETWEEN, *bounds, limit)
    return [(publish_ms, kept_id) for publish_ms, kept_id in rows]


def _kept(row: Row) -> Kept:
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


def _own(kept: Kept | None, shelf: Shelf, user_id: int, kept_id: int) -> Kept:
    on_shelf = kept is not None and kept.user_id == user_id and (kept.publish_ms > 0) == (shelf is Shelf.SCHEDULED)
    if kept is None or not on_shelf:
        raise NotFound(f"there is no {shelf.value} {kept_id}")
    return kept
