"""Events beside the rows that they speak of, until a relay has published them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aviary import ids
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.tables import Tables

# What a service's events are spread over; order is kept within a shard, and so for one key.
SHARDS = 16
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is in the outbox, encoded."""

    event_id: int
    body: bytes


def shard_of(key: int) -> int:
    """Return the shard of an event's key."""
    return key % SHARDS


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


class Outbox:
    """The outbox of one service, as a relay reads it."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def pending(self, shard: int, minute: int, *, limit: int = 5_000) -> Sequence[Pending]:
        """Return the events of a bucket that were not marked as published, oldest first. Reads the bucket."""
        rows = await self._tables.rows(
            "SELECT event_id, body, published FROM outbox WHERE shard = ? AND minute = ?", shard, minute
        )
        return [Pending(event_id, body) for event_id, body, published in rows if not published][:limit]

    async def mark(self, shard: int, minute: int, event_ids: Sequence[int]) -> None:
        """Say that these events are in the log."""
        marked = "INSERT INTO outbox (shard, minute, event_id, published) VALUES (?, ?, ?, true)"
        for start in range(0, len(event_ids), 100):
            await self._tables.together([(marked, (shard, minute, each)) for each in event_ids[start : start + 100]])
