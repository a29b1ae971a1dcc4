"""The tables of the graph's file."""

from __future__ import annotations

FIRST = """
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

SECOND = """
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
