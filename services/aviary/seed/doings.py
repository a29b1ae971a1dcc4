"""What a multitude does, act by act: tweets of every kind, with likes between them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import TypeVar

from aviary.seed.call import Call, Op
from aviary.seed.invention import invent_texts
from aviary.seed.multitude import Multitude
from aviary.seed.people import person
from aviary.seed.texts import trim

T = TypeVar("T")
# Of a hundred tweets, and how many likes go with each.
_SHARES = {Op.POST: 45, Op.REPLY: 25, Op.RETWEET: 20, Op.QUOTE: 10}
_LIKES_A_TWEET = 2
_DRAWN = 1_000
# People react to what is new: of somebody to one of their last few tweets, else to one of the last of everybody.
_OF_ONE, _OF_ALL = 8, 4_096


class Doings:
    """The acts of a world: numbered from 0, each by a person, most about something recent of whom they follow."""

    def __init__(self, world: Multitude) -> None:
        self._following = world.following
        self._tweets = world.size.tweets
        self._rng = rng = Random(f"{world.seed}/acts")
        people = range(world.size.people)
        self._actors = _endless(lambda: rng.choices(people, cum_weights=world.activity, k=_DRAWN))
        self._kinds = _endless(lambda: rng.choices(list(_SHARES), list(_SHARES.values()), k=_DRAWN))
        self._texts = _endless(lambda: invent_texts(len(people), _DRAWN, rng))
        self._recent = _Recent(len(people))
        # Who retweeted or liked what: the platform would not count it twice.
        self._done: set[tuple[Op, int, int]] = set()

    def __iter__(self) -> Iterator[Call]:
        """Exactly as many tweets as the world has, and about two likes with each."""
        index = 0
        for _ in range(self._tweets):
            yield self._tweet(index, next(self._actors), next(self._kinds))
            index += 1
            for _ in range(_LIKES_A_TWEET):
                who = next(self._actors)
                liked = self._target(who)
                if liked is not None and self._is_new(Op.LIKE, who, liked):
                    yield Call(index, who, Op.LIKE, of=liked)
                    index += 1

    def _tweet(self, index: int, who: int, op: Op) -> Call:
        target = None if op is Op.POST else self._target(who)
        if op is Op.RETWEET and target is not None and self._is_new(op, who, target):
            return Call(index, who, op, of=target)
        if target is None or op is Op.RETWEET:
            op, target = Op.POST, None
        text = next(self._texts)
        if op is Op.REPLY and target is not None:
            text = trim(f"@{person(self._recent.author(target)).username} {text}")
        self._recent.add(who, index)
        return Call(index, who, op, of=target, text=text)

    def _target(self, who: int) -> int | None:
        followed = self._following[who]
        idol = followed[self._rng.randrange(len(followed))] if followed else who
        return self._recent.by(idol, self._rng)

    def _is_new(self, op: Op, who: int, target: int) -> bool:
        before = len(self._done)
        self._done.add((op, who, target))
        return len(self._done) > before


class _Recent:
    """The last tweets of everybody and of each; retweets stand for their originals, so they are left out."""

    def __init__(self, people: int) -> None:
        self._of_one = array("q", [-1]) * (people * _OF_ONE)
        self._count = array("i", [0]) * people
        self._of_all: list[int] = []
        self._authors: dict[int, int] = {}
        self._added = 0

    def add(self, who: int, tweet: int) -> None:
        self._of_one[who * _OF_ONE + self._count[who] % _OF_ONE] = tweet
        self._count[who] += 1
        if len(self._of_all) < _OF_ALL:
            self._of_all.append(tweet)
        else:
            self._of_all[self._added % _OF_ALL] = tweet
        self._added += 1
        self._authors[tweet] = who

    def author(self, tweet: int) -> int:
        return self._authors[tweet]

    def by(self, who: int, rng: Random) -> int | None:
        """One of the person's last, of anybody's when they said nothing yet, None when nobody did."""
        if count := min(self._count[who], _OF_ONE):
            return self._of_one[who * _OF_ONE + rng.randrange(count)]
        return self._of_all[rng.randrange(len(self._of_all))] if self._of_all else None


def _endless(draw: Callable[[], Sequence[T]]) -> Iterator[T]:
    while True:
        yield from draw()
