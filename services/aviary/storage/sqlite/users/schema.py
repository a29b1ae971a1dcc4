"""The tables of the users' file."""

from __future__ import annotations

FIRST = """
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

SECOND = """
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
