"""Counters as sums over sets, so that a change that comes twice, or late, counts once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.writes import Write

# What an entity's members are spread over; ten million of them make partitions of some 40 MB.
BUCKETS = 16

TABLES = (
    # Each member of what is counted with its weight, as of a version, and beside them the sum of the bucket.
    """CREATE TABLE IF NOT EXISTS counted (
        entity bigint, kind text, bucket int, member bigint,
        value int, version bigint, total bigint static,
        PRIMARY KEY ((entity, kind, bucket), member)
    )""",
    # The sums over the buckets, for those who read.
    """CREATE TABLE IF NOT EXISTS counts (
        entity bigint, kind text, n bigint, PRIMARY KEY (entity, kind)
    )""",
)
_PUT_MEMBER = (
    "INSERT INTO counted (entity, kind, bucket, member, value, version) VALUES (?, ?, ?, ?, ?, ?)"
    " USING TIMESTAMP ? AND TTL ?"
)
_PUT_TOTAL = "INSERT INTO counted (entity, kind, bucket, total) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_REMOVE_MEMBER = "DELETE FROM counted USING TIMESTAMP ? WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?"
_PUT_COUNT = "INSERT INTO counts (entity, kind, n) VALUES (?, ?, ?) USING TIMESTAMP ?"

# Of entities in one query; ScyllaDB refuses more than a hundred partitions.
_NAMED = 100

# Entity, kind and bucket: one partition.
_Place = tuple[int, str, int]


# A member that weighs nothing is remembered for as long as something older about it may still come, and no longer: it
# may be a person who was erased.
_NOTHING_KEPT_S = 7 * 86_400
# What is written to the counts of an entity that is gone has no effect for a day: its events are still on their way.
_SHADOW_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """What a member of an entity's set weighs as of a version: 1 for being in it, 0 for not."""

    entity: int
    kind: str
    member: int
    value: int
    version: int
    # The member leaves, and with its weight the row that names it.
    gone: bool = False


class Counts:
    """The counts as readers see them; they follow the log."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def of(self, entities: Sequence[int]) -> Mapping[int, Mapping[str, int]]:
        """Return all counts of each entity by kind; a kind that is not there is zero. One round of reads."""
        found: dict[int, dict[str, int]] = {each: {} for each in entities}
        asked = list(found)
        # Sixty look-ups one by one cost this process 14 ms, named in one query 1 ms.
        pieces = [(asked[start : start + _NAMED],) for start in range(0, len(asked), _NAMED)]
        for rows in await self._tables.each("SELECT entity, kind, n FROM counts WHERE entity IN ?", pieces):
            for entity, kind, n in rows:
                found[entity][kind] = n
        return found


class Counting:
    """Applies changes. Only the sole owner of an entity may, one change after the other."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def apply(self, changes: Iterable[Change], *, at_us: int) -> Mapping[tuple[int, str], int]:
        """Make the sets hold the changes, in their order, and return the counts after them by (entity, kind).

        `at_us` rises with the place in the log: what an owner that lost its
        part sends late stands below what its successor wrote. A row and its
        bucket's sum are one write of one partition, and the count is summed
        from the buckets, so that a replay from any point changes nothing.
        """
        places: dict[_Place, list[Change]] = defaultdict(list)
        for change in changes:
            places[change.entity, change.kind, change.member % BUCKETS].append(change)
        await asyncio.gather(*(self._put(place, each, at_us) for place, each in places.items()))
        counted = list(dict.fromkeys((entity, kind) for entity, kind, _ in places))
        sums = await asyncio.gather(*(self.sum(entity, kind, at_us=at_us) for entity, kind in counted))
        return dict(zip(counted, sums, strict=True))

    async def sum(self, entity: int, kind: str, *, at_us: int) -> int:
        """Add up an entity's buckets, store the count and return it."""
        totals = await self._tables.each(
            "SELECT total FROM counted WHERE entity = ? AND kind = ? AND bucket = ? LIMIT 1",
            [(entity, kind, bucket) for bucket in range(BUCKETS)],
        )
        n = sum(rows[0][0] or 0 for rows in totals if rows)
        await self._tables.rows(_PUT_COUNT, entity, kind, n, at_us)
        return n

    async def _put(self, place: _Place, changes: Sequence[Change], at_us: int) -> None:
        """Put members of one bucket, all in one write of its partition."""
        rows = await self._tables.each(
            "SELECT value, version FROM counted WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?",
            [(*place, change.member) for change in changes],
        )
        members = {
            change.member: (found[0][0] or 0, found[0][1] or 0) if found else (0, -1)
            for change, found in zip(changes, rows, strict=True)
        }
        total = await self._total(place)
        gone = {change.member for change in changes if change.gone}
        for change in changes:
            value, version = members[change.member]
            if change.version >= version:
                members[change.member] = change.value, change.version
                total += change.value - value
        # Also what changes nothing: the count may not have been stored before the last owner died.
        puts = [
            (_PUT_MEMBER, (*place, member, *state, at_us, 0 if state[0] else _NOTHING_KEPT_S))
            for member, state in members.items()
            if member not in gone
        ]
        removals = [(_REMOVE_MEMBER, (at_us, *place, member)) for member in gone]
        await self._tables.together([(_PUT_TOTAL, (*place, total, at_us)), *puts, *removals])

    async def _total(self, place: _Place) -> int:
        row = await self._tables.one(
            "SELECT total FROM counted WHERE entity = ? AND kind = ? AND bucket = ? LIMIT 1", *place
        )
        return int(row[0] or 0) if row else 0


def forget(write: Write, entity: int, kinds: Iterable[str]) -> None:
    """Do away with the counts of an entity that is gone, and with what is counted late."""
    stamp = write.at_us + _SHADOW_US
    write.remove("counts", stamp=stamp, entity=entity)
    for kind in kinds:
        for bucket in range(BUCKETS):
            write.remove("counted", stamp=stamp, entity=entity, kind=kind, bucket=bucket)
