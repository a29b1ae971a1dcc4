"""The graph's stores on each adapter, with a clock that stands still."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from tests.contract import tables
from tests.contract.tables import OutboxLog

from aviary.clock import Clock
from aviary.eventlog import EventLog
from aviary.events.v1.events_pb2 import Event
from aviary.graph.lists.store import ListStore
from aviary.graph.relations.store import RelationStore
from aviary.graph.store import Counts, GraphStore
from aviary.graph.upkeep import RemovalStore
from aviary.metrics import Metrics
from aviary.rpc.call import Claim
from aviary.storage.scylla.counting import Counting
from aviary.storage.scylla.graph.counters import ScyllaCounterStore
from aviary.storage.scylla.graph.counting import LATEST_MS, changes_of
from aviary.storage.scylla.graph.follows import ScyllaGraphStore
from aviary.storage.scylla.graph.lists import ScyllaListStore
from aviary.storage.scylla.graph.personal import ScyllaPersonalStore
from aviary.storage.scylla.graph.relations import ScyllaRelationStore
from aviary.storage.scylla.graph.removal import ScyllaRemovalStore
from aviary.storage.scylla.writes import Writer
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph.counters import SqliteCounterStore
from aviary.storage.sqlite.graph.follows import SqliteGraphStore
from aviary.storage.sqlite.graph.lists import SqliteListStore
from aviary.storage.sqlite.graph.personal import SqlitePersonalStore
from aviary.storage.sqlite.graph.relations import SqliteRelationStore
from aviary.storage.sqlite.graph.removal import SqliteRemovalStore
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.upkeep.store import CounterStore, PersonalStore

ADA, BOB, CYD, DAN = 900_001, 900_002, 900_003, 900_004
START_MS = 1_790_000_000_000
# What tells others of the past, which erasure leaves alone.
_LOG = {"outbox", "offsets", "sqlite_sequence", "schema_version"}


class StoppedClock(Clock):
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


class Stores:
    """Every port of the graph on one adapter, and its log."""

    graph: GraphStore
    relations: RelationStore
    lists: ListStore
    removal: RemovalStore
    personal: PersonalStore
    counters: CounterStore
    log: EventLog
    # Versions and the numbers in them count changes here; elsewhere they are ids, of which the order is promised.
    counts_versions = True
    # How long what was written may take until it can be read; other than 0 while others write.
    on_its_way_us = 0
    # Where rows name a person who did one of everything.
    naming: Sequence[str] = ("claims", "follows", "accounts", "bonds", "lists", "list_bonds")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def settle(self) -> None:
        """Return when what happened so far has been counted; here it is counted where it happens."""

    async def counts(self, *people: int) -> list[Counts]:
        await self.settle()
        return list(await self.graph.counts(people))

    async def events(self) -> list[Event]:
        return [record.event for record in await self.log.read(0, limit=100_000)]

    async def execute(self, statement: str, *parameters: int) -> None:
        """Do to the rows what no port does."""
        raise NotImplementedError

    async def tables_with(self, value: int) -> list[str]:
        """The tables that hold `value`, as a number or as text, in any column."""
        raise NotImplementedError

    async def numbers(self, user_id: int, *versions: int) -> list[int]:
        """What the user's versions are where versions count changes: each one's place among those that events tell."""
        if self.counts_versions:
            return list(versions)
        told = sorted({0} | {each.version for each in await self.events() if each.entity_id == user_id})
        return [told.index(each) for each in versions]


class SqliteStores(Stores):
    """The graph's stores on one file."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        super().__init__(clock)
        self.file = folder / "graph.db"
        self.database = Database(self.file, clock=clock, metrics=Metrics(), queue_size=1_000, group=64, readers=1)
        self.graph = SqliteGraphStore(self.database, clock)
        self.relations = SqliteRelationStore(self.database, clock)
        self.lists = SqliteListStore(self.database)
        self.removal = SqliteRemovalStore(self.database)
        self.personal = SqlitePersonalStore(self.database)
        self.counters = SqliteCounterStore(self.database)
        self.log = SqliteEventLog(self.database)

    async def execute(self, statement: str, *parameters: int) -> None:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            connection.execute(statement, parameters)

    async def tables_with(self, value: int) -> list[str]:
        with closing(sqlite3.connect(self.file)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [
                name
                for name in names
                if name not in _LOG
                and any(str(value) in map(str, row) for row in connection.execute(f"SELECT * FROM {name}"))
            ]


class ScyllaStores(Stores):
    """The graph's stores in one keyspace."""

    counts_versions = False
    naming: Sequence[str] = (
        "claims",
        "claims_by_caller",
        "counted",
        "counts",
        "edges",
        "lists",
        "lists_by_owner",
        "places",
        "roles",
    )

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer.clock)
        self.writer = writer
        self.tables = writer.tables
        self.graph = ScyllaGraphStore(writer)
        self.relations = ScyllaRelationStore(writer)
        self.lists = ScyllaListStore(writer)
        self.removal = ScyllaRemovalStore(writer)
        self.personal = ScyllaPersonalStore(writer)
        # Whatever happened before it was last settled has been counted.
        self.counters = ScyllaCounterStore(writer, lambda: self._settled_us)
        self.log = OutboxLog(writer.tables)
        self._settled_us = 0
        self._counting = Counting(writer.tables)
        self._counted: set[int] = set()

    async def settle(self) -> None:
        """Count what the log tells, as a fleet's worker does."""
        at_us = self.writer.times.next()
        events = [each for each in await self.events() if each.id not in self._counted]
        # What an erasure removed before its events were counted is not waited for.
        now_ms = self.clock.now_ms() + LATEST_MS
        found = await asyncio.gather(*(changes_of(self.tables, each, now_ms=now_ms) for each in events))
        await self._counting.apply([change for changes in found for change in changes], at_us=at_us)
        self._counted |= {each.id for each in events}
        self._settled_us = at_us - self.on_its_way_us

    async def execute(self, statement: str, *parameters: int) -> None:
        await self.tables.rows(statement, *parameters)

    async def tables_with(self, value: int) -> list[str]:
        names = [
            name
            for (name,) in await self.tables.rows(
                "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", self.tables.keyspace
            )
            if name not in _LOG
        ]
        rows = {name: await self.tables.run(f"SELECT * FROM {name}") for name in names}
        return [name for name in names if any(str(value) in map(str, row) for row in rows[name])]


@asynccontextmanager
async def opened_in_tables(address: str, clock: Clock) -> AsyncIterator[ScyllaStores]:
    """The stores in an empty keyspace of a real server."""
    async with tables.opened(address, "graph") as keyspace, tables.writing(keyspace, clock) as writer:
        yield ScyllaStores(writer)


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[SqliteStores]:
    """The stores in `folder`, inside a running loop."""
    stores = SqliteStores(folder, clock)
    try:
        yield stores
    finally:
        stores.database.close()


def claim(user_id: int, key: str = "k") -> Claim:
    return Claim(caller=str(user_id), rpc="/follow", key=key, body=b"body")


async def fill(stores: Stores) -> tuple[int, int]:
    """Give Ada one of everything, active and undone, both ways; return a list of hers and one of Bob's."""
    graph, relations, lists = stores.graph, stores.relations, stores.lists
    for one, other in ((ADA, BOB), (BOB, ADA), (ADA, CYD), (CYD, ADA), (BOB, CYD)):
        await graph.follow(one, other, protected=False, claim=claim(one, f"{one}-{other}"))
    for one, other in ((ADA, CYD), (CYD, ADA)):
        await graph.unfollow(one, other)
    for one, other in ((ADA, DAN), (DAN, ADA)):
        await graph.follow(one, other, protected=True, claim=None)
        await relations.mute(one, other, until_ms=0, claim=None)
        await relations.mute(one, CYD, until_ms=0, claim=None)
        await relations.unmute(one, CYD)
    for one, other in ((ADA, 5), (5, ADA), (ADA, 6), (6, ADA)):
        await relations.block(one, other, claim=None)
    for one, other in ((ADA, 6), (6, ADA)):
        await relations.unblock(one, other)
    hers, _ = await lists.create(ADA, name="hers", description="of Ada", private=True, claim=None)
    his, _ = await lists.create(BOB, name="his", description="", private=False, claim=None)
    for list_id in (hers, his):
        for user in (ADA, BOB):
            await lists.add_member(list_id, user, claim=None)
    await lists.follow(his, ADA, claim=None)
    await lists.follow(hers, ADA, claim=None)
    await lists.add_member(his, CYD, claim=None)
    return hers, his
