"""How long a call whose outcome is unknown is sent again, and at what pace."""

from __future__ import annotations

import asyncio
import time

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class LoadStopped(Exception):
    """The load can't go on now; its journal lets a later run go on from here."""


class Patience:
    """Doubles its pauses from 20 ms to 1 s and runs out `seconds` after the first one began."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._deadline: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    @property
    def exhausted(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    async def wait(self, reason: str) -> None:
        """Pause before another try; raises LoadStopped when patience has run out."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self._seconds
        if self.exhausted:
            raise LoadStopped(
                f"no outcome within {self._seconds:g} s ({reason}); run again with the same journal to go on"
            )
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)
