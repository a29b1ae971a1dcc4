"""What goes wrong in a fleet, drawn at random: processes and servers die or stand still, links are cut and slow."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

from tests.backends.server import Server
from tests.backends.toxiproxy import Link

# How long something stays broken, and how long nothing is broken in between.
_BROKEN_S = (0.5, 4.0)
_CALM_S = (1.0, 5.0)


@dataclass(slots=True)
class Nemesis:
    """Breaks one thing after the other while it runs; when it has ended, all of them are whole again."""

    data_dir: Path
    servers: Sequence[Server]
    links: Sequence[Link]
    chance: Random
    done: Counter[str] = field(default_factory=Counter)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failed: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="nemesis")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        assert self._thread is not None
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        try:
            while not self._ending.wait(self.chance.uniform(*_CALM_S)):
                self.chance.choice(self._faults())()
        except BaseException as error:  # noqa: BLE001 - told by whoever ends the nemesis
            self._failed = error

    def _faults(self) -> list[Callable[[], None]]:
        faults: list[Callable[[], None]] = []
        for name in self._members():
            faults += [lambda name=name: self._kill(name), lambda name=name: self._pause(name)]  # type: ignore[misc]
        for server in self.servers:
            faults += [lambda each=server: self._restart(each), lambda each=server: self._freeze(each)]  # type: ignore[misc]
        for link in self.links:
            faults += [lambda each=link: self._cut(each), lambda each=link: self._slow(each)]  # type: ignore[misc]
        return faults

    def _members(self) -> list[str]:
        return sorted(json.loads((self.data_dir / "fleet.json").read_text()))

    def _pid(self, name: str) -> int:
        return int(json.loads((self.data_dir / "fleet.json").read_text())[name]["pid"])

    def _kill(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)
        self.done[f"kill {name}"] += 1

    def _pause(self, name: str) -> None:
        pid = self._signal(name, signal.SIGSTOP)
        time.sleep(self.chance.uniform(*_BROKEN_S))
        if pid:
            os.kill(pid, signal.SIGCONT)
        self.done[f"pause {name}"] += 1

    def _signal(self, name: str, number: signal.Signals) -> int:
        """Signal a process of the fleet; 0 when it is down just now."""
        pid = self._pid(name)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return 0
        return pid

    def _restart(self, server: Server) -> None:
        server.kill()
        time.sleep(self.chance.uniform(*_BROKEN_S))
        server.start()
        self.done[f"kill {server.name}"] += 1

    def _freeze(self, server: Server) -> None:
        server.pause()
        time.sleep(self.chance.uniform(*_BROKEN_S))
        server.resume()
        self.done[f"pause {server.name}"] += 1

    def _cut(self, link: Link) -> None:
        link.cut()
        time.sleep(self.chance.uniform(*_BROKEN_S))
        link.heal()
        self.done["cut link"] += 1

    def _slow(self, link: Link) -> None:
        link.slow(300, jitter_ms=200)
        time.sleep(self.chance.uniform(*_BROKEN_S))
        link.heal()
        self.done["slow link"] += 1
