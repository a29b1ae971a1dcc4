"""Timeline entries out of the tweets table: the merge over authors, and who retweeted first."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from aviary import entries
from aviary.ids import MAX_ID
from aviary.tweets.store import HAS_MEDIA, REF_IS_REPLY, Kind

# A popular tweet's retweets are walked this far before the readers' own people are looked up one by one.
_WALKED = 256

_WALK = f"""
WITH walks (original_id, last_id) AS MATERIALIZED (
    SELECT value, coalesce((
        SELECT retweet_id FROM retweets WHERE original_id = value AND retweet_id > 0
        ORDER BY retweet_id LIMIT 1 OFFSET {_WALKED - 1}
    ), {MAX_ID}) FROM json_each(?)
)
SELECT original_id, retweet_id, user_id FROM walks CROSS JOIN retweets INDEXED BY retweets_by_id USING (original_id)
WHERE retweet_id > 0 AND retweet_id <= last_id ORDER BY original_id, retweet_id
"""
# The sign keeps the index by retweet out of it: a look-up an author is by the primary key.
_LOOK_UP = """
SELECT asked.value, min(retweets.retweet_id), retweets.user_id
FROM json_each(?1) AS asked CROSS JOIN json_each(?2) AS authors
CROSS JOIN retweets ON retweets.original_id = asked.value AND retweets.user_id = authors.value
WHERE +retweets.retweet_id > 0 GROUP BY asked.value
"""

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


def earliest_retweets(
    connection: sqlite3.Connection, original_ids: Sequence[int], author_ids: AbstractSet[int]
) -> Sequence[tuple[int, int]]:
    """Return for each original the smallest existing retweet by one of `author_ids` and its author, else zeros.

    Two queries at most, which cost 256 rows of an original's retweets plus, for
    the popular ones, a look-up an author.
    """
    walked: Counter[int] = Counter()
    found: dict[int, tuple[int, int]] = {}
    # Looked for here, where the authors are a set: the query would have to make one of them first.
    for original, retweet, author in connection.execute(_WALK, (json.dumps(list(set(original_ids))),)):
        walked[original] += 1
        if author in author_ids:
            found.setdefault(original, (retweet, author))
    popular = [original for original, count in walked.items() if count == _WALKED and original not in found]
    if popular:
        rows = connection.execute(_LOOK_UP, (json.dumps(popular), json.dumps(list(author_ids))))
        found |= {original: (earliest, author) for original, earliest, author in rows}
    return [found.get(original, (0, 0)) for original in original_ids]
