"""The graph's counters held against its relations on SQLite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from aviary.graph.upkeep import Drift, Recount
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph.edges import Reader
from aviary.storage.sqlite.transaction import Transaction

_AT_ONCE = 500
_NONE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Counter:
    """A column, and how its truth is counted for the entity `entity.id`."""

    name: str
    table: str
    key: str
    column: str
    truth: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """Entities of one kind: the next one after an id, and what is counted of each."""

    # The smallest id above `{after}`, found by one look into each index that may hold it.
    next: str
    counters: tuple[_Counter, ...]


_ACCOUNTS = _Kind(
    # Whoever is followed has a counter, also where its row is missing.
    f"min(coalesce((SELECT min(user_id) FROM accounts WHERE user_id > {{after}}), {_NONE}),"
    f" coalesce((SELECT min(follower_id) FROM follows WHERE follower_id > {{after}} AND active), {_NONE}),"
    f" coalesce((SELECT min(followee_id) FROM follows WHERE followee_id > {{after}} AND active), {_NONE}))",
    (
        _Counter(
            "accounts.followers",
            "accounts",
            "user_id",
            "followers",
            "SELECT count(*) FROM follows WHERE followee_id = entity.id AND active",
        ),
        _Counter(
            "accounts.following",
            "accounts",
            "user_id",
            "following",
            "SELECT count(*) FROM follows WHERE follower_id = entity.id AND active",
        ),
    ),
)
_LISTS = _Kind(
    f"coalesce((SELECT min(id) FROM lists WHERE id > {{after}} AND owner_id > 0), {_NONE})",
    (
        _Counter(
            "lists.members",
            "lists",
            "id",
            "members",
            "SELECT count(*) FROM list_bonds WHERE kind = 1 AND list_id = entity.id AND active",
        ),
        _Counter(
            "lists.followers",
            "lists",
            "id",
            "followers",
            "SELECT count(*) FROM list_bonds WHERE kind = 2 AND list_id = entity.id AND active",
        ),
    ),
)


class SqliteGraphCounters:
    """Keeps GraphCounters' promises in the graph's file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recount(self, *, repair: bool) -> AsyncIterator[Recount]:
        examined = 0
        for kind in (_ACCOUNTS, _LISTS):
            after = 0
            while after < _NONE:
                entities = await self._entities(kind, after)
                drifts = await self._differing(kind, entities, repair=repair)
                examined += len(entities) * len(kind.counters)
                after = entities[-1] if len(entities) == _AT_ONCE else _NONE
                yield Recount(drifts, examined)

    async def _entities(self, kind: _Kind, after: int) -> list[int]:
        statement = (
            f"WITH RECURSIVE entity (id) AS (SELECT {kind.next.format(after='?1')}"
            f" UNION ALL SELECT {kind.next.format(after='entity.id')} FROM entity WHERE id < {_NONE})"
            f" SELECT id FROM entity WHERE id < {_NONE} LIMIT ?2"
        )
        rows = await self._database.read(lambda reader: reader.execute(statement, (after, _AT_ONCE)).fetchall())
        return [entity for (entity,) in rows]

    async def _differing(self, kind: _Kind, entities: Sequence[int], *, repair: bool) -> list[Drift]:
        """Return what differs of some entities, repaired if asked for."""
        found = await self._database.read(
            lambda reader: [drift for entity in entities for drift in _compare(reader, kind, entity)]
        )
        if not repair:
            return found
        drifting = dict.fromkeys(drift.entity_id for drift in found)
        return [drift for entity in drifting for drift in await self._corrected(kind, entity)]

    async def _corrected(self, kind: _Kind, entity_id: int) -> list[Drift]:
        def correct(tx: Transaction) -> list[Drift]:
            # Counted again in the writer: whatever was written since is in both numbers.
            return [_repair(tx, kind, drift) for drift in _compare(tx, kind, entity_id)]

        return await self._database.write(correct)


def _compare(reader: Reader, kind: _Kind, entity_id: int) -> list[Drift]:
    """Hold the counters of one entity against their relations, in one statement each and so at one moment."""
    drifts: list[Drift] = []
    for counter in kind.counters:
        stored, counted = reader.execute(
            f"SELECT coalesce((SELECT {counter.column} FROM {counter.table} WHERE {counter.key} = entity.id), 0),"
            f" ({counter.truth}) FROM (SELECT ? AS id) AS entity",
            (entity_id,),
        ).fetchone()
        if stored != counted:
            drifts.append(
                Drift(counter=counter.name, entity_id=entity_id, stored=stored, counted=counted, repaired=False)
            )
    return drifts


def _repair(tx: Transaction, kind: _Kind, drift: Drift) -> Drift:
    (counter,) = (each for each in kind.counters if each.name == drift.counter)
    if kind is _ACCOUNTS:
        tx.execute("INSERT INTO accounts (user_id) VALUES (?) ON CONFLICT DO NOTHING", (drift.entity_id,))
    tx.execute(
        f"UPDATE {counter.table} SET {counter.column} = ? WHERE {counter.key} = ?", (drift.counted, drift.entity_id)
    )
    return replace(drift, repaired=True)
