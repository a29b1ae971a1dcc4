"""Likes and bookmarks: a person's marks on tweets, two cells of truth each, and a list from either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import listings, stances
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
    """One kind of mark: its lists, and its cells in the truth."""

    def __init__(self, name: str, *, place: str, active: str) -> None:
        self.name = name
        self._place = place
        self._active = active
        self._cells = f"{place}, {active}"
        self.by_user = Listing(f"{name}_by_user", "user_id", ("tweet_id", "active"), listings.month)
        self.by_tweet = Listing(f"{name}_by_tweet", "tweet_id", ("user_id", "active"), listings.age)

    async def one(self, tables: Tables, user_id: int, tweet_id: int) -> Mark:
        row = await stances.one(tables, user_id, tweet_id, f"{self._cells}, writetime({self._active})")
        return Mark(row[0] or 0, bool(row[1]), row[2] or 0) if row else _NONE

    async def standing_of_user(self, tables: Tables, user_id: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Return those of `by_user`'s rows whose place is the truth's."""
        found = await stances.of_person(tables, user_id, {row[1] for row in rows if row[2]}, self._cells)
        return _standing(rows, found)

    async def standing_of_tweet(self, tables: Tables, tweet_id: int, rows: Sequence[Row]) -> Sequence[Row]:
        """Return those of `by_tweet`'s rows whose place is the truth's."""
        found = await stances.of_tweet(tables, tweet_id, {row[1] for row in rows if row[2]}, self._cells)
        return _standing(rows, found)

    def put(self, write: Write, user_id: int, tweet_id: int, before: Mark) -> None:
        """Make a mark active, at the head of both lists; what stood at its place of before goes."""
        write.after(before.at_us)
        mark_id = write.next_id()
        stances.put(write, user_id, tweet_id, **{self._place: mark_id, self._active: True})
        self.by_user.put(write, user_id, mark_id, tweet_id=tweet_id, active=True)
        self.by_tweet.put(write, tweet_id, mark_id, user_id=user_id, active=True)
        if before.id:
            self.by_user.remove(write, user_id, before.id)
            self.by_tweet.remove(write, tweet_id, before.id)

    def take_back(self, write: Write, user_id: int, tweet_id: int, before: Mark) -> None:
        """Make a mark inactive. Its place stays: somebody may ask for what is newer than it."""
        write.after(before.at_us)
        stances.put(write, user_id, tweet_id, **{self._active: False})
        self.by_user.mark(write, user_id, before.id, active=False)
        self.by_tweet.mark(write, tweet_id, before.id, active=False)

    def erase(self, write: Write, user_id: int, tweet_id: int, mark_id: int) -> None:
        """Remove a mark: its cells of the truth, and its rows on both sides."""
        stances.put(write, user_id, tweet_id, **{self._place: None, self._active: None})
        self.by_user.remove(write, user_id, mark_id)
        self.by_tweet.remove(write, tweet_id, mark_id)


LIKES = Marks("likes", place="like_id", active="liked")
BOOKMARKS = Marks("bookmarks", place="bookmark_id", active="bookmarked")


def _standing(rows: Sequence[Row], found: Sequence[Row]) -> Sequence[Row]:
    places = {each: place for each, place, active in found if active}
    return [row for row in rows if row[2] and places.get(row[1]) == row[0]]
