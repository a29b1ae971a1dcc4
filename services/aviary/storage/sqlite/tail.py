"""The newest events of a file, held so that whoever follows its log closely reads no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

_HELD = 1_024

# A place in the log, and an encoded event.
Placed = tuple[int, bytes]


class Tail:
    """What was committed last, known from the moment at which it is acknowledged. Of the loop's thread alone."""

    def __init__(self, end: int) -> None:
        # The newest place; all places above `_floor` are held.
        self.end = self._floor = end
        self._held: deque[Placed] = deque()

    def add(self, events: Sequence[Placed]) -> None:
        """Take in what a commit appended, in its order."""
        self._held.extend(events)
        self.end = self._held[-1][0] if self._held else self.end
        while len(self._held) > _HELD:
            self._floor, _ = self._held.popleft()

    def forget(self) -> None:
        """Hold none of it: some of it is no longer in the file."""
        self._held.clear()
        self._floor = self.end

    def after(self, position: int, *, limit: int) -> Sequence[Placed] | None:
        """Return up to `limit` of the events above a place, ascending; None when some of them are not held."""
        if position < self._floor:
            return None
        newer: list[Placed] = []
        for event in reversed(self._held):
            if event[0] <= position:
                break
            newer.append(event)
        return newer[: -limit - 1 : -1]
