"""Who retweeted a tweet first, of the people whom a reader follows."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from aviary.ids import MAX_ID
from aviary.storage.scylla.keys import KEYS, pieces
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets import stances
from aviary.storage.scylla.tweets.listings import RETWEETS

# What most tweets have less of, and is read of many at once: buckets, and retweets in one of them.
_BUCKETS, _ROWS = 5, 64
# A popular tweet's retweets are walked this far before the reader's own people are looked up one by one.
_WALKED = 256
_BUCKETS_OF = f"SELECT owner, bucket FROM buckets WHERE list = '{RETWEETS.table}' AND owner IN ? PER PARTITION LIMIT ?"
_ROWS_OF = (
    "SELECT tweet_id, bucket, id, user_id, active FROM retweets_by_tweet"
    " WHERE tweet_id IN ? AND bucket IN ? PER PARTITION LIMIT ?"
)

# The id of a retweet and whose it is.
Retweet = tuple[int, int]
_NONE: Retweet = (0, 0)


async def earliest(tables: Tables, original_ids: Sequence[int], author_ids: AbstractSet[int]) -> Sequence[Retweet]:
    """Return for each original the smallest existing retweet by one of `author_ids` and its author, else zeros.

    Two statements for all that were retweeted little. Each of the others costs
    a walk over 256 rows plus, for the popular ones, the rows of `author_ids`.
    """
    found = await _among_few(tables, original_ids, author_ids)
    others = [each for each in original_ids if each not in found]
    walked = await asyncio.gather(*(_walk(tables, each, author_ids) for each in others))
    found |= zip(others, walked, strict=True)
    return [found[each] for each in original_ids]


async def _among_few(tables: Tables, original_ids: Sequence[int], author_ids: AbstractSet[int]) -> dict[int, Retweet]:
    """Return the answer for those originals whose retweets can all be read at once."""
    buckets = await _buckets(tables, original_ids)
    found: dict[int, Retweet] = {each: _NONE for each in original_ids if each not in buckets}
    few = _few(buckets)
    if not few:
        return found
    rows = await tables.rows(_ROWS_OF, few, sorted({each for one in few for each in buckets[one]}), _ROWS)
    held: defaultdict[tuple[int, int], list[Retweet]] = defaultdict(list)
    for original_id, bucket, retweet_id, user_id, active in rows:
        held[original_id, bucket].append((retweet_id, user_id if active else 0))
    for one in few:
        parts = [held[one, bucket] for bucket in buckets[one]]
        # A full part may go on, and the earliest come last.
        if all(len(part) < _ROWS for part in parts):
            found[one] = _first((each for part in parts for each in part), author_ids)
    return found


async def _buckets(tables: Tables, original_ids: Iterable[int]) -> Mapping[int, Sequence[int]]:
    """Return the newest buckets of each original's retweets; without any it is left out."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    keys = [(some, _BUCKETS) for some in pieces({str(each) for each in original_ids})]
    for rows in await tables.each(_BUCKETS_OF, keys):
        for owner, bucket in rows:
            found[int(owner)].append(bucket)
    return found


def _few(buckets: Mapping[int, Sequence[int]]) -> list[int]:
    """Return those originals of whose buckets none is missing, as many as one query may name with them all."""
    few: list[int] = []
    named: set[int] = set()
    for original_id, each in buckets.items():
        if len(each) < _BUCKETS and (len(few) + 1) * len(named | {*each}) <= KEYS:
            few.append(original_id)
            named |= {*each}
    return few


def _first(retweets: Iterable[Retweet], author_ids: AbstractSet[int]) -> Retweet:
    return min((each for each in retweets if each[1] in author_ids), default=_NONE)


async def _walk(tables: Tables, original_id: int, author_ids: AbstractSet[int]) -> Retweet:
    walked = await RETWEETS.first(
        tables, original_id, below=MAX_ID, above=0, limit=_WALKED, wanted=lambda row: bool(row[2]), rising=True
    )
    for retweet_id, user_id, _ in walked:
        if user_id in author_ids:
            return retweet_id, user_id
    return await _look_up(tables, original_id, author_ids) if len(walked) == _WALKED else _NONE


async def _look_up(tables: Tables, original_id: int, author_ids: AbstractSet[int]) -> Retweet:
    rows = await stances.of_tweet(tables, original_id, author_ids, "retweet_id")
    return _first(((retweet_id, user_id) for user_id, retweet_id in rows if retweet_id), author_ids)
