"""Rows of the tweets' file as records."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from aviary.paging import PageRequest
from aviary.tweets.store import HAS_POLL, Audience, Kind, Loaded, Poll, Tweet

_COLUMNS = (
    "id, author_id, kind, ref_id, ref_author_id, quote_id, conversation_id, flags, audience, version, body, deleted_ms,"
    " likes, retweets, replies, quotes, bookmarks"
)

# By their numbers: an enumeration's own look-up is the dearest part of reading a row.
_KINDS: Mapping[int, Kind] = {int(each): each for each in Kind}
_AUDIENCES: Mapping[int, Audience] = {int(each): each for each in Audience}


def load(connection: sqlite3.Connection, ids: Sequence[int], viewer_id: int) -> Loaded:
    """Return tweets with those inside them, two levels deep, and the viewer's own flags."""
    tweets = _tweets(connection, ids)
    inside = _refs(tweets.values()) - tweets.keys()
    tweets |= _tweets(connection, list(inside))
    deeper = _refs(tweets[each] for each in inside if each in tweets) - tweets.keys()
    tweets |= _tweets(connection, list(deeper))
    return Loaded(
        tweets=tweets,
        polls=_polls(connection, viewer_id, [each.id for each in tweets.values() if each.flags & HAS_POLL]),
        liked=_own(connection, viewer_id, tweets, of=("likes", "tweet_id", "active")),
        retweeted=_own(connection, viewer_id, tweets, of=("retweets", "original_id", "retweet_id > 0")),
        bookmarked=_own(connection, viewer_id, tweets, of=("bookmarks", "tweet_id", "active")),
    )


def newest_ids(connection: sqlite3.Connection, condition: str, key: int, page: PageRequest) -> Sequence[int]:
    """Return a page of the existing tweets that a partial index holds under `key`, newest first."""
    rows = connection.execute(
        f"SELECT id FROM tweets WHERE {condition} AND deleted_ms = 0 AND id < ? AND id > ? ORDER BY id DESC LIMIT ?",
        (key, page.below, page.above, page.limit),
    ).fetchall()
    return [tweet_id for (tweet_id,) in rows]


def marks(values: Collection[object]) -> str:
    """As many question marks as there are values."""
    return ",".join("?" * len(values))


def _tweets(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, Tweet]:
    if not ids:
        return {}
    rows = connection.execute(f"SELECT {_COLUMNS} FROM tweets WHERE id IN ({marks(ids)})", ids)
    return {
        row[0]: Tweet(
            id=row[0],
            author_id=row[1],
            kind=_KINDS[row[2]],
            ref_id=row[3],
            ref_author_id=row[4],
            quote_id=row[5],
            conversation_id=row[6],
            flags=row[7],
            audience=_AUDIENCES[row[8]],
            version=row[9],
            body=row[10],
            deleted=row[11] > 0,
            likes=row[12],
            retweets=row[13],
            replies=row[14],
            quotes=row[15],
            bookmarks=row[16],
        )
        for row in rows
    }


def _refs(tweets: Iterable[Tweet]) -> set[int]:
    referred: set[int] = set()
    for tweet in tweets:
        if tweet.kind is Kind.RETWEET:
            referred.add(tweet.ref_id)
        if tweet.quote_id:
            referred.add(tweet.quote_id)
    return referred


def _polls(connection: sqlite3.Connection, viewer_id: int, ids: Sequence[int]) -> Mapping[int, Poll]:
    if not ids:
        return {}
    rows = connection.execute(
        "SELECT polls.tweet_id, ends_ms, text, poll_options.votes, votes.option"
        " FROM polls JOIN poll_options USING (tweet_id)"
        " LEFT JOIN votes ON votes.tweet_id = polls.tweet_id AND votes.user_id = ?"
        f" WHERE polls.tweet_id IN ({marks(ids)}) ORDER BY polls.tweet_id, poll_options.option",
        (viewer_id, *ids),
    )
    options: dict[int, list[tuple[str, int]]] = defaultdict(list)
    ends: dict[int, tuple[int, int | None]] = {}
    for tweet_id, ends_ms, text, votes, voted in rows:
        options[tweet_id].append((text, votes))
        ends[tweet_id] = ends_ms, voted
    return {
        tweet_id: Poll(
            ends_ms=ends_ms,
            options=[text for text, _ in options[tweet_id]],
            votes=[votes for _, votes in options[tweet_id]],
            voted=voted,
        )
        for tweet_id, (ends_ms, voted) in ends.items()
    }


def _own(
    connection: sqlite3.Connection, viewer_id: int, tweets: Iterable[int], *, of: tuple[str, str, str]
) -> frozenset[int]:
    ids, (table, column, state) = list(tweets), of
    rows = connection.execute(
        f"SELECT {column} FROM {table} WHERE user_id = ? AND {column} IN ({marks(ids)}) AND {state}",
        (viewer_id, *ids),
    )
    return frozenset(each for (each,) in rows)
