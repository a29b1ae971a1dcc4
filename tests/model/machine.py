"""How the machine acts and looks: each act happens in the product and in the reference, then both are asked."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, ClassVar, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tests.model.acts import Acts
from tests.model.asking import Scene
from tests.model.deployment import Deployment
from tests.model.drivers import Answer
from tests.model.records import Account, Post, UserList, code_of
from tests.model.surfaces import KINDS, Surfaces

PEOPLE = 10
# Acts before the first look, so that walks begin in a world where things are.
BEFORE = (0, 20, 40, 60)
PASSWORD = "correct horse battery"
WORDS = ("sun", "rain", "sea")
PAGE_SIZES = (20, 100, 7, 3, 2, 1)
# Kinds that every step looks at, and how many of the others, which take turns.
ALWAYS, TURNS = ("home", "tweets"), 3

T = TypeVar("T")
Act = Callable[[Any, Random], None]
seeds = st.integers(0, 2**32 - 1)


def act(*, often: int = 2, when: Callable[[Any], object] = lambda _machine: True) -> Callable[[Act], Act]:
    """Marks what people may do: how often compared with the rest, and when it makes sense."""

    def mark(method: Act) -> Act:
        method.often, method.when = often, when  # type: ignore[attr-defined]
        return method

    return mark


class Machine(RuleBasedStateMachine):
    """Ten people on a running platform, and the same ten in the reference.

    There is one rule, which draws an act: with a rule an act, whole walks would
    pass without most of them, for hypothesis switches rules off at random.
    """

    deployment: Deployment
    walks: ClassVar = itertools.count(1)
    names: ClassVar = (f"u{number}" for number in itertools.count())
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = Acts()
        self.tokens: dict[Account, str] = {}
        self.surfaces = Surfaces(self.world, self.deployment.driver, self.tokens)
        self.step = 0
        self.size = 20
        self.is_looking = False
        self.drawn = Counter[int]()
        self.texts = itertools.count(1)
        # Tags belong to everybody: each walk has its own.
        walk = next(self.walks)
        self.tags = (f"storm{walk}", f"Café{walk}")
        self.turn = itertools.cycle(kind for kind in KINDS if kind not in ALWAYS)
        self.tick()
        for name in itertools.islice(self.names, PEOPLE):
            self.register(name)

    @initialize(seed=seeds, count=st.sampled_from(BEFORE))
    def begin(self, seed: int, count: int) -> None:
        """The first author is left to readers, the second pushed to the active; nobody else has that many followers."""
        people, chance = self.world.accounts, Random(seed)
        pairs = [(fan, people[0]) for fan in people[2:8]] + [(fan, people[1]) for fan in people[4:7]]
        pairs += [(chance.choice(people), whom) for whom in people[2:] * 2]
        for fan, whom in pairs:
            self.do(fan, "Follow", partial(self._follow, fan, whom), id=whom.id)
        for _ in range(count):
            self.act(chance)
        self.is_looking = True
        self.look(self.able[0])

    @rule(seed=seeds)
    def somebody_acts(self, seed: int) -> None:
        # Hypothesis likes to draw what it drew before; that shall be another act, and the same one at each replay.
        self.drawn[seed] += 1
        self.act(Random(f"{seed} {self.drawn[seed]}"))

    def act(self, chance: Random) -> None:
        self.size = chance.choice(PAGE_SIZES)
        marked = [each for name in dir(type(self)) if hasattr(each := getattr(type(self), name), "often")]
        possible = [each for each in marked if each.when(self)]
        (chosen,) = chance.choices(possible, [each.often for each in possible])
        note(chosen.__name__)
        chosen(self, chance)

    def _follow(self, who: Account, whom: Account, _answer: object) -> None:
        self.world.follow(who, whom)

    # Whom and what an act is about.

    @property
    def able(self) -> list[Account]:
        """Those who can act."""
        return [account for account in self.world.accounts if account.stands]

    def actor(self, chance: Random) -> Account:
        return chance.choice(self.able)

    def anybody(self, chance: Random) -> Account:
        return chance.choice(self.world.accounts)

    def post(self, chance: Random) -> Post:
        """Mostly a young one."""
        newest = self.world.newest(self.world.posts)
        return newest[int(chance.expovariate(1 / 8)) % len(newest)]

    def sight(self, person: Account, chance: Random) -> Post:
        """Mostly one that the person sees."""
        seen = [post for post in self.world.newest(self.world.posts) if self.world.sees(person, post, asked=True)]
        return chance.choice(seen[:20]) if seen and chance.random() < 0.8 else self.post(chance)

    def one_of(self, some: Sequence[T], chance: Random, otherwise: Callable[[], T]) -> T:
        """Mostly one of those that make sense."""
        return chance.choice(some) if some and chance.random() < 0.8 else otherwise()

    def a_list(self, chance: Random) -> UserList:
        return chance.choice(self.world.lists[-4:])

    def has_posts(self) -> bool:
        return bool(self.world.posts)

    def has_lists(self) -> bool:
        return bool(self.world.lists)

    def text(self, chance: Random) -> str:
        """No two are the same."""
        words = chance.choices(WORDS, k=chance.randint(1, 2))
        tag = [f"#{chance.choice(self.tags)}"] if chance.random() < 0.3 else []
        name = [f"@{self.anybody(chance).name}"] if chance.random() < 0.3 else []
        return " ".join([*words, f"n{next(self.texts)}", *tag, *name])

    # How it acts.

    def tick(self) -> None:
        self.world.now_ms = self.deployment.clock.now_ms()

    def ask(self, who: Account, rpc: str, **fields: Any) -> Answer:
        return self.deployment.run(self.surfaces.ask(who, rpc, **fields))

    def do(self, who: Account, rpc: str, act: Callable[[Any], object], **fields: Any) -> Answer:
        """Act in the product, then in the reference with the answer; both accept it, or both refuse it alike."""
        self.tick()
        answer = self.ask(who, rpc, **fields)
        note(f"  {who}: {rpc} {fields} -> {answer.code} {getattr(answer.message, 'id', '')}")
        assert answer.code == code_of(lambda: act(answer.message)), (rpc, fields, answer)
        return answer

    def register(self, name: str) -> Account:
        answer = self.ask(
            Account(id=0, name=""), "Register", username=name, email=f"{name}@example.com", password=PASSWORD
        )
        assert answer.code == "OK", answer
        account = Account(id=answer.message.user.id, name=name)
        self.world.accounts.append(account)
        self.tokens[account] = answer.message.access_token
        return account

    # How it looks.

    def look(self, who: Account, *kinds: str, user: Account | None = None, **seen: Any) -> None:
        """Ask on behalf of who acted and of each other person in turn what was touched, and a few other surfaces."""
        if not self.is_looking:
            return
        type(self).steps += 1
        self.step += 1
        self.tick()
        onlooker = self.able[self.step % len(self.able)]
        scene = replace(self.scene(self.step), user=user or who, size=self.size, **seen)
        looks = [(onlooker, kind) for kind in (*ALWAYS, *kinds, *itertools.islice(self.turn, TURNS))]
        looks += [(who, kind) for kind in ("home", *kinds) if who is not onlooker and who.stands]
        self.deployment.run(self._settled_looks([(viewer, kind, scene) for viewer, kind in looks]))

    def teardown(self) -> None:
        """Everything of everybody."""
        self.tick()
        self.deployment.run(
            self._settled_looks(
                [
                    (viewer, kind, self.scene(number * len(KINDS) + turn))
                    for number, viewer in enumerate(self.able)
                    for turn, kind in enumerate(KINDS)
                ]
                + [
                    (viewer, kind, replace(self.scene(0), user=user))
                    for viewer in self.able
                    for kind in ("user_timeline", "relationship", "profile")
                    for user in self.world.accounts
                ]
            )
        )

    def scene(self, number: int) -> Scene:
        """Something of each kind, other with each number."""
        world = self.world
        return Scene(
            user=world.accounts[number % len(world.accounts)],
            post=world.posts[-1 - number % len(world.posts)] if world.posts else None,
            of=world.lists[-1 - number % len(world.lists)] if world.lists else None,
            only=("all", "no_replies", "media")[number % 3],
            tag=(self.tags[0], self.tags[1].upper(), f"#{self.tags[0].title()}")[number % 3],
        )

    async def _settled_looks(self, looks: list[tuple[Account, str, Scene]]) -> None:
        await self.deployment.serving.settle()
        at_once = asyncio.Semaphore(4)

        async def look(viewer: Account, kind: str, scene: Scene) -> None:
            async with at_once:
                await _named(KINDS[kind](self.surfaces, viewer, scene), f"{kind} as {viewer} sees it")

        try:
            async with asyncio.TaskGroup() as tasks:
                for each in looks:
                    tasks.create_task(look(*each))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None


async def _named(look: Awaitable[None], what: str) -> None:
    try:
        await look
    except AssertionError as error:
        error.add_note(what)
        raise
