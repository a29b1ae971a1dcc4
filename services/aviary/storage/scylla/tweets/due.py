"""What has a time of its own, in order of time: polls that end, tweets to publish, deleted tweets to remove."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aviary import ids
from aviary.storage.scylla.writes import Write, Writer

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
# What one time's rows are spread over.
_SHARDS = 4
# Of buckets read at once.
_STRETCH = 64
# A write that was begun lands within this, unless its process died.
_LANDS_MS = 2 * _MINUTE_MS
# Whoever finishes the write of a process that died does so within the life of its claim or turn.
_FINISHED_MS = 26 * _HOUR_MS
# Every so many looks, so many old buckets are looked at beside the new ones: in some ten minutes all have been.
_SWEEP_EVERY = 16
_SWEPT = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """Something and its time; `owner_id` is the person it belongs to, 0 where nobody needs to know."""

    due_ms: int
    id: int
    owner_id: int


@dataclass(frozen=True, slots=True)
class Diary:
    """The times of one kind of thing, cut into buckets of `width_ms`."""

    kind: str
    width_ms: int

    def put(self, write: Write, due_ms: int, thing: int, *, owner_id: int = 0) -> None:
        """Note a thing; at a moment that is past it is due at once, and has to be noted as of now."""
        key = self._key(due_ms, thing)
        write.put("diary", **key, owner_id=owner_id)
        write.put("diary_buckets", kind=self.kind, day=due_ms // _DAY_MS, bucket=key["bucket"])

    def remove(self, write: Write, due_ms: int, thing: int) -> None:
        """Take a thing off; harmless when it isn't there."""
        write.remove("diary", **self._key(due_ms, thing))

    def _key(self, due_ms: int, thing: int) -> dict[str, Any]:
        bucket, shard = due_ms // self.width_ms, ids.spread(thing, _SHARDS)
        return {"kind": self.kind, "bucket": bucket, "shard": shard, "due_ms": due_ms, "id": thing}


POLLS = Diary("poll", _MINUTE_MS)
SCHEDULED = Diary("scheduled", _MINUTE_MS)
# By the time of the deletion.
DELETED = Diary("deleted", 10 * _MINUTE_MS)


class Reader:
    """Reads a diary from where nothing is left before.

    That place is stored, so that what fell due while nobody read is found, and
    a look reads two or three buckets, those alone that ever held something. It
    stays behind the present by what a write may take. What lands later still,
    for its process died and another finished its write, is found on a round
    through the last day's buckets.
    """

    def __init__(self, writer: Writer, diary: Diary) -> None:
        self._tables = writer.tables
        self._clock = writer.clock
        self._diary = diary
        # Of the first bucket that may hold anything; None until it was read.
        self._low: int | None = None
        self._looks = 0
        self._swept = 0

    async def first(self, until_ms: int, *, limit: int) -> Sequence[Entry]:
        """Return up to `limit` things that are due at `until_ms`, longest due first."""
        low, last = await self._lowest(), until_ms // self._diary.width_ms
        old, new = await self._read(await self._old(low), until_ms, limit), list[Entry]()
        buckets = await self._holding(low, last)
        for start in range(0, len(buckets), _STRETCH):
            entries = await self._read(buckets[start : start + _STRETCH], until_ms, limit)
            if entries and not new:
                await self._passed(entries[0].due_ms // self._diary.width_ms)
            new += entries
            if len(new) >= limit:
                break
        if not new:
            await self._passed(last + 1)
        return [*old, *new][:limit]

    async def _old(self, low: int) -> Sequence[int]:
        """Return the next few buckets of the round below `low`, now and then."""
        self._looks += 1
        if self._looks % _SWEEP_EVERY != 1 % _SWEEP_EVERY:
            return []
        buckets = await self._holding((self._clock.now_ms() - _FINISHED_MS) // self._diary.width_ms, low - 1)
        begin = self._swept if self._swept < len(buckets) else 0
        self._swept = begin + _SWEPT
        return buckets[begin : begin + _SWEPT]

    async def _holding(self, low: int, high: int) -> Sequence[int]:
        """Return the buckets from `low` to `high` that ever held something, in order of time."""
        days = range(low * self._diary.width_ms // _DAY_MS, high * self._diary.width_ms // _DAY_MS + 1)
        statement = "SELECT bucket FROM diary_buckets WHERE kind = ? AND day = ? AND bucket >= ? AND bucket <= ?"
        rows = await self._tables.each(statement, [(self._diary.kind, day, low, high) for day in days])
        return [bucket for (bucket,) in itertools.chain.from_iterable(rows)]

    async def _read(self, buckets: Iterable[int], until_ms: int, limit: int) -> list[Entry]:
        rows = await self._tables.each(
            "SELECT due_ms, id, owner_id FROM diary"
            " WHERE kind = ? AND bucket = ? AND shard = ? AND due_ms <= ? LIMIT ?",
            [(self._diary.kind, bucket, shard, until_ms, limit) for bucket in buckets for shard in range(_SHARDS)],
        )
        return [Entry(*each) for each in sorted(itertools.chain.from_iterable(rows))][:limit]

    async def _lowest(self) -> int:
        if self._low is None:
            row = await self._tables.one("SELECT at_ms FROM diary_read WHERE kind = ?", self._diary.kind)
            # Before the first look there is nothing older than the tables.
            at_ms = int(row[0]) if row else await self._born_ms()
            self._low = at_ms // self._diary.width_ms
        return self._low

    async def _born_ms(self) -> int:
        row = await self._tables.one("SELECT writetime(version) FROM schema_version WHERE name = 'born'")
        return int(row[0]) // 1_000 - _HOUR_MS if row else 0

    async def _passed(self, bucket: int) -> None:
        """Note that nothing is left below `bucket`, as far as no write can be on its way there."""
        bucket = min(bucket, (self._clock.now_ms() - _LANDS_MS) // self._diary.width_ms)
        if self._low is None or bucket > self._low:
            at_ms = bucket * self._diary.width_ms
            await self._tables.rows("INSERT INTO diary_read (kind, at_ms) VALUES (?, ?)", self._diary.kind, at_ms)
            self._low = bucket
