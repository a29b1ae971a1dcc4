"""The tables of each file, as numbered migrations; a file newer than the code is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from aviary.errors import Unavailable

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

_USERS = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    password_hash BLOB NOT NULL,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL DEFAULT '',
    location TEXT NOT NULL DEFAULT '',
    website TEXT NOT NULL DEFAULT '',
    birth_date TEXT NOT NULL DEFAULT '',
    language TEXT NOT NULL DEFAULT 'en',
    timezone TEXT NOT NULL DEFAULT 'UTC',
    verified INTEGER NOT NULL DEFAULT 0,
    protected INTEGER NOT NULL DEFAULT 0,
    suspended INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    -- How often the refresh token was rotated; only the newest generation is good.
    generation INTEGER NOT NULL,
    rotated_s INTEGER NOT NULL,
    created_s INTEGER NOT NULL,
    expires_s INTEGER NOT NULL,
    revoked_s INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_revoked ON sessions (revoked_s) WHERE revoked_s > 0;
"""

_GRAPH = """
CREATE TABLE follows (
    follower_id INTEGER NOT NULL,
    followee_id INTEGER NOT NULL,
    -- Undoing sets the flag and keeps the row.
    active INTEGER NOT NULL,
    -- Rises with each follow; lists are paged by it, newest first.
    follow_id INTEGER NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
) WITHOUT ROWID;
CREATE INDEX following ON follows (follower_id, follow_id, followee_id) WHERE active;
CREATE INDEX followers ON follows (followee_id, follow_id, follower_id) WHERE active;
CREATE TABLE accounts (
    user_id INTEGER PRIMARY KEY,
    followers INTEGER NOT NULL DEFAULT 0,
    following INTEGER NOT NULL DEFAULT 0,
    follow_version INTEGER NOT NULL DEFAULT 0,
    sources_version INTEGER NOT NULL DEFAULT 0
);
"""

_TWEETS = """
CREATE TABLE tweets (
    id INTEGER PRIMARY KEY,
    author_id INTEGER NOT NULL,
    -- 0 original, 1 reply, 2 quote, 3 retweet.
    kind INTEGER NOT NULL,
    -- The tweet replied to or retweeted, and its author.
    ref_id INTEGER NOT NULL DEFAULT 0,
    ref_author_id INTEGER NOT NULL DEFAULT 0,
    -- Bits: 1 has media, 2 the retweeted original is a reply.
    flags INTEGER NOT NULL DEFAULT 0,
    quote_id INTEGER NOT NULL DEFAULT 0,
    conversation_id INTEGER NOT NULL,
    -- The immutable part, encoded once as aviary.api.tweets.v1.Tweet.
    body BLOB NOT NULL,
    deleted_ms INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0,
    retweets INTEGER NOT NULL DEFAULT 0,
    replies INTEGER NOT NULL DEFAULT 0,
    quotes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tweets_by_author ON tweets (author_id, id, ref_id, ref_author_id, kind, flags) WHERE deleted_ms = 0;
CREATE INDEX replies ON tweets (ref_id, id) WHERE kind = 1 AND deleted_ms = 0;
-- One row a person and original; retweet_id is the retweet that exists, 0 when it was undone.
CREATE TABLE retweets (
    original_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    retweet_id INTEGER NOT NULL,
    PRIMARY KEY (original_id, user_id)
) WITHOUT ROWID;
CREATE INDEX retweets_by_id ON retweets (original_id, retweet_id, user_id) WHERE retweet_id > 0;
CREATE TABLE likes (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE TABLE authors (
    user_id INTEGER PRIMARY KEY,
    tweets INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0
);
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

MIGRATIONS: Mapping[str, Sequence[str]] = {
    "users": [_COMMON + _USERS],
    "graph": [_COMMON + _GRAPH],
    "tweets": [_COMMON + _TWEETS],
    "fanout": [_COMMON + _FANOUT],
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
        connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number]}\nPRAGMA user_version = {number + 1};\nCOMMIT;")
