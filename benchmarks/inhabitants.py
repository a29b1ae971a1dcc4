"""Who is asked in a world that was loaded in bulk: readers of one kind or another, and authors with few followers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from aviary.seed.invention import invent_texts
from benchmarks import worlds
from benchmarks.crowd import Crowd, Person
from benchmarks.worlds import Counts

# Readers who follow about as many as the mean, so that worlds of different size compare.
_USUAL = (0.8, 1.2)
# An author is probed whose followers can all be asked.
_PROBED = (3, 40)


@dataclass(frozen=True, slots=True)
class Inhabitants:
    """The people of a loaded folder by what they are good for."""

    data: Path
    counts: Mapping[int, Counts]

    @classmethod
    def of(cls, data: Path) -> Inhabitants:
        return cls(data, worlds.counts(data))

    def usual(self, most: int) -> Crowd:
        """Those who follow about as many as people do on average."""
        mean = sum(each.following for each in self.counts.values()) / len(self.counts)
        low, high = _USUAL[0] * mean, _USUAL[1] * mean
        return self._crowd(_drawn([user for user, each in self.counts.items() if low <= each.following <= high], most))

    def keenest(self, most: int) -> Crowd:
        """The hundredth of people who follow most."""
        keen = sorted(self.counts, key=lambda user: self.counts[user].following, reverse=True)
        return self._crowd(_drawn(keen[: max(1, len(keen) // 100)], most))

    def popular(self, most: int) -> Crowd:
        """Those whom most follow."""
        return self._crowd(sorted(self.counts, key=lambda user: self.counts[user].followers, reverse=True)[:most])

    def busiest(self, most: int) -> Crowd:
        """Those who wrote most."""
        return self._crowd(worlds.busiest(self.data, most))

    def authors(self, most: int) -> Crowd:
        """Some with few enough followers that each of them can be asked."""
        low, high = _PROBED
        return self._crowd(_drawn([user for user, each in self.counts.items() if low <= each.followers <= high], most))

    def only(self, user: int) -> Crowd:
        """That one alone."""
        return self._crowd([user])

    def audience(self, authors: Crowd) -> tuple[Person, ...]:
        """Everybody who follows one of the authors."""
        followers = worlds.audience(self.data, [int(author.id) for author in authors.people])
        return worlds.signed_in(self.data, sorted(followers & self.counts.keys()))

    def followed(self, crowd: Crowd) -> tuple[int, int]:
        """The least and the most that somebody of the crowd follows."""
        following = [self.counts[int(person.id)].following for person in crowd.people]
        return min(following), max(following)

    def _crowd(self, people: Sequence[int]) -> Crowd:
        return Crowd(worlds.signed_in(self.data, people), invent_texts(len(self.counts), 500, Random(1)))


def _drawn(people: list[int], most: int) -> list[int]:
    return sorted(Random(1).sample(people, min(most, len(people))))
