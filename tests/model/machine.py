"""How the machine acts and looks: each act happens in the product and in the reference, then both are asked."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from tests.model.acts import Acts
from tests.model.deployment import Deployment
from tests.model.drivers import Answer
from tests.model.records import Account, Post, Refused, UserList
from tests.model.surfaces import KINDS, Scene, Surfaces, Unbuilt

PEOPLE = 10
PASSWORD = "correct horse battery"
WORDS = ("sun", "rain", "sea")
# Kinds that every step looks at, and how many of the others, which take turns.
ALWAYS, TURNS = ("home", "tweets"), 3

someone = st.integers(0, PEOPLE - 1)
# A place in a list that grows: 0 is the newest.
place = st.integers(0, 60)
page_size = st.sampled_from([20, 3, 100, 2, 7, 1])
text_parts = st.tuples(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=2),
    st.none() | st.integers(0, 1),
    st.none() | someone,
)
# Words, which tag, and who is mentioned.
TextParts = tuple[list[str], int | None, int | None]


class Machine(RuleBasedStateMachine):
    """Ten people on a running platform, and the same ten in the reference."""

    deployment: Deployment
    walks: ClassVar = itertools.count(1)
    names: ClassVar = (f"u{number}" for number in itertools.count())
    steps = 0
    unbuilt: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.world = Acts()
        self.tokens: dict[Account, str] = {}
        self.surfaces = Surfaces(self.world, self.deployment.driver, self.tokens)
        self.step = 0
        self.texts = itertools.count(1)
        # Tags belong to everybody: each walk has its own.
        walk = next(self.walks)
        self.tags = (f"storm{walk}", f"Café{walk}")
        self.turn = itertools.cycle(kind for kind in KINDS if kind not in ALWAYS)
        self.tick()
        for name in itertools.islice(self.names, PEOPLE):
            self.register(name)

    # Who and what a rule's numbers mean.

    @property
    def able(self) -> list[Account]:
        """Those who can act."""
        return [account for account in self.world.accounts if account.stands]

    def actor(self, who: int) -> Account:
        return self.able[who % len(self.able)]

    def anybody(self, who: int) -> Account:
        return self.world.accounts[who % len(self.world.accounts)]

    def post(self, at: int) -> Post:
        newest = self.world.newest(self.world.posts)
        return newest[at % len(newest)]

    def list_at(self, at: int) -> UserList:
        return self.world.lists[-1 - at % len(self.world.lists)]

    def has_posts(self) -> bool:
        return bool(self.world.posts)

    def has_lists(self) -> bool:
        return bool(self.world.lists)

    def text(self, parts: TextParts) -> str:
        """No two are the same."""
        words, tagged, named = parts
        tag = [] if tagged is None else [f"#{self.tags[tagged]}"]
        name = [] if named is None else [f"@{self.anybody(named).name}"]
        return " ".join([*words, f"n{next(self.texts)}", *tag, *name])

    # How it acts.

    def tick(self) -> None:
        self.world.now_ms = self.deployment.clock.now_ms()

    def ask(self, who: Account, rpc: str, **fields: Any) -> Answer:  # noqa: ANN401 - whatever the RPC's request takes
        return self.deployment.run(self.surfaces.ask(who, rpc, **fields))

    def do(self, who: Account, rpc: str, act: Callable[[Any], object], **fields: Any) -> Answer:  # noqa: ANN401
        """Act in the product, then in the reference with the answer; both accept it, or both refuse it alike."""
        self.tick()
        answer = self.ask(who, rpc, **fields)
        if answer.code == "UNIMPLEMENTED":
            type(self).unbuilt.add(rpc)
            return answer
        try:
            act(answer.message)
        except Refused as refusal:
            assert answer.code == refusal.code, (rpc, fields, answer)
        else:
            assert answer.code == "OK", (rpc, fields, answer)
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

    def look(self, who: Account, *kinds: str, size: int, user: Account | None = None, **seen: Any) -> None:  # noqa: ANN401
        """Ask on behalf of who acted and of each other person in turn what was touched, and a few other surfaces."""
        type(self).steps += 1
        self.step += 1
        self.tick()
        onlooker = self.able[self.step % len(self.able)]
        seen.setdefault("post", self.post(self.step) if self.world.posts else None)
        seen.setdefault("of", self.list_at(self.step) if self.world.lists else None)
        scene = Scene(
            user=user or who,
            size=size,
            only=("all", "no_replies", "media")[self.step % 3],
            tag=(self.tags[0], self.tags[1].upper(), f"#{self.tags[0].title()}")[self.step % 3],
            **seen,
        )
        more = itertools.islice(self.turn, TURNS)
        looks = [(onlooker, kind) for kind in (*ALWAYS, *kinds, *more)]
        looks += [(who, kind) for kind in ("home", *kinds) if who is not onlooker and who.stands]
        self.deployment.run(self._settled_looks([(viewer, kind, scene) for viewer, kind in looks]))

    def teardown(self) -> None:
        """Everything of everybody."""
        if not self.world.accounts:
            return
        self.tick()
        looks: list[tuple[Account, str, Scene]] = []
        for number, viewer in enumerate(self.able):
            for turn, kind in enumerate(KINDS):
                scene = Scene(
                    user=self.anybody(number + turn),
                    tag=self.tags[number % 2],
                    post=self.post(number * 7 + turn) if self.world.posts else None,
                    of=self.list_at(number + turn) if self.world.lists else None,
                )
                looks.append((viewer, kind, scene))
            looks += [
                (viewer, kind, Scene(user=user, tag=self.tags[0]))
                for kind in ("user_timeline", "relationship", "profile")
                for user in self.world.accounts
            ]
        self.deployment.run(self._settled_looks(looks))

    async def _settled_looks(self, looks: list[tuple[Account, str, Scene]]) -> None:
        await self.deployment.serving.settle()
        at_once = asyncio.Semaphore(4)

        async def look(viewer: Account, kind: str, scene: Scene) -> None:
            async with at_once:
              try:
                await _named(KINDS[kind](self.surfaces, viewer, scene), f"{kind} as {viewer} sees it")
              except Unbuilt as e:
                type(self).unbuilt.add(str(e))

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
