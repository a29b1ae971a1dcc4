"""Puts a multitude into stores that nobody serves yet, and says how long each part took."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from aviary.seed.call import Call, Op
from aviary.seed.doings import Doings
from aviary.seed.multitude import Multitude
from aviary.seed.people import Person, person
from aviary.seed.progress import Progress, Silent

# How much of the time that a world spans goes by until everybody is there, and until all follows are made.
_REGISTERED, _FOLLOWED = 0.01, 0.05
_TOLD_EVERY = 1_000


class Stores(Protocol):
    """What a world is written into; ids are the platform's own."""

    def turn_to(self, share: float) -> None:
        """Let business time be that share of the time that the world spans, 0 to 1; it never goes back."""

    async def register(self, someone: Person) -> int:
        """Make an account and return its id."""

    async def follow(self, follower_id: int, followee_ids: Sequence[int]) -> None:
        """Let one person follow others for the first time, in that order."""

    async def tweet(self, author_id: int, text: str, *, reply_to_id: int | None, quote_id: int | None) -> int:
        """Post and return the tweet's id."""

    async def retweet(self, user_id: int, tweet_id: int) -> int:
        """Retweet and return the retweet's id."""

    async def like(self, user_id: int, tweet_id: int) -> None:
        """Like a tweet for the first time."""


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that was written: how many, and in how long."""

    name: str
    count: int
    elapsed_s: float


@dataclass(slots=True)
class Filled:
    """What was written; `people` are the platform's ids by a person's number."""

    people: Sequence[int] = ()
    parts: list[Part] = field(default_factory=list[Part])

    @contextmanager
    def timed(self, name: str, count: Callable[[], int]) -> Iterator[None]:
        """Note a part when the body is done; `count` is asked then."""
        began = time.perf_counter()
        yield
        self.parts.append(Part(name, count(), time.perf_counter() - began))


async def fill(world: Multitude, stores: Stores, progress: Progress | None = None) -> Filled:
    """Write the whole world in its one order."""
    told, filled, size = progress or Silent(), Filled(), world.size
    filled.people = people = array("q")
    with filled.timed("people", lambda: size.people):
        await _register(world, stores, people, told)
    with filled.timed("follows drawn", lambda: size.follows):
        following = world.following
    with filled.timed("follows", lambda: size.follows):
        await _follow(following, stores, people, told)
    acts = _Acts(stores, people)
    with filled.timed("tweets and likes", lambda: acts.count):
        await _act(world, stores, acts, told)
    return filled


async def _register(world: Multitude, stores: Stores, people: array[int], progress: Progress) -> None:
    progress.stage("people", total=world.size.people, done=0)
    for number in range(world.size.people):
        stores.turn_to(_REGISTERED * number / world.size.people)
        people.append(await stores.register(person(number)))
        progress.advance()


async def _follow(
    following: Sequence[Sequence[int]], stores: Stores, people: Sequence[int], progress: Progress
) -> None:
    progress.stage("follows", total=sum(map(len, following)), done=0)
    for number, idols in enumerate(following):
        stores.turn_to(_REGISTERED + (_FOLLOWED - _REGISTERED) * number / len(following))
        await stores.follow(people[number], [people[idol] for idol in idols])
        progress.advance(len(idols))


async def _act(world: Multitude, stores: Stores, acts: _Acts, progress: Progress) -> None:
    progress.stage("tweets", total=world.size.tweets, done=0)
    tweets = 0
    for call in Doings(world):
        stores.turn_to(_FOLLOWED + (1 - _FOLLOWED) * tweets / world.size.tweets)
        await acts.do(call)
        if call.op is not Op.LIKE:
            tweets += 1
            if tweets % _TOLD_EVERY == 0:
                progress.advance(_TOLD_EVERY)
    if tweets % _TOLD_EVERY:
        progress.advance(tweets % _TOLD_EVERY)


class _Acts:
    """Does one act after the other, and knows the ids of what was made."""

    def __init__(self, stores: Stores, people: Sequence[int]) -> None:
        self._stores = stores
        self._people = people
        self._made = array("q")

    @property
    def count(self) -> int:
        return len(self._made)

    async def do(self, call: Call) -> None:
        who = self._people[call.who]
        about = None if call.of is None else self._made[call.of]
        self._made.append(await self._do(call, who, about))

    async def _do(self, call: Call, who: int, about: int | None) -> int:
        match call.op, about:
            case Op.RETWEET, int():
                return await self._stores.retweet(who, about)
            case Op.LIKE, int():
                await self._stores.like(who, about)
                return 0
            case Op.REPLY, int():
                return await self._stores.tweet(who, call.text, reply_to_id=about, quote_id=None)
            case Op.QUOTE, int():
                return await self._stores.tweet(who, call.text, reply_to_id=None, quote_id=about)
            case _:
                return await self._stores.tweet(who, call.text, reply_to_id=None, quote_id=None)
