"""A platform that runs in a thread of its own, so that a model's plain steps can ask it."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.rpc.serving import Person, Serving, serving

from aviary.clock import Clock
from aviary.settings import Settings

T = TypeVar("T")
_DEADLINE_S = 60.0


class Deployment:
    """Serves until it is left. Every path of the timelines runs on a few dozen tweets and a dozen people."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = Settings(
            data_dir=data_dir,
            bcrypt_cost=4,
            limits="off",
            log_level="error",
            timeline_entries=8,
            fanout_small_followers=3,
            fanout_mid_followers=2,
            fanout_pull_followers=4,
            fanout_batch=2,
        )
        self.clock = Clock()
        self._names = (f"u{number}" for number in itertools.count())
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(_DEADLINE_S), "the platform did not start"
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` where the platform runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE_S)

    def newcomers(self, count: int) -> list[Person]:
        """People whom nobody knows yet: every example has its own."""
        return self.run(self.serving.register(*itertools.islice(self._names, count)))

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serving(self.settings, clock=self.clock) as self.serving:
            self._started.set()
            await self._stop.wait()

    serving: Serving
