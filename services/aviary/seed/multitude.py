"""A world too large for a list of calls: people, and whom they follow, with the skew that real graphs have."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from aviary.seed.people import MOST_PEOPLE

# The followers of the n-th most popular fall as n to this power. With 100,000 people who follow 100 each, the first
# is followed by nearly everybody, and about seventy have more than 10,000 followers.
_POPULARITY = -0.9
# Some follow ten times as many as others (log-normal), and few write most of what is written (Pareto, up to a bound).
_CURIOSITY, _ACTIVITY, _MOST_ACTIVE = 1.0, 1.3, 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a world is. Raises ValueError for one that cannot be."""

    people: int
    follows: int
    tweets: int

    def __post_init__(self) -> None:
        if not 2 <= self.people <= MOST_PEOPLE:
            raise ValueError(f"a world of {self.people:,} people cannot be made; it takes 2 to {MOST_PEOPLE:,}")
        most = self.people * (self.people - 1) // 4
        if not 0 <= self.follows <= most:
            raise ValueError(f"{self.people:,} people cannot follow {self.follows:,} times; the limit is {most:,}")
        if self.tweets < 0:
            raise ValueError(f"{self.tweets:,} tweets cannot be made; the least is 0")


class Multitude:
    """The world of a size and a seed, the same for the same two: people are numbered from 0."""

    def __init__(self, size: Size, *, seed: int = 1) -> None:
        self.size = size
        self.seed = seed
        rng = Random(f"{seed}/people")
        self._by_rank = rng.sample(range(size.people), size.people)
        self._popularity = list(accumulate((rank + 1) ** _POPULARITY for rank in range(size.people)))
        # How much each person does, summed up to them.
        self.activity = list(accumulate(min(_MOST_ACTIVE, rng.paretovariate(_ACTIVITY)) for _ in range(size.people)))
        self._following: list[array[int]] = []

    @property
    def following(self) -> Sequence[Sequence[int]]:
        """Whom each person follows, in order; nobody twice, and nobody themselves. Four bytes a follow."""
        if not self._following:
            rng = Random(f"{self.seed}/follows")
            self._following = [self._idols(who, count, rng) for who, count in enumerate(self._curiosity(rng))]
        return self._following

    def _curiosity(self, rng: Random) -> Iterator[int]:
        """How many each person follows; together exactly as many as the world has."""
        shares = [rng.lognormvariate(0, _CURIOSITY) for _ in range(self.size.people)]
        left, weight = self.size.follows, sum(shares)
        for before, share in enumerate(shares):
            others = self.size.people - 1
            # What the rest cannot take is for this person, and what this one cannot take is for the rest.
            least = left - (self.size.people - before - 1) * others
            count = min(others, max(least, round(left * share / weight)))
            yield count
            left, weight = left - count, weight - share

    def _idols(self, who: int, count: int, rng: Random) -> array[int]:
        found: dict[int, None] = {}
        for _ in range(16):
            missing = count - len(found)
            if not missing:
                break
            found.update(dict.fromkeys(rng.choices(self._by_rank, cum_weights=self._popularity, k=missing)))
            found.pop(who, None)
        else:
            # Who follows most of the world has all the popular ones by now.
            rest = [each for each in range(self.size.people) if each != who and each not in found]
            found.update(dict.fromkeys(rng.sample(rest, count - len(found))))
        return array("i", found)
