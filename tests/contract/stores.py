"""The stores that share one file or keyspace of tweets, under contract together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.contract.tables import OutboxLog
from tests.contract.tweets import ADA, Kept

from aviary.clock import Clock
from aviary.eventlog import EventLog
from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.storage.scylla.counting import Counting
from aviary.storage.scylla.tweets.agenda import ScyllaAgendaStore
from aviary.storage.scylla.tweets.counting import changes_of, following
from aviary.storage.scylla.tweets.drafts import ScyllaDraftStore
from aviary.storage.scylla.tweets.engagement import ScyllaEngagementStore
from aviary.storage.scylla.tweets.indices import ScyllaIndexStore
from aviary.storage.scylla.tweets.polls import ScyllaPollStore
from aviary.storage.scylla.tweets.tweets import ScyllaTweetStore
from aviary.storage.scylla.writes import Writer
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.tweets.agenda import SqliteAgendaStore
from aviary.storage.sqlite.tweets.drafts import SqliteDraftStore
from aviary.storage.sqlite.tweets.engagement import SqliteEngagementStore
from aviary.storage.sqlite.tweets.indices import SqliteIndexStore
from aviary.storage.sqlite.tweets.polls import SqlitePollStore
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.surfaces import Index
from aviary.tweets.agenda.store import AgendaStore
from aviary.tweets.drafts.store import DraftStore
from aviary.tweets.engagement.store import EngagementStore, PollStore
from aviary.tweets.indices.store import IndexStore
from aviary.tweets.store import PollDraft

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Tweets, and what is kept beside them."""

    tweets: Kept
    engagement: EngagementStore
    polls: PollStore
    drafts: DraftStore
    agenda: AgendaStore
    clock: Clock

    @property
    def indices(self) -> IndexStore:
        return self.tweets.indices

    async def poll(self, *options: str, lasts_ms: int = HOUR_MS, author: int = ADA) -> int:
        """Ask something; "yes" or "no" when nothing is said."""
        return await self.tweets.poll(author, PollDraft(options=options or ("yes", "no"), duration_ms=lasts_ms))

    async def votes(self, tweet_id: int) -> Sequence[int]:
        await self.tweets.settle()
        return (await self.tweets.store.load([tweet_id], viewer_id=0)).polls[tweet_id].votes

    async def listed(
        self, index: Index, owner: int | str, *, since_id: int = 0, limit: int = 100, below: int = MAX_ID
    ) -> list[int]:
        """The tweets of an index."""
        page = PageRequest(limit=limit, below=below)
        return [each.tweet_id for each in await self.indices.places(index, owner, page, since_id=since_id)]

    async def bookmarks(self, tweet_id: int) -> int:
        await self.tweets.settle()
        return (await self.tweets.one(tweet_id)).bookmarks


# Where a service's rows are: a file of SQLite's, or the writer of a keyspace of ScyllaDB's.
Backing = Database | Writer


def stores_in(backing: Backing, clock: Clock) -> Stores:
    return _in_file(backing, clock) if isinstance(backing, Database) else _in_tables(backing)


def _in_file(file: Database, clock: Clock) -> Stores:
    async def settle() -> None:
        """Counts change with what they count."""

    async def look(query: str) -> Sequence[Sequence[object]]:
        return await file.read(lambda connection: connection.execute(query).fetchall())

    return Stores(
        tweets=Kept(SqliteTweetStore(file), SqliteIndexStore(file), SqliteEventLog(file), settle, look),
        engagement=SqliteEngagementStore(file),
        polls=SqlitePollStore(file),
        drafts=SqliteDraftStore(file),
        agenda=SqliteAgendaStore(file),
        clock=clock,
    )


def _in_tables(writer: Writer) -> Stores:
    log = OutboxLog(writer.tables)
    settle = Counter(writer, log).settle
    return Stores(
        tweets=Kept(ScyllaTweetStore(writer), ScyllaIndexStore(writer), log, settle, writer.tables.run),
        engagement=ScyllaEngagementStore(writer),
        polls=ScyllaPollStore(writer),
        drafts=ScyllaDraftStore(writer),
        agenda=ScyllaAgendaStore(writer),
        clock=writer.clock,
    )


class Counter:
    """Counts what the log tells, as the workers of a fleet do; a fleet's counts follow its log."""

    def __init__(self, writer: Writer, log: EventLog) -> None:
        self._tables = writer.tables
        self._clock = writer.clock
        self._log = log
        self._counting = Counting(writer.tables)
        self._seen: set[int] = set()

    async def settle(self) -> None:
        """Return when all that happened so far has been counted."""
        events = [each.event for each in await self._log.read(0, limit=100_000) if each.event.id not in self._seen]
        found = await asyncio.gather(*(changes_of(self._tables, each, now_ms=self._clock.now_ms()) for each in events))
        at_us = time.time_ns() // 1_000
        counts = await self._counting.apply([change for changes in found for change in changes], at_us=at_us)
        # Later in the log: of two sums of one timestamp the larger would stand.
        await self._counting.apply(await following(self._tables, counts, at_us), at_us=at_us + 1)
        self._seen |= {each.id for each in events}
