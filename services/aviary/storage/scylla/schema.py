"""Each keyspace's tables as numbered migrations; a keyspace that is older or newer than the code is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aviary.errors import Unavailable
from aviary.settings import Settings
from aviary.storage.scylla import counting, tables
from aviary.storage.scylla.fanout import schema as fanout
from aviary.storage.scylla.graph import schema as graph
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets import schema as tweets
from aviary.storage.scylla.users import schema as users

# In every keyspace: the event log, the idempotency keys, turns and leases.
_COMMON = (
    """CREATE TABLE IF NOT EXISTS outbox (
        shard int, minute bigint, event_id bigint, body blob, published boolean,
        PRIMARY KEY ((shard, minute), event_id)
    ) WITH default_time_to_live = 259200""",
    # `intent` is the whole write, until it was done.
    """CREATE TABLE IF NOT EXISTS claims (
        caller text, rpc text, key text, body blob, intent blob, result bigint, attempt bigint,
        PRIMARY KEY ((caller, rpc, key))
    )""",
    """CREATE TABLE IF NOT EXISTS claims_by_caller (
        caller text, rpc text, key text, PRIMARY KEY (caller, rpc, key)
    )""",
    """CREATE TABLE IF NOT EXISTS turns (
        entity text PRIMARY KEY, turn bigint, done bigint, at_us bigint, intent blob
    )""",
    """CREATE TABLE IF NOT EXISTS leases (
        name text PRIMARY KEY, holder text
    )""",
)
# What a service writes when it has a lease, by keyspace: each step is a list of statements, safe to repeat.
MIGRATIONS: Mapping[str, Sequence[Sequence[str]]] = {
    "users": [(*_COMMON, *users.FIRST)],
    "graph": [(*_COMMON, *counting.TABLES, *graph.FIRST)],
    "tweets": [(*_COMMON, *counting.TABLES, *tweets.FIRST)],
    "fanout": [(*_COMMON, *fanout.FIRST)],
}
# A thread is written as a whole: 25 tweets of 93 tags each make a batch of 135 KiB.
_LARGEST_WRITES = {"tweets": 262_144}


def newest(name: str) -> int:
    """Return the number of the last migration of a keyspace."""
    return len(MIGRATIONS[name])


async def migrate(settings: Settings) -> Mapping[str, tuple[int, int]]:
    """Bring every keyspace up to date; return the version of each before and after. Safe to repeat and to interrupt.

    Raises Unavailable when a keyspace is newer than this code.
    """
    return {name: await migrate_one(settings, name) for name in MIGRATIONS}


async def migrate_one(settings: Settings, name: str) -> tuple[int, int]:
    """Bring one keyspace up to date."""
    keyspace = f"{settings.tables_keyspace}_{name}"
    await tables.run_alone(
        settings,
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication ="
        f" {{'class': '{_strategy(settings)}', '{_factor(settings)}': {settings.tables_replication}}}",
    )
    opened = Tables(settings, name)
    await opened.open()
    try:
        await opened.run("CREATE TABLE IF NOT EXISTS schema_version (name text PRIMARY KEY, version int)")
        before = await version(opened)
        _must_not_be_newer(opened, before)
        for number, step in enumerate(MIGRATIONS[name][before:], start=before + 1):
            for statement in step:
                await opened.run(statement)
            await opened.run(f"INSERT INTO schema_version (name, version) VALUES ('schema', {number})")
        return before, newest(name)
    finally:
        await opened.close()


async def must_be_current(opened: Tables) -> None:
    """Raise Unavailable, in one sentence that says what to do, when a keyspace is not of this code's version."""
    try:
        held = await version(opened)
    except tables.NotThere as error:
        raise Unavailable(f"the keyspace {opened.keyspace} has no schema; run aviary migrate") from error
    _must_not_be_newer(opened, held)
    if held < newest(opened.name):
        raise Unavailable(
            f"the keyspace {opened.keyspace} has schema {held}, this version needs {newest(opened.name)};"
            " run aviary migrate"
        )


async def must_take_writes(opened: Tables) -> None:
    """Raise Unavailable, in one sentence, when the keyspace takes no writes of ours, or none as large as they may be.

    What it writes goes by itself within a second.
    """
    # In two partitions: of one alone any size is taken.
    half = "." * (_LARGEST_WRITES.get(opened.name, 0) // 2)
    put = "INSERT INTO leases (name, holder) VALUES (?, ?) USING TTL 1"
    await opened.batch([(put, (name, half)) for name in ("probe 1", "probe 2")])


async def version(opened: Tables) -> int:
    """Return the number of the last migration that was applied, 0 for none."""
    row = await opened.one("SELECT version FROM schema_version WHERE name = 'schema'")
    return int(row[0]) if row else 0


def _must_not_be_newer(opened: Tables, held: int) -> None:
    if held > newest(opened.name):
        raise Unavailable(
            f"the keyspace {opened.keyspace} has schema {held}, newer than {newest(opened.name)} of this version;"
            " run a newer Aviary"
        )


def _strategy(settings: Settings) -> str:
    return "NetworkTopologyStrategy" if settings.tables_datacenter else "SimpleStrategy"


def _factor(settings: Settings) -> str:
    return settings.tables_datacenter or "replication_factor"
