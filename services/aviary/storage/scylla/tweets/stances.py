"""What a person thinks of a tweet: their like, their bookmark and their retweet of it are cells of one row.

A row is there as long as one of its cells is: cells are put by updates, which
leave no mark of a row as an insert does, and taken away one kind at a time. So
what removes a like leaves the bookmark, and the last to go leaves no key behind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import listings
from aviary.storage.scylla.writes import Write


@dataclass(frozen=True, slots=True)
class Own:
    """Which tweets the viewer likes, has retweeted and has bookmarked."""

    liked: AbstractSet[int] = frozenset()
    retweeted: AbstractSet[int] = frozenset()
    bookmarked: AbstractSet[int] = frozenset()


async def one(tables: Tables, user_id: int, tweet_id: int, columns: str) -> Row | None:
    """Return these columns of one stance; a cell of a kind that there never was is None, as the row may be."""
    return await tables.one(
        f"SELECT {columns} FROM stances WHERE user_id = ? AND month = ? AND tweet_id = ?",
        *(user_id, _month(tweet_id), tweet_id),
    )


async def of_person(tables: Tables, user_id: int, tweet_ids: Collection[int], columns: str) -> Sequence[Row]:
    """Return a person's stances on tweets: each tweet's id, then these columns. A partition a month."""
    answers = await tables.each(
        f"SELECT tweet_id, {columns} FROM stances WHERE user_id = ? AND month IN ? AND tweet_id IN ?",
        [(user_id, sorted({_month(each) for each in some}), some) for some in pieces(tweet_ids)],
    )
    return [row for rows in answers for row in rows]


async def of_tweet(tables: Tables, tweet_id: int, user_ids: Collection[int], columns: str) -> Sequence[Row]:
    """Return people's stances on a tweet: each one's id, then these columns. A partition a person."""
    answers = await tables.each(
        f"SELECT user_id, {columns} FROM stances WHERE user_id IN ? AND month = ? AND tweet_id = ?",
        [(some, _month(tweet_id), tweet_id) for some in pieces(user_ids)],
    )
    return [row for rows in answers for row in rows]


async def own(tables: Tables, viewer_id: int, tweet_ids: Collection[int]) -> Own:
    """Return what the viewer, 0 for nobody, did with these tweets."""
    if not viewer_id:
        return Own()
    rows = await of_person(tables, viewer_id, tweet_ids, "liked, retweet_id, bookmarked")
    return Own(
        liked=frozenset(row[0] for row in rows if row[1]),
        retweeted=frozenset(row[0] for row in rows if row[2]),
        bookmarked=frozenset(row[0] for row in rows if row[3]),
    )


def put(write: Write, user_id: int, tweet_id: int, **cells: int | None) -> None:
    """Set cells of a stance; None takes one away."""
    write.update("stances", {"user_id": user_id, "month": _month(tweet_id), "tweet_id": tweet_id}, **cells)


def _month(tweet_id: int) -> int:
    return listings.month(0, tweet_id)
