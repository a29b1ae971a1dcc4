"""The SQLite peers' file: its tables, and how it is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", String, nullable=False),
    Column("username_key", String, nullable=False, unique=True),
    Column("display_name", String, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("tweets", Integer, nullable=False),
    # The summary as JSON, for the variant that splices.
    Column("ready", LargeBinary),
)
tweets = Table(
    "tweets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author_id", Integer, nullable=False),
    Column("type", String, nullable=False),
    Column("content", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("edited_at", String),
    Column("edit_count", Integer, nullable=False),
    Column("language", String, nullable=False),
    Column("source", String, nullable=False),
    Column("conversation_id", Integer, nullable=False),
    Column("reply_to_id", Integer),
    Column("reply_to_user_id", Integer),
    Column("quote_tweet_id", Integer),
    Column("retweet_of_id", Integer),
    Column("reply_audience", String, nullable=False),
    Column("is_sensitive", Boolean, nullable=False),
    Column("content_warning", String, nullable=False),
    # JSON, written once.
    Column("entities", String, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("like_count", Integer, nullable=False),
    Column("retweet_count", Integer, nullable=False),
    Column("reply_count", Integer, nullable=False),
    Column("quote_count", Integer, nullable=False),
    Column("bookmark_count", Integer, nullable=False),
    # All of the above that never changes, as JSON, for the variant that splices.
    Column("ready", LargeBinary),
    Index("tweets_by_author", "author_id", "id"),
)
# Fan-out on write: a home is one stretch of this key.
timelines = Table(
    "timelines",
    metadata,
    Column("user_id", Integer, primary_key=True),
    Column("tweet_id", Integer, primary_key=True),
    # Of retweets, so that each original is in a home once.
    Column("original_id", Integer),
    sqlite_with_rowid=False,
)
Index(
    "retweeted_once",
    timelines.c.user_id,
    timelines.c.original_id,
    unique=True,
    sqlite_where=timelines.c.original_id.is_not(None),
)


def _pairs(name: str, one: str, other: str, *, both_ways: bool = False) -> Table:
    table = Table(
        name,
        metadata,
        Column(one, Integer, primary_key=True),
        Column(other, Integer, primary_key=True),
        sqlite_with_rowid=False,
    )
    if both_ways:
        Index(f"{name}_back", table.c[other], table.c[one])
    return table


follows = _pairs("follows", "follower_id", "followee_id", both_ways=True)
blocks = _pairs("blocks", "blocker_id", "blocked_id")
mutes = _pairs("mutes", "muter_id", "muted_id")
likes = _pairs("likes", "user_id", "tweet_id", both_ways=True)
retweets = _pairs("retweets", "user_id", "tweet_id", both_ways=True)
bookmarks = _pairs("bookmarks", "user_id", "tweet_id")
mentions = _pairs("mentions", "user_id", "tweet_id")
hashtags = Table(
    "hashtags",
    metadata,
    Column("tag", String, primary_key=True),
    Column("tweet_id", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
idempotency = Table(
    "idempotency",
    metadata,
    Column("user_id", Integer, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("tweet_id", Integer, nullable=False),
    sqlite_with_rowid=False,
)


def opened(file: Path) -> Engine:
    """An engine on the file, in which what is committed is also synced."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "busy_timeout = 5000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
