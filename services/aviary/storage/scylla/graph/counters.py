"""The graph's counters held against its relations on ScyllaDB or Cassandra."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aviary.storage.scylla import counting
from aviary.storage.scylla.counting import Change, Counting
from aviary.storage.scylla.graph import roles
from aviary.storage.scylla.graph.counting import FOLLOWERS, FOLLOWING, ROLE_COUNTS
from aviary.storage.scylla.graph.places import Places, Shelf
from aviary.storage.scylla.graph.roles import Role
from aviary.storage.scylla.tables import Row
from aviary.storage.scylla.writes import Writer
from aviary.upkeep.store import Drift, Recount

_AT_ONCE = 500
# Counts follow the log: what is younger may not have come through it yet.
_SETTLED_S = 60
# Where partitions stand: walked in order, and passed on as numbers above 0.
_LOWEST = -(2**63)
_COUNTED = (
    "SELECT member, value, version, total FROM counted"
    " WHERE entity = ? AND kind = ? AND bucket = ? AND member > ? LIMIT ?"
)
_FOLLOW = "SELECT active, writetime(active) FROM edges WHERE owner = ? AND kind = 2 AND member = ?"
_ROLE = "SELECT active, writetime(active) FROM roles WHERE list_id = ? AND user_id = ? AND role = ?"


@dataclass(frozen=True, slots=True)
class _Counter:
    """One counter: what its count is called, the shelf whose rows it counts, and where the truth about each is."""

    column: str
    kind: str
    shelf: Shelf
    truth: str
    # Of an entity and a member, the truth's key.
    key: Callable[[int, int], tuple[int, ...]]


def _key_of(role: Role) -> Callable[[int, int], tuple[int, ...]]:
    return lambda entity, member: (entity, member, role)


_COUNTERS: Mapping[str, Sequence[_Counter]] = {
    "accounts": (
        _Counter("followers", FOLLOWERS, Shelf.FOLLOWERS, _FOLLOW, lambda entity, member: (member, entity)),
        _Counter("following", FOLLOWING, Shelf.FOLLOWING, _FOLLOW, lambda entity, member: (entity, member)),
    ),
    "lists": tuple(
        _Counter(
            column,
            ROLE_COUNTS[role],
            roles.SHELVES[role],
            _ROLE,
            _key_of(role),
        )
        for column, role in (("members", Role.MEMBER), ("followers", Role.FOLLOWER))
    ),
}


@dataclass(slots=True)
class _Held:
    """A counter as it is stored and as it should be, with what to put right."""

    stored: int = 0
    counted: int = 0
    # The newest change that was counted.
    newest_us: int = 0
    # Members that are counted wrongly, as they should be.
    wrong: list[Change] = field(default_factory=list)
    # Buckets whose sum is not that of their members, and what it should be.
    unsummed: dict[int, int] = field(default_factory=dict)


class ScyllaCounterStore:
    """Keeps CounterStore's promises.

    A member that was turned since `settled_us` is taken as it is counted: its
    event may be on its way. Entities come in the order of their partitions.
    """

    def __init__(self, writer: Writer, settled_us: Callable[[], int] | None = None) -> None:
        self._tables = writer.tables
        self._places = Places(writer.tables)
        self._counting = Counting(writer.tables)
        self._counts = counting.Counts(writer.tables)
        self._settled_us = settled_us or _long_ago

    @property
    def groups(self) -> Sequence[str]:
        return list(_COUNTERS)

    async def recount(self, group: str, *, after: int, limit: int) -> Recount:
        before = after + _LOWEST - 1 if after else None
        tokens = await self._partitions(before, limit)
        counters = {each.shelf: each for each in _COUNTERS[group]}
        examined, drifts = 0, list[Drift]()
        for _token, entity, shelf, bucket in tokens:
            # Each shelf once: all have a first bucket.
            if bucket == 0 and shelf in counters:
                examined += 1
                drifts += await self._compare(group, counters[Shelf(shelf)], entity)
        return Recount(examined, drifts, tokens[-1][0] - _LOWEST + 1 if len(tokens) == limit else None)

    async def repair(self, drift: Drift) -> bool:
        group, _, column = drift.counter.partition(".")
        (counter,) = [each for each in _COUNTERS[group] if each.column == column]
        held = await self._held(counter, drift.entity_id)
        if held.stored == held.counted:
            return False
        # Just above what the owner wrote, whose next write stands above this again.
        at_us = await counting.written_us(self._tables, drift.entity_id, counter.kind) + 1
        for bucket, total in held.unsummed.items():
            await self._tables.rows(counting.PUT_TOTAL, drift.entity_id, counter.kind, bucket, total, at_us)
        await self._counting.apply(held.wrong, at_us=at_us + 1)
        await self._counting.sum(drift.entity_id, counter.kind, at_us=at_us + 1)
        return True

    async def _partitions(self, before: int | None, limit: int) -> list[Row]:
        """Return the next partitions of all shelves: the token, the entity, the shelf and the bucket of each."""
        columns = "entity, shelf, bucket"
        walked = f"SELECT DISTINCT token({columns}), {columns} FROM places"
        if before is None:
            return await self._tables.rows(f"{walked} LIMIT ?", limit)
        return await self._tables.rows(f"{walked} WHERE token({columns}) > ? LIMIT ?", before, limit)

    async def _compare(self, group: str, counter: _Counter, entity: int) -> list[Drift]:
        held = await self._held(counter, entity)
        if held.stored == held.counted:
            return []
        name = f"{group}.{counter.column}"
        return [Drift(counter=name, entity_id=entity, stored=held.stored, counted=held.counted)]

    async def _held(self, counter: _Counter, entity: int) -> _Held:
        """Hold what is counted against the truth, and the truth against what is counted, some members at a time."""
        held, settled_us = _Held(), self._settled_us()
        stored = (await self._counts.of([entity])).get(entity, {}).get(counter.kind, 0)
        for bucket in counting.buckets(counter.kind):
            await self._counted(held, counter, (entity, counter.kind, bucket), settled_us)
        async for rows in self._places.rising(entity, counter.shelf, step=_AT_ONCE):
            await self._missing(held, counter, entity, [each.other for each in rows if each.active], settled_us)
        summed = held.counted
        held.counted += sum(2 * each.value - 1 for each in held.wrong)
        # While changes come the sum is stored after each of them, and may be a moment behind.
        held.stored = stored if held.newest_us < settled_us else summed
        return held

    async def _counted(self, held: _Held, counter: _Counter, place: tuple[int, str, int], settled_us: int) -> None:
        """Add up one bucket, and find those in it who should not be."""
        summed, totals, after, is_more = 0, set[int](), -1, True
        while is_more:
            rows = await self._tables.rows(_COUNTED, *place, after, _AT_ONCE)
            members = [(member, version) for member, value, version, _ in rows if value]
            summed += len(members)
            totals.update(total or 0 for *_, total in rows)
            held.newest_us = max([held.newest_us, *(version or 0 for _, _, version, _ in rows)])
            truth = await self._truth(counter, place[0], [member for member, _ in members])
            for (member, version), (active, at_us) in zip(members, truth, strict=True):
                if not active and max(at_us, version) < settled_us:
                    held.wrong.append(Change(place[0], counter.kind, member, 0, max(at_us, version)))
            if is_more := len(rows) == _AT_ONCE:
                after = rows[-1][0]
        held.counted += summed
        # One that changed meanwhile is another time's.
        if len(totals) == 1 and totals != {summed} and held.newest_us < settled_us:
            held.unsummed[place[2]] = summed

    async def _missing(
        self, held: _Held, counter: _Counter, entity: int, members: Sequence[int], settled_us: int
    ) -> None:
        """Find those who are not counted and should be."""
        found = await self._tables.each(
            "SELECT value, version FROM counted WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?",
            [(entity, counter.kind, counting.bucket_of(counter.kind, each), each) for each in members],
        )
        left = [
            (member, rows[0][1] or 0 if rows else 0)
            for member, rows in zip(members, found, strict=True)
            if not rows or not rows[0][0]
        ]
        truth = await self._truth(counter, entity, [member for member, _ in left])
        for (member, version), (active, at_us) in zip(left, truth, strict=True):
            if active and max(at_us, version) < settled_us:
                held.wrong.append(Change(entity, counter.kind, member, 1, max(at_us, version)))

    async def _truth(self, counter: _Counter, entity: int, members: Sequence[int]) -> list[tuple[bool, int]]:
        """Return whether each relation is active, and when it was last turned."""
        found = await self._tables.each(counter.truth, [counter.key(entity, each) for each in members])
        return [(bool(rows[0][0]), rows[0][1] or 0) if rows else (False, 0) for rows in found]


def _long_ago() -> int:
    return time.time_ns() // 1_000 - _SETTLED_S * 1_000_000
