"""The circuit breaker: stops the calls to a service that fails most of them, until it answers again."""

from __future__ import annotations

import enum
import logging
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aviary.errors import Unavailable
from aviary.rpc.bounds import Bounds

_log = logging.getLogger("aviary.rpc")
# A trial whose caller left is forgotten after so long, else nobody would ever try again.
_TRIAL_S = 5.0


class State(enum.IntEnum):
    """Ordered by how bad it is, which is what the metric shows."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(slots=True)
class _Second:
    at: int
    attempts: int = 0
    failures: int = 0


class Breaker:
    """One for each service that is called.

    Closed, it counts failures in a sliding window. Open, it refuses at once.
    Half-open, it lets one attempt after another through: enough good ones in a
    row close it, a bad one opens it for twice as long.
    """

    def __init__(
        self,
        service: str,
        bounds: Bounds,
        *,
        on_change: Callable[[State], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._bounds = bounds
        self._on_change = on_change
        self._now = now
        self._window: deque[_Second] = deque()
        self._open_s = bounds.breaker_open_s
        self._until = 0.0
        self._good_trials = 0
        self._trial_until = 0.0
        self.state = State.CLOSED

    def admit(self) -> bool:
        """Let an attempt through and say whether it is a trial; Unavailable, with when to come back, if none may be."""
        if self.state is State.CLOSED:
            return False
        now = self._now()
        if self.state is State.OPEN:
            if now < self._until:
                raise self._refusal(self._until - now)
            self._become(State.HALF_OPEN)
            self._good_trials, self._trial_until = 0, 0.0
        if now < self._trial_until:
            raise self._refusal(self._bounds.breaker_open_s)
        self._trial_until = now + _TRIAL_S
        return True

    def record(self, *, failed: bool, trial: bool) -> None:
        """Count how an attempt that was let through ended."""
        if self.state is State.CLOSED:
            self._count(failed=failed)
        elif self.state is State.HALF_OPEN and trial:
            self._judge(failed=failed)

    def _count(self, *, failed: bool) -> None:
        second = int(self._now())
        if not self._window or self._window[-1].at != second:
            self._window.append(_Second(second))
        self._window[-1].attempts += 1
        self._window[-1].failures += failed
        while self._window[0].at <= second - self._bounds.breaker_window_s:
            self._window.popleft()
        if failed and self._fails_too_often():
            self._open()

    def _fails_too_often(self) -> bool:
        attempts = sum(each.attempts for each in self._window)
        failures = sum(each.failures for each in self._window)
        return attempts >= self._bounds.breaker_attempts and failures >= attempts * self._bounds.breaker_share

    def _judge(self, *, failed: bool) -> None:
        self._trial_until = 0.0
        if failed:
            self._open_s = min(2 * self._open_s, self._bounds.breaker_open_most_s)
            self._open()
            return
        self._good_trials += 1
        if self._good_trials >= self._bounds.breaker_trials:
            self._open_s = self._bounds.breaker_open_s
            self._window.clear()
            self._become(State.CLOSED)

    def _open(self) -> None:
        # Spread, so that all callers don't come back in one moment.
        self._until = self._now() + self._open_s * random.uniform(0.9, 1.1)  # noqa: S311 - nothing secret
        self._window.clear()
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self.state = state
        level = logging.WARNING if state is State.OPEN else logging.INFO
        _log.log(level, "breaker_changed", extra={"service": self._service, "state": state.name.lower()})
        if self._on_change:
            self._on_change(state)

    def _refusal(self, left_s: float) -> Unavailable:
        # Whole seconds, as a client is told.
        return Unavailable(f"the {self._service} service does not answer", retry_after_s=max(1, math.ceil(left_s)))
