"""Lists whose rows stand by falling id under an owner, cut into buckets by the time in the ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aviary import ids
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.writes import Write

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_MONTH_MS = 30 * _DAY_MS
# How wide the buckets of a tweet's lists are until the tweet has some age: most comes at first.
_AGES = ((6 * _HOUR_MS, 10 * _MINUTE_MS), (2 * _DAY_MS, _HOUR_MS), (60 * _DAY_MS, _DAY_MS))
_BUCKETS_READ = 256
_AHEAD = 16
_STEP = 20

# Whose list it is: a person, a tweet, or a hashtag's key.
Owner = int | str


def month(_owner: Owner, position: int) -> int:
    return ids.time_ms(position) // _MONTH_MS


def end_of_month(bucket: int) -> int:
    """Return the first id behind a month's."""
    return ids.first_at((bucket + 1) * _MONTH_MS)


def hour(_owner: Owner, position: int) -> int:
    return ids.time_ms(position) // _HOUR_MS


def age(tweet: Owner, position: int) -> int:
    """Return the bucket of what happened to a tweet, which grows with its age."""
    since = max(0, ids.time_ms(position) - ids.time_ms(int(tweet)))
    before = begun = 0
    for end, width in _AGES:
        if since < end:
            return before + (since - begun) // width
        before, begun = before + (end - begun) // width, end
    return before + (since - begun) // _MONTH_MS


@dataclass(frozen=True, slots=True)
class Listing:
    """One table of such lists: what it calls the owner, and the columns beside the id."""

    table: str
    owner: str
    columns: tuple[str, ...]
    bucket: Callable[[Owner, int], int]

    def put(self, write: Write, owner: Owner, position: int, **columns: Any) -> None:
        """Put a row, and its bucket among those that have any."""
        self.mark(write, owner, position, **columns)
        write.put("buckets", list=self.table, owner=str(owner), bucket=self.bucket(owner, position))

    def mark(self, write: Write, owner: Owner, position: int, **columns: Any) -> None:
        """Set columns of a row that is there."""
        write.put(self.table, **self._key(owner, position), **columns)

    def remove(self, write: Write, owner: Owner, position: int) -> None:
        """Delete a row; the bucket stays among those that may have some."""
        write.remove(self.table, **self._key(owner, position))

    async def walk(
        self, tables: Tables, owner: Owner, *, below: int, above: int, step: int, rising: bool = False
    ) -> AsyncIterator[Sequence[Row]]:
        """Yield the rows between two ids, each its id and `columns`, newest or oldest first, about `step` at a time.

        One read of the buckets, then one round a stretch; where buckets hold
        little, more of them are read at once.
        """
        statement = self._stretch(rising=rising)
        async for buckets in self._buckets(tables, owner, below=below, above=above, rising=rising):
            at, ahead = 0, 1
            while at < len(buckets):
                some = buckets[at : at + ahead]
                stretches = await tables.each(statement, [(owner, each, below, above, step) for each in some])
                ahead = min(2 * ahead, _AHEAD)
                for rows in stretches:
                    if rows:
                        yield rows
                    if len(rows) >= step:
                        # There may be more of the same bucket.
                        below, above = (below, rows[-1][0]) if rising else (rows[-1][0], above)
                        ahead = 1
                        break
                    at += 1

    async def first(
        self,
        tables: Tables,
        owner: Owner,
        *,
        below: int,
        above: int,
        limit: int,
        wanted: Callable[[Row], bool],
        rising: bool = False,
    ) -> list[Row]:
        """Return the first `limit` rows between two ids that are wanted."""
        found: list[Row] = []
        step = max(limit, _STEP)
        async for rows in self.walk(tables, owner, below=below, above=above, step=step, rising=rising):
            found += [each for each in rows if wanted(each)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _buckets(
        self, tables: Tables, owner: Owner, *, below: int, above: int, rising: bool
    ) -> AsyncIterator[Sequence[int]]:
        lowest, highest = self.bucket(owner, above), self.bucket(owner, below)
        statement = (
            "SELECT bucket FROM buckets WHERE list = ? AND owner = ? AND bucket >= ? AND bucket <= ?"
            f" ORDER BY bucket {'ASC' if rising else 'DESC'} LIMIT {_BUCKETS_READ}"
        )
        while lowest <= highest:
            rows = await tables.rows(statement, self.table, str(owner), lowest, highest)
            yield [each for (each,) in rows]
            if len(rows) < _BUCKETS_READ:
                return
            lowest, highest = (rows[-1][0] + 1, highest) if rising else (lowest, rows[-1][0] - 1)

    def _stretch(self, *, rising: bool) -> str:
        return (
            f"SELECT {', '.join(('id', *self.columns))} FROM {self.table}"
            f" WHERE {self.owner} = ? AND bucket = ? AND id < ? AND id > ?"
            f" ORDER BY id {'ASC' if rising else 'DESC'} LIMIT ?"
        )

    def _key(self, owner: Owner, position: int) -> dict[str, Any]:
        return {self.owner: owner, "bucket": self.bucket(owner, position), "id": position}


BY_AUTHOR = Listing("tweets_by_author", "author_id", ("kind", "ref_id", "ref_author_id", "flags", "deleted"), month)
REPLIES = Listing("replies", "tweet_id", ("deleted",), age)
QUOTES = Listing("quotes", "tweet_id", ("deleted",), age)
CONVERSATIONS = Listing("conversations", "conversation_id", ("ref_id", "lineage", "deleted"), age)
RETWEETS = Listing("retweets_by_tweet", "tweet_id", ("user_id", "active"), age)
MENTIONS = Listing("mentions", "user_id", ("active",), month)
HASHTAGS = Listing("hashtags", "tag", (), hour)
VOTES = Listing("votes_by_user", "user_id", ("option",), month)
