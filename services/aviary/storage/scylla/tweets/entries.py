"""Timeline entries out of the authors' partitions, merged over the authors."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aviary import entries
from aviary.paging import PageRequest
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import listings
from aviary.storage.scylla.tweets.listings import BY_AUTHOR
from aviary.tweets.store import HAS_MEDIA, REF_IS_REPLY, Kind

_BUCKETS = (
    f"SELECT owner, bucket FROM buckets WHERE list = '{BY_AUTHOR.table}' AND owner IN ? AND bucket >= ? AND bucket <= ?"
)
_STRETCH = (
    "SELECT author_id, id, kind, ref_id, ref_author_id, flags, deleted FROM tweets_by_author"
    " WHERE author_id IN ? AND bucket = ? AND id < ? AND id > ? PER PARTITION LIMIT ?"
)
# The least that is asked of an author at once.
_LEAST = 4


class _Author:
    """How far an author's tweets were read: what comes next is in the bucket at `place`, below `below`."""

    def __init__(self, author_id: int, below: int) -> None:
        self.id = author_id
        self.buckets: list[int] = []
        self.place = 0
        self.below = below

    @property
    def reach(self) -> int:
        """Above this nothing is left unread; 0 when nothing is left at all."""
        if self.place >= len(self.buckets):
            return 0
        return min(self.below, listings.end_of_month(self.buckets[self.place]))

    def advance(self, rows: Sequence[Row], asked: int) -> None:
        if len(rows) < asked:
            self.place += 1
        if rows:
            self.below = rows[-1][1]


async def newest(
    tables: Tables, author_ids: Sequence[int], page: PageRequest, *, no_replies: bool, media_only: bool
) -> Sequence[Row]:
    """Return the newest rows of all authors together, newest first.

    One read of their months and one of their newest tweets, a few each; then
    only of those who may have more that belongs to the page.
    """
    authors = await _authors(tables, author_ids, page)
    wanted: list[Row] = []
    asked = max(_LEAST, 2 * page.limit // max(1, len(authors)))
    # What is in the way of the page: below the last of it nothing matters.
    while some := [each for each in authors if each.reach > _last(wanted, page.limit)]:
        for row in await _read(tables, some, page.above, asked):
            is_left_out = row[6] or (no_replies and row[2] == Kind.REPLY) or (media_only and not row[5] & HAS_MEDIA)
            if not is_left_out:
                wanted.append(row)
        wanted = heapq.nlargest(page.limit, wanted, key=lambda row: row[1])
        asked = min(2 * asked, max(_LEAST, page.limit))
    return wanted


def pack(rows: Iterable[Row]) -> bytes:
    """Encode what `newest` gave."""
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
        for author_id, tweet_id, kind, ref_id, ref_author_id, flags, _ in rows
    )


async def _authors(tables: Tables, author_ids: Sequence[int], page: PageRequest) -> Sequence[_Author]:
    found = {each: _Author(each, page.below) for each in author_ids}
    lowest, highest = BY_AUTHOR.bucket(0, page.above), BY_AUTHOR.bucket(0, page.below)
    keys = [([str(each) for each in some], lowest, highest) for some in pieces(author_ids)]
    for rows in await tables.each(_BUCKETS, keys):
        for owner, bucket in rows:
            found[int(owner)].buckets.append(bucket)
    return [each for each in found.values() if each.buckets]


async def _read(tables: Tables, authors: Sequence[_Author], above: int, asked: int) -> Sequence[Row]:
    """Read on, up to `asked` rows of each; those at the same place share a query."""
    places: dict[tuple[int, int], list[_Author]] = defaultdict(list)
    for author in authors:
        places[author.buckets[author.place], author.below].append(author)
    keys = [
        ([each.id for each in some], bucket, below, above, asked)
        for (bucket, below), together in places.items()
        for some in pieces(together)
    ]
    read = [row for rows in await tables.each(_STRETCH, keys) for row in rows]
    by_author: dict[int, list[Row]] = defaultdict(list)
    for row in read:
        by_author[row[0]].append(row)
    for author in authors:
        author.advance(by_author[author.id], asked)
    return read


def _last(wanted: Sequence[Row], limit: int) -> int:
    return int(wanted[-1][1]) if len(wanted) == limit else 0
