"""Tiers and dead letters on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aviary.eventlog import Record
from aviary.fanout.store import AuthorTier, Tier
from aviary.storage.sqlite.database import Database


class SqliteTierStore:
    """Keeps TierStore's promises for the one process that has the file.

    What is known in memory saves the worker a read a tweet, and readers one a page.
    """

    def __init__(self, database: Database, *, changed: Callable[[], None] | None = None) -> None:
        """`changed` is called after a tier was stored, before whoever raised it goes on."""
        self._database = database
        self._changed = changed
        self._known: dict[int, Tier] = {}
        self._changes = 0
        self._version: int | None = None

    async def raise_tier(self, tier: AuthorTier) -> None:
        if self._known.get(tier.author_id, Tier.PUSH) >= tier.tier:
            return
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT INTO tiers SELECT ?1, ?2, ?3, 1 + coalesce(max(version), 0) FROM tiers WHERE true"
                " ON CONFLICT (author_id) DO UPDATE SET tier = excluded.tier, version = excluded.version"
                " WHERE excluded.tier > tier",
                (tier.author_id, int(tier.tier), tier.from_id),
            )
        )
        self._known[tier.author_id] = tier.tier
        self._changes += 1
        self._version = None
        if self._changed is not None:
            self._changed()

    async def version(self) -> int:
        if self._version is not None:
            return self._version
        changes = self._changes
        (newest,) = await self._database.read(
            lambda connection: connection.execute("SELECT coalesce(max(version), 0) FROM tiers").fetchone()
        )
        # What was read while a tier changed may be from before.
        if changes == self._changes:
            self._version = int(newest)
        return int(newest)

    async def all(self) -> Sequence[AuthorTier]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT author_id, tier, from_id FROM tiers ORDER BY author_id"
            ).fetchall()
        )
        return [AuthorTier(author_id=author, tier=Tier(tier), from_id=from_id) for author, tier, from_id in rows]


class SqliteDeadLetters:
    """Keeps DeadLetters' promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, log: str, record: Record, error: str) -> None:
        await self._database.write(
            lambda tx: tx.execute(
                "INSERT OR IGNORE INTO dead_letters VALUES (?, ?, ?, ?)", (log, record.offset, error, tx.now_ms())
            )
        )

    async def count(self) -> int:
        (count,) = await self._database.read(
            lambda connection: connection.execute("SELECT count(*) FROM dead_letters").fetchone()
        )
        return int(count)
