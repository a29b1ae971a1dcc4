"""The graph's stores on one file, with a clock that stands still."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from aviary.clock import Clock
from aviary.eventlog import EventLog
from aviary.events.v1.events_pb2 import Event
from aviary.graph.lists.store import ListStore
from aviary.graph.relations.store import RelationStore
from aviary.graph.store import GraphStore
from aviary.graph.upkeep import RemovalStore
from aviary.metrics import Metrics
from aviary.rpc.call import Claim
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
_LOG = {"outbox", "offsets", "sqlite_sequence"}


class StoppedClock(Clock):
    """Time that moves only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


class Stores:
    """Every port of the graph, its log and its file."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.file = folder / "graph.db"
        self.clock = clock
        self.database = Database(self.file, clock=clock, metrics=Metrics(), queue_size=1_000, group=64, readers=1)
        self.graph: GraphStore = SqliteGraphStore(self.database, clock)
        self.relations: RelationStore = SqliteRelationStore(self.database, clock)
        self.lists: ListStore = SqliteListStore(self.database)
        self.removal: RemovalStore = SqliteRemovalStore(self.database)
        self.personal: PersonalStore = SqlitePersonalStore(self.database)
        self.counters: CounterStore = SqliteCounterStore(self.database)
        self.log: EventLog = SqliteEventLog(self.database)

    async def events(self) -> list[Event]:
        return [record.event for record in await self.log.read(0, limit=100_000)]

    def execute(self, statement: str, *parameters: int) -> None:
        """Do to the file what no port does."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            connection.execute(statement, parameters)

    def tables_with(self, value: int) -> list[str]:
        """The tables that hold `value`, as a number or as text, in any column."""
        with closing(sqlite3.connect(self.file)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return [
                name
                for name in names
                if name not in _LOG
                and any(str(value) in map(str, row) for row in connection.execute(f"SELECT * FROM {name}"))
            ]


@contextmanager
def opened(folder: Path, clock: Clock) -> Iterator[Stores]:
    """The stores in `folder`, inside a running loop."""
    stores = Stores(folder, clock)
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
