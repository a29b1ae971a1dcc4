"""Rate limits: counted once, where a call enters, and told on every answer that they count."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from google.protobuf.message import Message

from aviary.errors import RateLimited
from aviary.rpc.call import Call, User
from aviary.settings import Settings


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` in any `window_s` seconds."""

    name: str
    count: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What is left of a limit; `token` gives back what was spent."""

    allowed: bool
    remaining: int
    reset_s: float
    token: int


class RateLimits(Protocol):
    """Counts what each subject spent of each limit."""

    async def spend(self, limit: Limit, subject: str, units: int = 1) -> Usage:
        """Take so many units, or none when that would make more than `limit.count` in the last window.

        Exact, also under concurrency. A refusal says when so many will be left;
        more than `limit.count` never are, and then it says the whole window.
        """

    async def refund(self, limit: Limit, subject: str, token: int) -> None:
        """Give back every unit that `token` names; unknown tokens are ignored."""


def limits_of(settings: Settings) -> Mapping[str, Limit]:
    """The limits by name; empty when they are lifted."""
    if not settings.limits_on:
        return {}
    return {
        name: Limit(name, getattr(settings, f"limit_{name}"), getattr(settings, f"limit_{name}_window_s"))
        for name in ("tweets", "follows", "likes", "requests", "login_failures")
    }


class Limits:
    """The interceptor: each user's requests, and the action that the method declares.

    What an action spent comes back when the call fails or only repeats an
    earlier commit.
    """

    def __init__(self, store: RateLimits, limits: Mapping[str, Limit]) -> None:
        self._store = store
        self._limits = limits

    def __call__(self, call: Call, request: Message) -> AbstractAsyncContextManager[None] | None:
        if not call.from_network or not isinstance(call.caller, User) or not self._limits:
            return None
        return self._counted(call, request, str(call.caller.user_id))

    @asynccontextmanager
    async def _counted(self, call: Call, request: Message, subject: str) -> AsyncIterator[None]:
        await self._spend(call, self._limits["requests"], subject)
        if not call.method.limit:
            yield
            return
        limit = self._limits[call.method.limit]
        units = max(1, len(getattr(request, call.method.limit_each))) if call.method.limit_each else 1
        try:
            token = await self._spend(call, limit, subject, units)
        except RateLimited as error:
            if call.claim is None:
                raise
            # Whether it repeats is known where it would be written, and refused there if it doesn't.
            call.claim = replace(call.claim, refusal=error)
            yield
            return
        committed = False
        try:
            yield
            committed = not call.repeated
        finally:
            if not committed:
                await self._store.refund(limit, subject, token)
                call.headers["x-ratelimit-remaining"] = str(int(call.headers["x-ratelimit-remaining"]) + units)

    async def _spend(self, call: Call, limit: Limit, subject: str, units: int = 1) -> int:
        usage = await self._store.spend(limit, subject, units)
        call.headers["x-ratelimit-limit"] = str(limit.count)
        call.headers["x-ratelimit-remaining"] = str(usage.remaining)
        call.headers["x-ratelimit-reset"] = str(math.ceil(usage.reset_s))
        if not usage.allowed:
            state = (
                "is used up" if not usage.remaining else f"leaves {usage.remaining}, fewer than the {units} asked for"
            )
            raise RateLimited(
                f"the limit of {limit.count} {limit.name} in {limit.window_s} s {state}; "
                f"try again in {math.ceil(usage.reset_s)} s",
                retry_after_s=usage.reset_s,
            )
        return usage.token
