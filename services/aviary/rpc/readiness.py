"""Whether this process can serve: probed, so that balancers leave it out while its stores are away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aviary.errors import AviaryError

# Returns while what it looks at answers, else raises.
Check = Callable[[], Awaitable[None]]

_log = logging.getLogger("aviary.rpc")

_EVERY_S = 1.0
_CHECK_S = 2.0
# One slow answer must not take a replica out, nor one good one put it back before its store is warm.
_DOWN_AFTER = 3
_UP_AFTER = 2


class Readiness:
    """The checks, each second; `is_ready` turns after several in a row that say otherwise.

    Whoever is alive but not ready is left alone: a restart brings no store back.
    """

    def __init__(self, checks: Sequence[Check], *, every_s: float = _EVERY_S) -> None:
        self._checks = checks
        self._every_s = every_s
        self._contrary = 0
        self.is_ready = True

    async def probe(self) -> bool:
        """Run every check once and return whether `is_ready` has turned."""
        why = await self._failure()
        if (why is None) is self.is_ready:
            self._contrary = 0
            return False
        self._contrary += 1
        if self._contrary < (_DOWN_AFTER if self.is_ready else _UP_AFTER):
            return False
        self._contrary = 0
        self.is_ready = not self.is_ready
        if self.is_ready:
            _log.info("ready")
        else:
            _log.warning("not_ready", extra={"why": why})
        return True

    async def run(self, on_change: Callable[[bool], Awaitable[None]]) -> None:
        """Probe for ever; await `on_change` with the new state each time that it turns."""
        while True:
            await asyncio.sleep(self._every_s)
            if await self.probe():
                await on_change(self.is_ready)

    async def _failure(self) -> str | None:
        """What the first failed check says; None when all is well."""
        outcomes = await asyncio.gather(*map(_checked, self._checks), return_exceptions=True)
        return next((_sentence(each) for each in outcomes if isinstance(each, BaseException)), None)


async def _checked(check: Check) -> None:
    async with asyncio.timeout(_CHECK_S):
        await check()


def _sentence(error: BaseException) -> str:
    if isinstance(error, AviaryError):
        return error.message
    return f"no answer within {_CHECK_S:.0f} s" if isinstance(error, TimeoutError) else repr(error)
