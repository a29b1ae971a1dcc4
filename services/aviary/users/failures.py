"""Failed logins, counted per account and address so that passwords cannot be guessed by trying."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from aviary.errors import RateLimited, Unauthenticated
from aviary.rpc.limits import Limit, RateLimits, Usage

# Hears how the limit stands, to tell the caller.
Tell = Callable[[Limit, Usage], None]


class LoginFailures:
    """Takes a unit before a password is checked and gives it back unless it was wrong.

    Taken first, because tries made at once must not all pass the same count.
    """

    def __init__(self, store: RateLimits, limit: Limit | None) -> None:
        self._store = store
        # None when limits are lifted.
        self._limit = limit

    @asynccontextmanager
    async def attempt(self, subject: str, tell: Tell) -> AsyncIterator[None]:
        """Run one login of `subject`; Unauthenticated is what counts. Raises RateLimited when all are used up."""
        if self._limit is None:
            yield
            return
        usage = await self._spend(self._limit, subject, tell)
        wrong = False
        try:
            yield
        except Unauthenticated:
            wrong = True
            raise
        finally:
            if not wrong:
                await self._store.refund(self._limit, subject, usage.token)
                tell(self._limit, replace(usage, remaining=usage.remaining + 1))

    async def _spend(self, limit: Limit, subject: str, tell: Tell) -> Usage:
        usage = await self._store.spend(limit, subject)
        tell(limit, usage)
        if not usage.allowed:
            raise RateLimited(
                f"{limit.count} failed logins in {limit.window_s} s from one address is the limit for an account; "
                f"try again in {math.ceil(usage.reset_s)} s",
                retry_after_s=usage.reset_s,
            )
        return usage
