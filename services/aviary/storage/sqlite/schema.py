"""Each file's tables as numbered migrations; a file newer than the code is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aviary.errors import Unavailable
from aviary.storage.sqlite.graph import schema as graph
from aviary.storage.sqlite.tweets import names
from aviary.storage.sqlite.tweets import schema as tweets
from aviary.storage.sqlite.users import schema as users


def _nothing(_connection: sqlite3.Connection) -> None:
    """Most steps are their statements alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a file's schema: statements, then what statements cannot fill in."""

    script: str
    fill: Callable[[sqlite3.Connection], None] = _nothing


# In every file: the event log, and the idempotency keys.
_COMMON = """
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE claims (
    caller TEXT NOT NULL,
    rpc TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    result INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (caller, rpc, key)
) WITHOUT ROWID;
CREATE INDEX claims_by_time ON claims (time_ms);
CREATE INDEX outbox_by_time ON outbox (time_ms);
CREATE TABLE offsets (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""

_FANOUT = """
CREATE TABLE tiers (
    author_id INTEGER PRIMARY KEY,
    tier INTEGER NOT NULL,
    -- The first tweet that the tier holds for.
    from_id INTEGER NOT NULL,
    version INTEGER NOT NULL
);
CREATE INDEX tiers_by_version ON tiers (version);
CREATE TABLE dead_letters (
    log TEXT NOT NULL,
    position INTEGER NOT NULL,
    error TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (log, position)
) WITHOUT ROWID;
"""

MIGRATIONS: Mapping[str, Sequence[Step]] = {
    "users": [Step(_COMMON + users.FIRST), Step(users.SECOND)],
    "graph": [Step(_COMMON + graph.FIRST), Step(graph.SECOND)],
    "tweets": [Step(_COMMON + tweets.FIRST), Step(tweets.SECOND, names.backfill)],
    "fanout": [Step(_COMMON + _FANOUT)],
}


def migrate(connection: sqlite3.Connection, name: str) -> None:
    """Bring the file to the code's version, each step in its own transaction."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    steps = MIGRATIONS[name]
    if version > len(steps):
        raise Unavailable(
            f"the {name} store has schema {version}, this Aviary knows {len(steps)}: it was written by a newer one"
        )
    for number in range(version, len(steps)):
        connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number].script}")
        steps[number].fill(connection)
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
