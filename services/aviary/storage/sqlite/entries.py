"""Timeline entries out of the tweets table: the merge over authors, and who retweeted first."""

from __future__ import annotations

import functools
import itertools
import json
import sqlite3
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from aviary import entries
from aviary.tweets.store import HAS_MEDIA, REF_IS_REPLY, Kind

# A popular tweet's retweets are walked this far before the readers' own people are looked up one by one.
_WALKED = 256

_Row = tuple[int, int, int, int, int, int]


@functools.cache
def statement(authors: int, *, no_replies: bool, media_only: bool) -> str:
    """One query that merges the partitions of `authors` authors.

    SQLite runs the arms of a sorted UNION ALL as coroutines that each yield
    their next row on demand, so it reads about as many rows as it returns,
    however much the authors wrote. Parameters: (author, below, above) an arm, then the limit.
    """
    wanted = (" AND kind <> 1" if no_replies else "") + (f" AND flags & {HAS_MEDIA}" if media_only else "")
    arm = (
        "SELECT id, author_id, ref_id, ref_author_id, kind, flags FROM tweets"
        f" WHERE author_id = ? AND deleted_ms = 0 AND id < ? AND id > ?{wanted}"
    )
    return " UNION ALL ".join([arm] * authors) + " ORDER BY id DESC LIMIT ?"


def pack(rows: Iterable[_Row]) -> bytes:
    """Encode what the query gave."""
    return b"".join(
        entries.pack(
            entries.Entry(
                id=tweet_id,
                author_id=author_id,
                ref_id=ref_id,
                ref_author_id=ref_author_id,
                is_retweet=kind == Kind.RETWEET,
                ref_is_reply=bool(flags & REF_IS_REPLY),
                has_media=bool(flags & HAS_MEDIA),
            )
        )
        for tweet_id, author_id, ref_id, ref_author_id, kind, flags in rows
    )


def earliest_retweet(connection: sqlite3.Connection, original_id: int, author_ids: AbstractSet[int]) -> tuple[int, int]:
    """Return the smallest existing retweet of `original_id` by one of `author_ids` and its author, zeros for none.

    Costs at most 256 rows of the original's retweets plus one look-up an author.
    """
    retweets = connection.execute(
        "SELECT retweet_id, user_id FROM retweets WHERE original_id = ? AND retweet_id > 0 ORDER BY retweet_id",
        (original_id,),
    )
    walked = 0
    for retweet_id, user_id in itertools.islice(retweets, _WALKED):
        if user_id in author_ids:
            return int(retweet_id), int(user_id)
        walked += 1
    if walked < _WALKED:
        return 0, 0
    found: tuple[int, int] | None = connection.execute(
        "SELECT retweet_id, user_id FROM retweets WHERE original_id = ? AND retweet_id > 0"
        " AND user_id IN (SELECT value FROM json_each(?)) ORDER BY retweet_id LIMIT 1",
        (original_id, json.dumps(sorted(author_ids))),
    ).fetchone()
    return found or (0, 0)
