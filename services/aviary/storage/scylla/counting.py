"""Counters as sums over sets, so that a change that comes twice, or late, counts once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Statement, Tables
from aviary.storage.scylla.writes import Write

# What an entity's members are spread over; ten million of them make partitions of some 40 MB.
_BUCKETS = 16
# What one person makes is never so much, and each bucket is a partition to read whenever anything is counted.
_OF_ONE_PERSON = {"following", "received", "tweets"}

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
# A bucket's sum comes with any of its rows, and this one, which is nobody's, each of them has: so a sum and the members
# that change are one read.
_NOBODY = -1
PUT_TOTAL = (
    "INSERT INTO counted (entity, kind, bucket, member, value, total)"
    f" VALUES (?, ?, ?, {_NOBODY}, 0, ?) USING TIMESTAMP ?"
)
_REMOVE_MEMBER = "DELETE FROM counted USING TIMESTAMP ? WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?"
_PUT_COUNT = "INSERT INTO counts (entity, kind, n) VALUES (?, ?, ?) USING TIMESTAMP ?"

_HELD = (
    "SELECT bucket, member, value, version, total FROM counted"
    " WHERE entity = ? AND kind = ? AND bucket IN ? AND member IN ?"
)

# Entity and kind.
_Set = tuple[int, str]

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
        # Sixty look-ups one by one cost this process 14 ms, named in one query 1 ms.
        keys = [(some,) for some in pieces(found)]
        for rows in await self._tables.each("SELECT entity, kind, n FROM counts WHERE entity IN ?", keys):
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
        bucket's sum are one write of one partition, and the count is the sum of
        the buckets, so that a replay from any point changes nothing.
        """
        sets: dict[_Set, list[Change]] = defaultdict(list)
        for change in changes:
            sets[change.entity, change.kind].append(change)
        counted = await asyncio.gather(*(self._put(of, each, at_us) for of, each in sets.items()))
        return dict(zip(sets, counted, strict=True))

    async def sum(self, entity: int, kind: str, *, at_us: int) -> int:
        """Add up an entity's buckets, store the count and return it."""
        totals, _ = await self._held((entity, kind), ())
        n = sum(totals.values())
        await self._tables.rows(_PUT_COUNT, entity, kind, n, at_us)
        return n

    async def _put(self, of: _Set, changes: Sequence[Change], at_us: int) -> int:
        """Put members of one set and its count, those of a bucket in one write of its partition; return the count."""
        totals, members = await self._held(of, [change.member for change in changes])
        for change in changes:
            value, version = members[change.member]
            if change.version >= version:
                members[change.member] = change.value, change.version
                totals[bucket_of(of[1], change.member)] += change.value - value
        gone = {change.member for change in changes if change.gone}
        n = sum(totals.values())
        # Also what changes nothing: the count may not have been stored before the last owner died.
        writes: dict[int, list[Statement]] = {}
        for member, state in members.items():
            place = (*of, bucket_of(of[1], member))
            if place[2] not in writes:
                writes[place[2]] = [(PUT_TOTAL, (*place, totals[place[2]], at_us))]
            writes[place[2]].append(
                (_REMOVE_MEMBER, (at_us, *place, member))
                if member in gone
                else (_PUT_MEMBER, (*place, member, *state, at_us, 0 if state[0] else _NOTHING_KEPT_S))
            )
        # The count goes with one of them; should that alone arrive, whoever counts this again finds it as it will be.
        next(iter(writes.values())).append((_PUT_COUNT, (*of, n, at_us)))
        await asyncio.gather(*(self._tables.together(each) for each in writes.values()))
        return n

    async def _held(self, of: _Set, members: Sequence[int]) -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
        """Return the sum of each bucket, and the value and version of members; a new one is older than any change."""
        totals = dict.fromkeys(buckets(of[1]), 0)
        found: dict[int, tuple[int, int]] = dict.fromkeys(members, (0, -1))
        keys = [(*of, list(totals), some) for some in pieces([_NOBODY, *found])]
        for rows in await self._tables.each(_HELD, keys):
            for bucket, member, value, version, total in rows:
                totals[bucket] = total or 0
                if member != _NOBODY:
                    found[member] = value or 0, version or 0
        return totals, found


async def written_us(tables: Tables, entity: int, kind: str) -> int:
    """Return the newest timestamp of a count and its buckets' sums: places in the log, not times."""
    sums, (count,) = await asyncio.gather(
        tables.each(
            "SELECT writetime(total) FROM counted WHERE entity = ? AND kind = ? AND bucket = ? LIMIT 1",
            [(entity, kind, bucket) for bucket in buckets(kind)],
        ),
        tables.each("SELECT writetime(n) FROM counts WHERE entity = ? AND kind = ?", [(entity, kind)]),
    )
    return max((row[0] or 0 for rows in (*sums, count) for row in rows), default=0)


def buckets(kind: str) -> Sequence[int]:
    """Return the buckets that the members of a set of this kind are in."""
    return range(1 if kind in _OF_ONE_PERSON else _BUCKETS)


def bucket_of(kind: str, member: int) -> int:
    """Return the bucket that a member is in."""
    return member % len(buckets(kind))


def forget(write: Write, entity: int, kinds: Iterable[str]) -> None:
    """Do away with the counts of an entity that is gone, and with what is counted late."""
    stamp = write.at_us + _SHADOW_US
    write.remove("counts", stamp=stamp, entity=entity)
    for kind in kinds:
        for bucket in buckets(kind):
            write.remove("counted", stamp=stamp, entity=entity, kind=kind, bucket=bucket)
