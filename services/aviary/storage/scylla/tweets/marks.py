"""Likes and bookmarks: a person's marks on tweets, one row of truth each, and a list from either side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import listings
from aviary.storage.scylla.tweets.keys import pieces
from aviary.storage.scylla.tweets.listings import Listing
from aviary.storage.scylla.writes import Write


@dataclass(frozen=True, slots=True)
class Mark:
    """What the truth says about one person and tweet: the place in both lists, 0 for none ever, and since when."""

    id: int = 0
    active: bool = False
    at_us: int = 0


_NONE = Mark()


class Marks:
    """The tables of one kind of mark."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.by_user = Listing(f"{table}_by_user", "user_id", ("tweet_id", "active"), listings.month)
        self.by_tweet = Listing(f"{table}_by_tweet", "tweet_id", ("user_id", "active"), listings.age)

    async def one(self, tables: Tables, user_id: int, tweet_id: int) -> Mark:
        row = await tables.one(
            f"SELECT mark_id, active, writetime(active) FROM {self.table}"
            " WHERE user_id = ? AND month = ? AND tweet_id = ?",
            *(user_id, _month(tweet_id), tweet_id),
        )
        return Mark(row[0] or 0, bool(row[1]), row[2] or 0) if row else _NONE

    async def many(self, tables: Tables, user_id: int, tweet_ids: Iterable[int]) -> Mapping[int, Mark]:
        """Return a person's marks on these tweets, taken back ones included. One round of reads."""
        months: dict[int, list[int]] = defaultdict(list)
        for tweet_id in tweet_ids:
            months[_month(tweet_id)].append(tweet_id)
        answers = await tables.each(
            f"SELECT tweet_id, mark_id, active FROM {self.table} WHERE user_id = ? AND month = ? AND tweet_id IN ?",
            [(user_id, month, some) for month, each in months.items() for some in pieces(each)],
        )
        return {tweet_id: Mark(mark_id or 0, bool(active)) for rows in answers for tweet_id, mark_id, active in rows}

    async def own(self, tables: Tables, viewer_id: int, tweet_ids: Iterable[int]) -> AbstractSet[int]:
        """Return those of the tweets that the viewer has marked."""
        if not viewer_id:
            return frozenset()
        marks = await self.many(tables, viewer_id, tweet_ids)
        return frozenset(tweet_id for tweet_id, mark in marks.items() if mark.active)

    async def standing_of_user(self, tables: Tables, user_id: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Return those of `by_user`'s rows whose place is the truth's."""
        marks = await self.many(tables, user_id, [row[1] for row in rows if row[2]])
        return [row for row in rows if row[2] and _stands(marks.get(row[1]), row[0])]

    async def standing_of_tweet(self, tables: Tables, tweet_id: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Return those of `by_tweet`'s rows whose place is the truth's."""
        marks = await self._of_people(tables, tweet_id, {row[1] for row in rows if row[2]})
        return [row for row in rows if row[2] and _stands(marks.get(row[1]), row[0])]

    def put(self, write: Write, user_id: int, tweet_id: int, before: Mark) -> None:
        """Make a mark active, at the head of both lists; what stood at its place of before goes."""
        write.after(before.at_us)
        mark_id = write.next_id()
        write.put(self.table, user_id=user_id, month=_month(tweet_id), tweet_id=tweet_id, mark_id=mark_id, active=True)
        self.by_user.put(write, user_id, mark_id, tweet_id=tweet_id, active=True)
        self.by_tweet.put(write, tweet_id, mark_id, user_id=user_id, active=True)
        if before.id:
            self.by_user.remove(write, user_id, before.id)
            self.by_tweet.remove(write, tweet_id, before.id)

    def take_back(self, write: Write, user_id: int, tweet_id: int, before: Mark) -> None:
        """Make a mark inactive. Its place stays: somebody may ask for what is newer than it."""
        write.after(before.at_us)
        write.put(self.table, user_id=user_id, month=_month(tweet_id), tweet_id=tweet_id, active=False)
        self.by_user.mark(write, user_id, before.id, active=False)
        self.by_tweet.mark(write, tweet_id, before.id, active=False)

    def erase(self, write: Write, user_id: int, tweet_id: int, mark_id: int) -> None:
        """Remove every row of a mark, from both sides."""
        write.remove(self.table, user_id=user_id, month=_month(tweet_id), tweet_id=tweet_id)
        self.by_user.remove(write, user_id, mark_id)
        self.by_tweet.remove(write, tweet_id, mark_id)

    async def _of_people(self, tables: Tables, tweet_id: int, user_ids: Collection[int]) -> Mapping[int, Mark]:
        answers = await tables.each(
            f"SELECT user_id, mark_id, active FROM {self.table} WHERE user_id IN ? AND month = ? AND tweet_id = ?",
            [(some, _month(tweet_id), tweet_id) for some in pieces(user_ids)],
        )
        return {user_id: Mark(mark_id or 0, bool(active)) for rows in answers for user_id, mark_id, active in rows}


LIKES = Marks("likes")
BOOKMARKS = Marks("bookmarks")


def _month(tweet_id: int) -> int:
    return listings.month(0, tweet_id)


def _stands(mark: Mark | None, place: int) -> bool:
    return mark is not None and mark.active and mark.id == place
