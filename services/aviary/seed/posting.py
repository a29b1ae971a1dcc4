"""Who posts what in which order: a mix of originals, answers, retweets, likes and their undoing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from random import Random
from typing import TypeVar

from aviary.seed.call import Call, Op
from aviary.seed.world import World

T = TypeVar("T")

# How many of each there are for one original.
_MIX = (
    (Op.REPLY, 0.20),
    (Op.QUOTE, 0.06),
    (Op.RETWEET, 0.20),
    (Op.LIKE, 0.40),
    (Op.UNLIKE, 0.05),
    (Op.UNRETWEET, 0.03),
    (Op.DELETE, 0.04),
)
_AMONG_FRIENDS = 0.7
_TO_ONESELF = 0.1


class Posting:
    """Draws calls that make sense at their place: one likes what is there and unlikes what one liked.

    What is there is judged by the plan alone. Where calls overtake each other somebody may answer a tweet that
    was deleted a moment ago; the refusal is then the right answer. Tweets are named by the calls that make them.
    """

    def __init__(self, world: World, rng: Random, following: Mapping[int, Set[int]], index: Iterator[int]) -> None:
        self._world = world
        self._rng = rng
        self._following = following
        self._index = index
        self._said = 0
        self._author: dict[int, int] = {}  # of each tweet that is there
        self._there: list[int] = []
        self._by: dict[int, list[int]] = {who: [] for who in range(world.people)}
        self._original: dict[int, int] = {}  # of each retweet
        self._retweets: dict[tuple[int, int], int] = {}  # by (who, original)
        self._likes: list[tuple[int, int]] = []
        self._fresh: list[int] = []
        self._old: list[int] = []
        self._old_retweets: list[int] = []

    def round(self, authors: list[int]) -> Iterator[Call]:
        """One original by each of `authors`, in order, and all else among them. Removes what earlier rounds made."""
        for author in authors:
            yield self._make(author, Op.POST, None)
            for op, share in _MIX:
                call = self._draw(op) if self._rng.random() < share else None
                if call:
                    yield call
        self._old += self._fresh
        self._old_retweets += [made for made in self._fresh if made in self._original]
        self._fresh = []

    def _draw(self, op: Op) -> Call | None:
        match op:
            case Op.UNLIKE:
                return self._unlike()
            case Op.UNRETWEET:
                return self._unretweet()
            case Op.DELETE:
                return self._delete()
            case _:
                who = self._rng.randrange(self._world.people)
                target = self._target(who, op)
                return None if target is None else self._act(who, op, target)

    def _target(self, who: int, op: Op) -> int | None:
        """Something that is there, mostly by those one follows; of a retweet, its original is meant."""
        chance = self._rng.random()
        pool = self._there
        if op is Op.REPLY and chance < _TO_ONESELF:
            pool = self._by[who]
        elif chance < _AMONG_FRIENDS and self._following[who]:
            pool = self._by[self._rng.choice(sorted(self._following[who]))]
        return self._rng.choice(pool) if pool else None

    def _act(self, who: int, op: Op, target: int) -> Call:
        if op is Op.LIKE:
            self._likes.append((who, target))
            return Call(next(self._index), who, op, of=target)
        if op is Op.RETWEET and (who, self._meant(target)) in self._retweets:
            # A repeat answers with the retweet that is there, so it makes nothing that could be acted on.
            return Call(next(self._index), who, op, of=target)
        return self._make(who, op, target)

    def _make(self, who: int, op: Op, target: int | None) -> Call:
        made = next(self._index)
        self._author[made] = who
        self._there.append(made)
        self._by[who].append(made)
        self._fresh.append(made)
        if op is Op.RETWEET and target is not None:
            self._original[made] = self._meant(target)
            self._retweets[who, self._meant(target)] = made
            return Call(made, who, op, of=target)
        return Call(made, who, op, of=target, text=self._text())

    def _meant(self, target: int) -> int:
        return self._original.get(target, target)

    def _text(self) -> str:
        text = self._world.texts[self._said % len(self._world.texts)]
        self._said += 1
        return text

    def _unlike(self) -> Call | None:
        like = self._take(self._likes)
        if like is None or like[1] not in self._author:
            return None
        return Call(next(self._index), like[0], Op.UNLIKE, of=like[1])

    def _unretweet(self) -> Call | None:
        retweet = self._take(self._old_retweets)
        if retweet is None or retweet not in self._author:
            return None
        who = self._author[retweet]
        self._forget(retweet)
        return Call(next(self._index), who, Op.UNRETWEET, of=self._original[retweet])

    def _delete(self) -> Call | None:
        """Delete something, a retweet perhaps: that is another way to undo it."""
        made = self._take(self._old)
        if made is None or made not in self._author:
            return None
        who = self._author[made]
        for retweet in [r for r, original in self._original.items() if original == made and r in self._author]:
            self._forget(retweet)
        self._forget(made)
        return Call(next(self._index), who, Op.DELETE, of=made)

    def _forget(self, made: int) -> None:
        who = self._author.pop(made)
        self._by[who].remove(made)
        self._there.remove(made)
        if made in self._original:
            del self._retweets[who, self._original[made]]

    def _take(self, pool: list[T]) -> T | None:
        if not pool:
            return None
        place = self._rng.randrange(len(pool))
        pool[place], pool[-1] = pool[-1], pool[place]
        return pool.pop()
