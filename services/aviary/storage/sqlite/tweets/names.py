"""Whom and what a text names: the mentions and hashtags that lists are made from."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from aviary import hashtags
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.transaction import Transaction
from aviary.tweets import encoding
from aviary.tweets.store import Entities

_BATCH = 1_000


def keep(tx: Transaction, tweet_id: int, author_id: int, entities: Entities, trace: str) -> None:
    """Make the rows of a tweet what its present text names, and tell those who were never told."""
    people = sorted({each.user_id for each in entities.mentions if each.user_id not in tx.erased} - {0})
    tags = {hashtags.key(each.text) for each in entities.hashtags}
    tx.execute("DELETE FROM hashtags WHERE tweet_id = ?", (tweet_id,))
    tx.executemany("INSERT INTO hashtags (tag, tweet_id) VALUES (?, ?)", _pairs(sorted(tags), tweet_id))
    told = {user_id for (user_id,) in tx.execute("SELECT user_id FROM mentions WHERE tweet_id = ?", (tweet_id,))}
    # A name that was taken out leaves its row, so that nobody is told twice.
    tx.execute("UPDATE mentions SET active = 0 WHERE tweet_id = ?", (tweet_id,))
    tx.executemany(
        "INSERT INTO mentions (user_id, tweet_id, active) VALUES (?, ?, 1)"
        " ON CONFLICT (user_id, tweet_id) DO UPDATE SET active = 1",
        _pairs(people, tweet_id),
    )
    for user_id in people:
        if user_id not in told and user_id != author_id:
            tx.emit(
                Event(
                    type=events_pb2.EVENT_TYPE_MENTIONED,
                    key=author_id,
                    entity_id=tweet_id,
                    actor_id=author_id,
                    target_id=user_id,
                    traceparent=trace,
                )
            )


def drop(tx: Transaction, tweet_id: int) -> None:
    """Take a deleted tweet out of every list."""
    tx.execute("DELETE FROM hashtags WHERE tweet_id = ?", (tweet_id,))
    tx.execute("DELETE FROM mentions WHERE tweet_id = ?", (tweet_id,))


def backfill(connection: sqlite3.Connection) -> None:
    """Make the rows of tweets that were written before there were any; nobody is told."""
    tweets = connection.execute("SELECT id, body FROM tweets WHERE kind <> 3 AND deleted_ms = 0 ORDER BY id")
    while rows := tweets.fetchmany(_BATCH):
        connection.executemany(
            "INSERT OR IGNORE INTO hashtags (tag, tweet_id) VALUES (?, ?)",
            [(hashtags.key(tag), tweet_id) for tweet_id, body in rows for tag in encoding.hashtags(body)],
        )
        connection.executemany(
            "INSERT INTO mentions (user_id, tweet_id, active) VALUES (?, ?, 1)",
            [(user_id, tweet_id) for tweet_id, body in rows for user_id in encoding.mentioned(body)],
        )


def _pairs(names: Collection[str] | Collection[int], tweet_id: int) -> Iterable[tuple[str | int, int]]:
    return ((name, tweet_id) for name in names)
