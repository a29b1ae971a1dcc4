"""Waiting on a condition with a deadline, in place of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

DEADLINE_S = 20.0
_LOOK_EVERY_S = 0.002


async def until(condition: Callable[[], bool | Awaitable[bool]], *, what: str) -> None:
    """Return once `condition` holds; fail, naming `what` was waited for, when it never does."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await _holds(condition):  # noqa: ASYNC110 - no one event stands for all conditions
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"waited {DEADLINE_S:.0f} s in vain until {what}") from None


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    answer = condition()
    return await answer if inspect.isawaitable(answer) else answer
