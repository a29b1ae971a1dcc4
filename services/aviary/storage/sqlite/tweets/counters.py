"""The counters of tweets held against their relations, on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.upkeep.store import Drift, Recount

_OPTIONS = "poll_options"


@dataclass(frozen=True, slots=True)
class _Counters:
    """A group's table, the key in it, which entities come next, and each counter with the query that counts it."""

    key: str
    entities: str
    counts: Mapping[str, str]


_OF_TWEETS = _Counters(
    key="id",
    entities="SELECT id, 0 AS option FROM tweets WHERE deleted_ms = 0 AND id > ?1 ORDER BY id LIMIT ?2",
    counts={
        "likes": "SELECT count(*) FROM likes WHERE tweet_id = entity.id AND active",
        "retweets": "SELECT count(*) FROM retweets WHERE original_id = entity.id AND retweet_id > 0",
        "replies": "SELECT count(*) FROM tweets WHERE ref_id = entity.id AND kind = 1 AND deleted_ms = 0",
        "quotes": "SELECT count(*) FROM tweets WHERE quote_id = entity.id AND quote_id > 0 AND deleted_ms = 0",
        "bookmarks": "SELECT count(*) FROM bookmarks WHERE tweet_id = entity.id AND active",
    },
)
_OF_AUTHORS = _Counters(
    key="user_id",
    # Also those who have tweets and no counters.
    entities="SELECT id, 0 AS option FROM (SELECT user_id AS id FROM authors WHERE user_id > ?1 UNION"
    " SELECT author_id FROM tweets WHERE deleted_ms = 0 AND author_id > ?1 ORDER BY id LIMIT ?2)",
    counts={
        "tweets": "SELECT count(*) FROM tweets WHERE author_id = entity.id AND deleted_ms = 0",
        "likes": "SELECT count(*) FROM tweets CROSS JOIN likes ON tweet_id = tweets.id AND active"
        " WHERE author_id = entity.id AND deleted_ms = 0",
    },
)
_OF_POLLS = _Counters(
    key="tweet_id",
    entities="SELECT tweet_id AS id, option FROM poll_options WHERE tweet_id IN"
    " (SELECT tweet_id FROM polls CROSS JOIN tweets ON id = tweet_id WHERE tweet_id > ?1 AND deleted_ms = 0"
    " ORDER BY tweet_id LIMIT ?2)",
    counts={"votes": "SELECT count(*) FROM votes WHERE tweet_id = entity.id AND option = entity.option"},
)
# By the table that holds them.
_GROUPS: Mapping[str, _Counters] = {"tweets": _OF_TWEETS, "authors": _OF_AUTHORS, _OPTIONS: _OF_POLLS}


class SqliteCounterStore:
    """Keeps CounterStore's promises in the tweets' file: one statement is one moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def groups(self) -> Sequence[str]:
        return list(_GROUPS)

    async def recount(self, group: str, *, after: int, limit: int) -> Recount:
        counters = _GROUPS[group]
        rows = await self._database.read(
            lambda connection: connection.execute(_comparison(group), (after, limit)).fetchall()
        )
        drifts = [drift for row in rows for drift in _drifts(group, counters, row)]
        entities = {row[0] for row in rows}
        return Recount(len(rows) * len(counters.counts), drifts, max(entities) if len(entities) == limit else None)

    async def repair(self, drift: Drift) -> bool:
        group, _, column = drift.counter.partition(".")

        def write(tx: Transaction) -> bool:
            # No event tells of it.
            tx.told.all = True
            if group == "authors":
                tx.execute("INSERT OR IGNORE INTO authors (user_id) VALUES (?)", (drift.entity_id,))
            return tx.execute(_correction(group, column), (drift.entity_id, drift.option)).rowcount > 0

        return await self._database.write(write)


def _comparison(group: str) -> str:
    """One row an entity: its id, its option, then each counter as stored and as counted."""
    counters = _GROUPS[group]
    pairs = ", ".join(f"coalesce(held.{column}, 0), ({count})" for column, count in counters.counts.items())
    return (
        f"WITH entity AS MATERIALIZED ({counters.entities}) SELECT entity.id, entity.option, {pairs}"
        f" FROM entity LEFT JOIN {group} AS held ON held.{counters.key} = entity.id{_same_option(group)}"
    )


def _correction(group: str, column: str) -> str:
    counters = _GROUPS[group]
    return (
        f"UPDATE {group} AS held SET {column} = entity.counted FROM"
        f" (SELECT entity.id, entity.option, ({counters.counts[column]}) AS counted"
        "   FROM (SELECT ?1 AS id, ?2 AS option) AS entity) AS entity"
        f" WHERE held.{counters.key} = ?1{_same_option(group)} AND held.{column} <> entity.counted"
    )


def _same_option(group: str) -> str:
    return " AND held.option = entity.option" if group == _OPTIONS else ""


def _drifts(group: str, counters: _Counters, row: Sequence[int]) -> Sequence[Drift]:
    entity_id, option, *pairs = row
    return [
        Drift(counter=f"{group}.{column}", entity_id=entity_id, option=option, stored=stored, counted=counted)
        for column, stored, counted in zip(counters.counts, pairs[::2], pairs[1::2], strict=True)
        if stored != counted
    ]
