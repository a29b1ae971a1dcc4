"""The tables of each file, as numbered migrations; a file newer than the code is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aviary.errors import Unavailable
from aviary.storage.sqlite import tweet_names


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
    -- Bits: 1 has media, 2 the retweeted original is a reply, 4 sensitive, 8 has a poll.
    flags INTEGER NOT NULL DEFAULT 0,
    quote_id INTEGER NOT NULL DEFAULT 0,
    conversation_id INTEGER NOT NULL,
    -- What it says, encoded at each write as aviary.api.tweets.v1.Tweet.
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

_USERS_2 = """
ALTER TABLE users ADD COLUMN deactivated_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN hide_sensitive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN dm_from TEXT NOT NULL DEFAULT 'everyone';
-- A JSON array.
ALTER TABLE users ADD COLUMN muted_words TEXT NOT NULL DEFAULT '[]';
-- Rises with each change of what a viewer chose not to be shown.
ALTER TABLE users ADD COLUMN preferences_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_open ON sessions (user_id, id) WHERE revoked_s = 0;
-- Sessions of deleted accounts, kept a week, bare of whose they were: a restart must go on refusing their tokens.
CREATE TABLE ended_sessions (id INTEGER PRIMARY KEY, ended_s INTEGER NOT NULL);
CREATE INDEX sessions_ended ON ended_sessions (ended_s);
-- The claims that opened a session, which a deleted account's are found by; a refresh has its generation there.
CREATE INDEX claims_by_session ON claims (result) WHERE result > 4294967295;
CREATE TABLE exports (
    user_id INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,
    -- 0 running, 1 ready, 2 failed.
    state INTEGER NOT NULL,
    progress_percent INTEGER NOT NULL DEFAULT 0,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    requested_ms INTEGER NOT NULL,
    ready_ms INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX exports_ready ON exports (ready_ms) WHERE state = 1;
"""

_GRAPH_2 = """
-- Relations that count nothing: who blocks, mutes or asks to follow whom.
CREATE TABLE bonds (
    -- 1 the owner blocks the member, 2 mutes, 3 asks to follow.
    kind INTEGER NOT NULL,
    owner_id INTEGER NOT NULL,
    member_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    -- Rises with each activation; lists are paged by it, newest first.
    bond_id INTEGER NOT NULL,
    -- When a mute ends; 0 for never.
    until_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, owner_id, member_id)
) WITHOUT ROWID;
CREATE INDEX bonds_by_owner ON bonds (kind, owner_id, bond_id, member_id, until_ms) WHERE active;
CREATE INDEX bonds_by_member ON bonds (kind, member_id, bond_id, owner_id) WHERE active;
CREATE INDEX mutes_by_end ON bonds (owner_id, until_ms) WHERE kind = 2 AND active AND until_ms > 0;
-- Rows that were undone name people too, who may have them erased.
CREATE INDEX bonds_undone ON bonds (member_id) WHERE NOT active;
CREATE INDEX follows_undone ON follows (followee_id) WHERE NOT active;
CREATE TABLE lists (
    id INTEGER PRIMARY KEY,
    -- 0 once it was deleted, until whatever hangs on it is gone too.
    owner_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    private INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    members INTEGER NOT NULL DEFAULT 0,
    followers INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX lists_by_owner ON lists (owner_id, id);
-- Who is on a list, and who follows it.
CREATE TABLE list_bonds (
    -- 1 member, 2 follower.
    kind INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    bond_id INTEGER NOT NULL,
    PRIMARY KEY (kind, list_id, user_id)
) WITHOUT ROWID;
CREATE INDEX list_bonds_by_list ON list_bonds (kind, list_id, bond_id, user_id) WHERE active;
CREATE INDEX list_bonds_by_user ON list_bonds (kind, user_id, bond_id, list_id) WHERE active;
CREATE INDEX list_bonds_undone ON list_bonds (user_id) WHERE NOT active;
"""

_TWEETS_2 = """
-- Who may reply: 0 everyone, 1 whom the author follows, 2 the mentioned.
ALTER TABLE tweets ADD COLUMN audience INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tweets ADD COLUMN bookmarks INTEGER NOT NULL DEFAULT 0;
-- 1 as written, one more with each edit.
ALTER TABLE tweets ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX quotes ON tweets (quote_id, id) WHERE quote_id > 0 AND deleted_ms = 0;
CREATE INDEX conversations ON tweets (conversation_id, id) WHERE kind <> 3 AND deleted_ms = 0;
CREATE INDEX tweets_deleted ON tweets (deleted_ms) WHERE deleted_ms > 0;
-- Where removed replies stood: what hangs below them keeps its place in the conversation.
CREATE TABLE places (
    conversation_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    ref_id INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX tweets_deleted_by_author ON tweets (author_id, id) WHERE deleted_ms > 0;
-- The texts that edits replaced.
CREATE TABLE edits (
    tweet_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (tweet_id, version)
) WITHOUT ROWID;
CREATE TABLE mentions (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    -- 0 once an edit has taken the name out; the row stays, for nobody is told twice.
    active INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX mentions_by_tweet ON mentions (tweet_id, user_id);
CREATE TABLE hashtags (
    tag TEXT NOT NULL,
    tweet_id INTEGER NOT NULL,
    PRIMARY KEY (tag, tweet_id)
) WITHOUT ROWID;
CREATE INDEX hashtags_by_tweet ON hashtags (tweet_id, tag);
-- The tweets of a thread, for the repeat of its key; forgotten with that.
CREATE TABLE threads (
    first_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    PRIMARY KEY (first_id, tweet_id)
) WITHOUT ROWID;
CREATE TRIGGER threads_forgotten AFTER DELETE ON claims BEGIN
    DELETE FROM threads WHERE first_id = old.result;
END;
CREATE TABLE liked (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    -- Rises with each like; lists are paged by it, newest first.
    like_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
INSERT INTO liked SELECT user_id, tweet_id, active, row_number() OVER (ORDER BY tweet_id, user_id) FROM likes;
DROP TABLE likes;
ALTER TABLE liked RENAME TO likes;
CREATE INDEX likes_by_user ON likes (user_id, like_id, tweet_id) WHERE active;
CREATE INDEX likes_by_tweet ON likes (tweet_id, like_id, user_id) WHERE active;
CREATE INDEX likes_undone ON likes (tweet_id) WHERE NOT active;
CREATE TABLE bookmarks (
    user_id INTEGER NOT NULL,
    tweet_id INTEGER NOT NULL,
    active INTEGER NOT NULL,
    bookmark_id INTEGER NOT NULL,
    PRIMARY KEY (user_id, tweet_id)
) WITHOUT ROWID;
CREATE INDEX bookmarks_by_user ON bookmarks (user_id, bookmark_id, tweet_id) WHERE active;
CREATE INDEX bookmarks_by_tweet ON bookmarks (tweet_id);
CREATE TABLE pins (user_id INTEGER PRIMARY KEY, tweet_id INTEGER NOT NULL);
CREATE TABLE polls (
    tweet_id INTEGER PRIMARY KEY,
    ends_ms INTEGER NOT NULL,
    -- 1 once its end was told; votes are refused from ends_ms on.
    closed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX polls_open ON polls (ends_ms) WHERE NOT closed;
CREATE TABLE poll_options (
    tweet_id INTEGER NOT NULL,
    option INTEGER NOT NULL,
    text TEXT NOT NULL,
    votes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tweet_id, option)
) WITHOUT ROWID;
CREATE TABLE votes (
    tweet_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    option INTEGER NOT NULL,
    PRIMARY KEY (tweet_id, user_id)
) WITHOUT ROWID;
CREATE INDEX votes_by_user ON votes (user_id, tweet_id);
CREATE TABLE drafts (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL,
    -- When to publish; 0 for a draft.
    publish_ms INTEGER NOT NULL,
    -- Encoded as aviary.api.tweets.v1.TweetInput.
    body BLOB NOT NULL,
    failure TEXT NOT NULL DEFAULT '',
    -- The client that sent it.
    source TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX drafts_by_user ON drafts (user_id, id) WHERE publish_ms = 0;
CREATE INDEX scheduled_by_user ON drafts (user_id, publish_ms, id) WHERE publish_ms > 0;
CREATE INDEX scheduled_due ON drafts (publish_ms) WHERE publish_ms > 0 AND failure = '';
"""

MIGRATIONS: Mapping[str, Sequence[Step]] = {
    "users": [Step(_COMMON + _USERS), Step(_USERS_2)],
    "graph": [Step(_COMMON + _GRAPH), Step(_GRAPH_2)],
    "tweets": [Step(_COMMON + _TWEETS), Step(_TWEETS_2, tweet_names.backfill)],
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
