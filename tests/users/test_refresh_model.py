"""Refreshing against a model: any order of logins, refreshes, repeats, theft, logouts and time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.users.world import World, opened

from aviary import secrets
from aviary.errors import Conflict, Unauthenticated

WEEK_S, GRACE_S = 604_800, 60
T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """What the model knows of a session: the tokens it issued, the newest last."""

    tokens: list[str]
    rotated_s: float
    ended: bool = False


@dataclass(slots=True)
class Model:
    """Sessions by each of their tokens, and what every key was used for."""

    of_token: dict[str, Session] = field(default_factory=dict)
    # The token that the key came with, and the one it was answered with, "" for none.
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)

    def expected(self, token: str, key: str | None, now_s: float) -> str:
        """What presenting `token` must lead to: rotated, refused, conflict, or the token of a repeat."""
        session = self.of_token[token]
        if session.ended or now_s >= session.rotated_s + WEEK_S:
            return "refused"
        if key in self.keys:
            came_with, answer = self.keys[key]
            if came_with != token:
                return "conflict"
            repeatable = answer == session.tokens[-1] and now_s - session.rotated_s <= GRACE_S
            return answer if repeatable else "ends"
        return "rotated" if token == session.tokens[-1] else "ends"


class Refreshing(RuleBasedStateMachine):
    """Drives the real service on a real file, and the model beside it."""

    tokens = Bundle("tokens")

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model = Model()
        self.world = self.run_(self._open())
        self.run_(self.world.register())

    async def _open(self) -> World:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        return await self.stack.enter_async_context(opened(folder, secrets.load(folder), limits="off"))

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @rule(target=tokens)
    def log_in(self) -> str:
        token = self.run_(self.world.login()).tokens.refresh_token
        self.model.of_token[token] = Session([token], self.world.time.now_s)
        return token

    @rule(target=tokens, token=tokens, key=st.sampled_from([None, None, "k1", "k2", "k3"]))
    def refresh(self, token: str, key: str | None) -> str:
        return self.present(token, key)

    @precondition(lambda self: self.model.of_token)
    @rule(target=tokens, data=st.data(), key=st.sampled_from([None, "k1", "k2", "k3"]))
    def refresh_as_one_should(self, data: st.DataObject, key: str | None) -> str:
        alive = [session.tokens[-1] for session in self.model.of_token.values() if not session.ended]
        return self.present(data.draw(st.sampled_from(alive or list(self.model.of_token))), key)

    @precondition(lambda self: self.model.keys)
    @rule(target=tokens, data=st.data(), waited_s=st.sampled_from([0, 1, GRACE_S, GRACE_S + 1]))
    def repeat_under_the_same_key(self, data: st.DataObject, waited_s: int) -> str:
        key = data.draw(st.sampled_from(sorted(self.model.keys)))
        self.world.time.now_s += waited_s
        return self.present(self.model.keys[key][0], key)

    def present(self, token: str, key: str | None) -> str:
        """Refresh in both; the answer has to be the model's."""
        expected = self.model.expected(token, key, self.world.time.now_s)
        got = self.run_(self._refreshed(token, key))
        session = self.model.of_token[token]
        if expected == "rotated":
            assert got not in {"refused", "conflict"}
            assert got not in self.model.of_token
            session.tokens.append(got)
            session.rotated_s = self.world.time.now_s
            self.model.of_token[got] = session
        elif expected == "ends":
            assert got == "refused"
            session.ended = True
        else:
            assert got == expected
        if key and expected in {"rotated", "ends"}:
            self.model.keys.setdefault(key, (token, got if expected == "rotated" else ""))
        return got if got in self.model.of_token else token

    async def _refreshed(self, token: str, key: str | None) -> str:
        try:
            return await self.world.refresh(token, key=key)
        except Conflict:
            return "conflict"
        except Unauthenticated:
            return "refused"

    @rule(token=tokens)
    def log_out(self, token: str) -> None:
        self.run_(self.world.service.logout(self.world.tokens.parse(token).session_id))
        self.model.of_token[token].ended = True

    @rule(seconds=st.sampled_from([1, GRACE_S, GRACE_S + 1, WEEK_S - 1]))
    def wait(self, seconds: int) -> None:
        self.world.time.now_s += seconds

    @invariant()
    def a_session_that_ended_is_on_the_deny_list_and_no_other_is(self) -> None:
        for session in {id(each): each for each in self.model.of_token.values()}.values():
            session_id = self.world.tokens.parse(session.tokens[0]).session_id
            assert (session_id in self.world.denied) == session.ended

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.run_(self.stack.aclose())
            self.runner.close()


TestRefreshing = Refreshing.TestCase
TestRefreshing.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
