"""Events beside the rows that they speak of, until a relay has published them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aviary import ids
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.tables import Statement, Tables

# What a service's events are spread over; order is kept within a shard, and so for one key.
SHARDS = 8
_MINUTE_MS = 60_000
_ALL = f"({', '.join(map(str, range(SHARDS)))})"
_AT_ONCE = 500
# How the statement begins that `row` becomes, and where in its values the event is.
_PUT, _BODY = "INSERT INTO outbox (shard, minute, event_id, body)", 3


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is in the outbox, encoded."""

    shard: int
    event_id: int
    body: bytes
    # Its writer lived to tell of it.
    is_told: bool = False


def shard_of(key: int) -> int:
    """Return the shard of an event's key."""
    return ids.spread(key, SHARDS)


def minute_of(event_id: int) -> int:
    """Return the minute, since the Unix epoch, in which an event was minted."""
    return ids.time_ms(event_id) // _MINUTE_MS


def row(event: Event) -> dict[str, Any]:
    """Return the columns of an event's row."""
    return {
        "shard": shard_of(event.key),
        "minute": minute_of(event.id),
        "event_id": event.id,
        "body": event.SerializeToString(),
    }


def bodies(statements: Iterable[Statement]) -> Sequence[bytes]:
    """Return the encoded events among the statements of a write."""
    return [values[_BODY] for cql, values in statements if cql.startswith(_PUT)]


class Outbox:
    """The outbox of one service, as a relay reads it: a minute of all shards at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def recent(self, minute: int, after: int) -> Sequence[Pending]:
        """Return the events of a minute above an id that aren't marked as published; within a shard, oldest first."""
        rows = await self._tables.rows(
            "SELECT shard, event_id, body, published FROM outbox"
            f" WHERE shard IN {_ALL} AND minute = ? AND event_id > ?",
            minute,
            after,
        )
        return [Pending(shard, event_id, body) for shard, event_id, body, published in rows if not published]

    async def late(self, minute: int) -> Sequence[Pending]:
        """Return all of a minute's events that aren't marked; reads no more than ids of those that are."""
        missed: defaultdict[int, list[int]] = defaultdict(list)
        for shard, event_id in await self._unmarked(minute):
            missed[shard].append(event_id)
        found = await self._tables.each(
            "SELECT shard, event_id, body FROM outbox WHERE shard = ? AND minute = ? AND event_id IN ?",
            [
                (shard, minute, event_ids[start : start + _AT_ONCE])
                for shard, event_ids in missed.items()
                for start in range(0, len(event_ids), _AT_ONCE)
            ],
        )
        return [Pending(*row) for rows in found for row in rows if row[2] is not None]

    async def waiting(self, minute: int) -> int:
        """Return how many of a minute's events aren't marked."""
        return len(await self._unmarked(minute))

    async def mark(self, events: Iterable[Pending]) -> None:
        """Say that these events are in the log."""
        every = sorted(events, key=lambda each: (each.shard, each.event_id))
        for start in range(0, len(every), _AT_ONCE):
            rows: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
            for each in every[start : start + _AT_ONCE]:
                rows[each.shard, minute_of(each.event_id)].append(each.event_id)
            statement = "UPDATE outbox SET published = true WHERE shard = ? AND minute = ? AND event_id IN ?"
            await self._tables.together([(statement, (*key, event_ids)) for key, event_ids in rows.items()])

    async def _unmarked(self, minute: int) -> list[tuple[int, int]]:
        rows = await self._tables.rows(
            f"SELECT shard, event_id, published FROM outbox WHERE shard IN {_ALL} AND minute = ?", minute
        )
        return [(shard, event_id) for shard, event_id, published in rows if not published]
