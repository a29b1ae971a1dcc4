"""Lists that are paged by position, each cut into buckets one after the other, so that none grows for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from aviary import ids
from aviary.graph.store import Placed
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.writes import Write

# A new bucket is announced so long before its first position is minted that every write that is under way
# without knowing of it has a position below.
_AHEAD_MS = 60_000
# A write looks at so many boundaries, of which some may lie ahead.
_BOUNDARIES_READ = 8
_SKEW_US = 5_000_000
_FIRST = 0
_BEFORE_ALL, _AFTER_ALL = -1, ids.MAX_ID

_COLUMNS = "position, other, active, until_ms, mirror"
_NEWEST = (
    f"SELECT {_COLUMNS} FROM places WHERE entity = ? AND shelf = ? AND bucket = ?"
    " AND (position, other) < (?, ?) ORDER BY position DESC, other DESC LIMIT ?"
)
_OLDEST = (
    f"SELECT {_COLUMNS} FROM places WHERE entity = ? AND shelf = ? AND bucket = ?"
    " AND (position, other) > (?, ?) ORDER BY position ASC, other ASC LIMIT ?"
)


class Shelf(IntEnum):
    """What a list holds of its entity, a person or a list of people. The one after an odd one is its other end."""

    FOLLOWING = 1
    FOLLOWERS = 2
    MUTES = 3
    MUTED_BY = 4
    BLOCKS = 5
    BLOCKED_BY = 6
    ASKS = 7
    ASKED_BY = 8
    # Of a list of people, and of a person.
    MEMBERS = 9
    MEMBERSHIPS = 10
    LIST_FOLLOWERS = 11
    FOLLOWED_LISTS = 12

    @property
    def is_own(self) -> bool:
        """Tell whether it holds what its entity did, not what was done to it."""
        return self % 2 == 1

    @property
    def other_end(self) -> Shelf:
        return Shelf(self + 1 if self.is_own else self - 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a shelf, in its bucket; `mirror` is the bucket of its other end."""

    bucket: int
    position: int
    other: int
    active: bool
    until_ms: int
    mirror: int

    @property
    def placed(self) -> Placed:
        return Placed(self.position, self.other)


class Boundaries:
    """Where the newest buckets of a shelf begin, as a write read them."""

    def __init__(self, starts: Sequence[int]) -> None:
        self._starts = starts

    def bucket(self, position: int) -> int:
        """Return the bucket of a position that was minted by now."""
        return next((start for start in self._starts if start <= position), _FIRST)


class Places:
    """The shelves of everybody."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def boundaries(self, entity: int, shelf: Shelf) -> Boundaries:
        """Return what a write must know to place a row."""
        rows = await self._tables.rows(
            f"SELECT start FROM boundaries WHERE entity = ? AND shelf = ? LIMIT {_BOUNDARIES_READ}", entity, shelf
        )
        return Boundaries([start for (start,) in rows])

    async def one(self, entity: int, shelf: Shelf, position: int, other: int) -> Place | None:
        """Return a row that somebody else named."""
        bucket = await self.bucket(entity, shelf, position)
        row = await self._tables.one(
            f"SELECT {_COLUMNS} FROM places"
            " WHERE entity = ? AND shelf = ? AND bucket = ? AND position = ? AND other = ?",
            *(entity, shelf, bucket, position, other),
        )
        return None if row is None else _place(bucket, row)

    async def newest(
        self, entity: int, shelf: Shelf, *, below: int, limit: int, shown: Callable[[Place], bool] | None = None
    ) -> list[Placed]:
        """Return up to `limit` active rows below a position, newest first."""
        found: list[Placed] = []
        async for rows in self._falling(entity, shelf, below, limit):
            found += [each.placed for each in rows if each.active and (shown is None or shown(each))]
            if len(found) >= limit:
                break
        return found[:limit]

    async def oldest(self, entity: int, shelf: Shelf, *, after: int, limit: int) -> list[Place]:
        """Return up to `limit` active rows above a position, oldest first."""
        found: list[Place] = []
        async for rows in self.rising(entity, shelf, after=after, step=limit):
            found += [each for each in rows if each.active]
            if len(found) >= limit:
                break
        return found[:limit]

    async def rising(self, entity: int, shelf: Shelf, *, after: int = 0, step: int) -> AsyncIterator[Sequence[Place]]:
        """Yield all rows above a position, undone ones too, oldest first and at most `step` at a time."""
        # From the beginning on nobody needs to be asked where that is.
        bucket: int | None = await self.bucket(entity, shelf, after + 1) if after else _FIRST
        last = (after, _AFTER_ALL)
        while bucket is not None:
            rows = await self._tables.rows(_OLDEST, entity, shelf, bucket, *last, step)
            if rows:
                yield [_place(bucket, row) for row in rows]
                last = rows[-1][0], rows[-1][1]
            if len(rows) < step:
                bucket = await self._next(entity, shelf, bucket)

    async def bucket(self, entity: int, shelf: Shelf, position: int) -> int:
        """Return the bucket that holds a position."""
        row = await self._tables.one(
            "SELECT start FROM boundaries WHERE entity = ? AND shelf = ? AND start <= ? LIMIT 1",
            entity,
            shelf,
            position,
        )
        return row[0] if row else _FIRST

    async def announce(self, entity: int, shelf: Shelf, *, now_ms: int, most: int) -> bool:
        """Let a bucket follow the newest when that holds more than `most` rows; tell whether one was announced."""
        newest = await self.bucket(entity, shelf, _AFTER_ALL)
        if newest > ids.first_at(now_ms):
            return False
        ((held,),) = await self._tables.rows(
            "SELECT count(*) FROM places WHERE entity = ? AND shelf = ? AND bucket = ?", entity, shelf, newest
        )
        if held <= most:
            return False
        await self._tables.rows(
            "INSERT INTO boundaries (entity, shelf, start) VALUES (?, ?, ?)",
            *(entity, shelf, ids.first_at(now_ms + _AHEAD_MS)),
        )
        return True

    async def _falling(self, entity: int, shelf: Shelf, below: int, step: int) -> AsyncIterator[Sequence[Place]]:
        bucket = await self.bucket(entity, shelf, below - 1)
        last = (below, _BEFORE_ALL)
        while True:
            rows = await self._tables.rows(_NEWEST, entity, shelf, bucket, *last, step)
            if rows:
                yield [_place(bucket, row) for row in rows]
                last = rows[-1][0], rows[-1][1]
            if len(rows) < step:
                if bucket == _FIRST:
                    return
                bucket = await self.bucket(entity, shelf, bucket - 1)

    async def _next(self, entity: int, shelf: Shelf, bucket: int) -> int | None:
        row = await self._tables.one(
            "SELECT start FROM boundaries WHERE entity = ? AND shelf = ? AND start > ? ORDER BY start ASC LIMIT 1",
            *(entity, shelf, bucket),
        )
        return row[0] if row else None


def put(write: Write, entity: int, shelf: Shelf, place: Place) -> None:
    """Put a row at both its ends, or change it there."""
    state = {"position": place.position, "active": place.active, "until_ms": place.until_ms}
    here, there = place.bucket, place.mirror
    write.put("places", entity=entity, shelf=shelf, bucket=here, other=place.other, mirror=there, **state)
    write.put("places", entity=place.other, shelf=shelf.other_end, bucket=there, other=entity, mirror=here, **state)


def clear(write: Write, entity: int, shelf: Shelf, place: Place) -> None:
    """Undo a row at both its ends for ever: its position is never given again."""
    stamp = for_good(write)
    here = {"entity": entity, "shelf": shelf, "bucket": place.bucket, "other": place.other}
    there = {"entity": place.other, "shelf": shelf.other_end, "bucket": place.mirror, "other": entity}
    for end in (here, there):
        write.put("places", stamp=stamp, position=place.position, active=False, **end)


def remove(write: Write, entity: int, shelf: Shelf, place: Place) -> None:
    """Delete a row at both its ends, for one of them is gone."""
    ends = ((entity, shelf, place.bucket, place.other), (place.other, shelf.other_end, place.mirror, entity))
    for one, end, bucket, other in ends:
        key = {"entity": one, "shelf": end, "bucket": bucket, "position": place.position, "other": other}
        write.remove("places", stamp=for_good(write), **key)


def for_good(write: Write) -> int:
    """Return a timestamp for what is removed and not put again, above what a faster clock wrote."""
    return write.at_us + _SKEW_US


def _place(bucket: int, row: Sequence[int]) -> Place:
    position, other, active, until_ms, mirror = row
    return Place(bucket, position, other, bool(active), until_ms or 0, mirror or 0)
