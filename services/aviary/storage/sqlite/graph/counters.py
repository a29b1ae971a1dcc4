"""The graph's counters held against its relations on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph.edges import Reader
from aviary.storage.sqlite.transaction import Transaction
from aviary.upkeep.store import Drift, Recount

_NONE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """Entities of one kind: the key of their table, the next one after an id, and what is counted of each."""

    key: str
    # The smallest id above `{after}`, found by one look into each index that may hold it.
    next: str
    # Each counter, and how it is counted for the entity `entity.id`.
    counts: Mapping[str, str]


_ACCOUNTS = _Kind(
    "user_id",
    # Whoever is followed has a counter, also where its row is missing.
    f"min(coalesce((SELECT min(user_id) FROM accounts WHERE user_id > {{after}}), {_NONE}),"
    f" coalesce((SELECT min(follower_id) FROM follows WHERE follower_id > {{after}} AND active), {_NONE}),"
    f" coalesce((SELECT min(followee_id) FROM follows WHERE followee_id > {{after}} AND active), {_NONE}))",
    {
        "followers": "SELECT count(*) FROM follows WHERE followee_id = entity.id AND active",
        "following": "SELECT count(*) FROM follows WHERE follower_id = entity.id AND active",
    },
)
_LISTS = _Kind(
    "id",
    f"coalesce((SELECT min(id) FROM lists WHERE id > {{after}} AND owner_id > 0), {_NONE})",
    {
        "members": "SELECT count(*) FROM list_bonds WHERE kind = 1 AND list_id = entity.id AND active",
        "followers": "SELECT count(*) FROM list_bonds WHERE kind = 2 AND list_id = entity.id AND active",
    },
)
# By the table that holds them.
_KINDS: Mapping[str, _Kind] = {"accounts": _ACCOUNTS, "lists": _LISTS}


class SqliteCounterStore:
    """Keeps CounterStore's promises in the graph's file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def groups(self) -> Sequence[str]:
        return list(_KINDS)

    async def recount(self, group: str, *, after: int, limit: int) -> Recount:
        kind = _KINDS[group]

        def look(reader: Reader) -> Recount:
            entities = _entities(reader, kind, after, limit)
            drifts = [
                drift
                for entity in entities
                for column in kind.counts
                for drift in _compare(reader, group, column, entity)
            ]
            end = entities[-1] if len(entities) == limit else None
            return Recount(len(entities) * len(kind.counts), drifts, end)

        return await self._database.read(look)

    async def repair(self, drift: Drift) -> bool:
        group, _, column = drift.counter.partition(".")

        def correct(tx: Transaction) -> bool:
            # Counted again in the writer: whatever was written since is in both numbers.
            found = _compare(tx, group, column, drift.entity_id)
            return any(_store(tx, group, column, each) for each in found)

        return await self._database.write(correct)


def _entities(reader: Reader, kind: _Kind, after: int, limit: int) -> list[int]:
    rows = reader.execute(
        f"WITH RECURSIVE entity (id) AS (SELECT {kind.next.format(after='?1')}"
        f" UNION ALL SELECT {kind.next.format(after='entity.id')} FROM entity WHERE id < {_NONE})"
        f" SELECT id FROM entity WHERE id < {_NONE} LIMIT ?2",
        (after, limit),
    )
    return [entity for (entity,) in rows.fetchall()]


def _compare(reader: Reader, group: str, column: str, entity_id: int) -> list[Drift]:
    """Hold a counter against its relations, in one statement and so at one moment."""
    kind = _KINDS[group]
    stored, counted = reader.execute(
        f"SELECT coalesce((SELECT {column} FROM {group} WHERE {kind.key} = entity.id), 0), ({kind.counts[column]})"
        " FROM (SELECT ? AS id) AS entity",
        (entity_id,),
    ).fetchone()
    if stored == counted:
        return []
    return [Drift(counter=f"{group}.{column}", entity_id=entity_id, stored=stored, counted=counted)]


def _store(tx: Transaction, group: str, column: str, drift: Drift) -> bool:
    if group == "accounts":
        tx.execute("INSERT INTO accounts (user_id) VALUES (?) ON CONFLICT DO NOTHING", (drift.entity_id,))
    stored = tx.execute(
        f"UPDATE {group} SET {column} = ? WHERE {_KINDS[group].key} = ?", (drift.counted, drift.entity_id)
    )
    return stored.rowcount > 0
