"""Under a mixed load that goes on and on, the platform's memory stops growing once its caches are full.

`AVIARY_TEST_STEADY_S` says for how many seconds; a quarter of an hour without.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.system.client import Client, Person, register
from tests.system.process import Launcher, Running

SECONDS = float(os.environ.get("AVIARY_TEST_STEADY_S", "900"))
# A few percent: what an allocator keeps back comes and goes.
MOST_GROWTH = 1.04
PEOPLE, FOLLOWED, LANES = 60, 20, 4
# Full within the first third. What is bounded by time, a window of limits or a day, is not part of this.
SMALL = {
    "front_memory_bytes": 4_000_000,
    "timeline_memory_bytes": 2_000_000,
    "timeline_entries": 100,
    "sqlite_cache_bytes": 1_000_000,
}
_KEPT = 2_000
_EVERY_S = 1.0


class Life:
    """People who read, post, like and delete; every answer must be right."""

    def __init__(self, people: Sequence[Person], until: float) -> None:
        self._people = people
        self._until = until
        self._made: list[tuple[Person, str]] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self.done = Counter[str]()

    def live(self, seed: int) -> None:
        """Do whatever people do until it is time; raises what goes wrong."""
        chance = Random(seed)
        while time.monotonic() < self._until:
            (what,) = chance.choices(["home", "user", "tweet", "post", "like", "delete"], [8, 3, 3, 3, 2, 1])
            getattr(self, f"_{what}")(chance, chance.choice(self._people))
            with self._lock:
                self.done[what] += 1

    def _home(self, chance: Random, who: Person) -> None:
        page = _read(who, f"/timeline/home?limit={chance.choice([20, 20, 100])}")
        ids = [int(tweet["id"]) for tweet in page["tweets"]]
        assert ids == sorted(set(ids), reverse=True)
        if (cursor := page["pagination"]["next_cursor"]) and chance.random() < 0.5:
            _read(who, f"/timeline/home?cursor={cursor}")

    def _user(self, chance: Random, who: Person) -> None:
        _read(who, f"/timeline/user/{chance.choice(self._people).id}?limit=20")

    def _tweet(self, chance: Random, who: Person) -> None:
        self._about(chance, lambda id: who.get(f"/tweets/{id}").status)

    def _post(self, _: Random, who: Person) -> None:
        tweet = who.tweet(f"number {next(self._numbers)}: what is said is about as long as most texts are, or longer")
        with self._lock:
            self._made.append((who, tweet["id"]))
            # Whatever the test remembers, it is not to fill the machine either.
            del self._made[:-_KEPT]

    def _like(self, chance: Random, who: Person) -> None:
        self._about(chance, lambda id: who.post(f"/tweets/{id}/like").status)

    def _delete(self, chance: Random, _: Person) -> None:
        with self._lock:
            if not self._made:
                return
            who, id = self._made.pop(chance.randrange(len(self._made)))
        assert who.delete(f"/tweets/{id}").status == 200

    def _about(self, chance: Random, ask: Callable[[str], int]) -> None:
        with self._lock:
            chosen = chance.choice(self._made) if self._made else None
        # Somebody may have deleted it meanwhile.
        if chosen:
            assert ask(chosen[1]) in {200, 404}


def _read(who: Person, path: str) -> dict[str, Any]:
    answer = who.get(path)
    assert answer.status == 200, answer.text
    return dict(answer.body)


class Resident:
    """The memory of processes, every second."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.mb: dict[str, list[float]] = {name: [] for name in pids}
        self._pids = pids

    def watch(self, until: float) -> None:
        while time.monotonic() < until:
            for name, pid in self._pids.items():
                self.mb[name].append(_resident_mb(pid))
            time.sleep(_EVERY_S)

    def thirds(self, name: str) -> Sequence[float]:
        """The median of each third of the time."""
        seen = self.mb[name]
        third = len(seen) // 3
        return [statistics.median(seen[at * third : (at + 1) * third]) for at in range(3)]


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _envoy(platform: Running) -> int:
    pid = platform.process.pid
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for file in children for child in file.read_text(encoding="ascii").split()]
    (envoy,) = [each for each in found if Path(f"/proc/{each}/comm").read_text(encoding="ascii").strip() == "envoy"]
    return envoy


def _crowd(url: str) -> list[Person]:
    people = [register(Client(url)) for _ in range(PEOPLE)]
    chance = Random(1)
    for one in people:
        for other in chance.sample([each for each in people if each is not one], FOLLOWED):
            one.follow(other)
    return people


@pytest.mark.soak
def test_memory_does_not_grow_once_the_caches_are_full(
    starter: Launcher, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Tokens outlast the load.
    platform = starter.up(data_dir, limits="off", access_token_ttl_s=int(SECONDS) + 3_600, **SMALL)
    people = _crowd(platform.url)
    until = time.monotonic() + SECONDS
    life = Life(people, until)
    resident = Resident({"aviary": platform.process.pid, "envoy": _envoy(platform)})
    with ThreadPoolExecutor(LANES + 1) as threads:
        watching = threads.submit(resident.watch, until)
        for lane in [threads.submit(life.live, seed) for seed in range(LANES)]:
            lane.result()
        watching.result()

    told = {name: resident.thirds(name) for name in resident.mb}
    with capsys.disabled():
        said = "; ".join(f"{name} {' '.join(f'{mb:.1f}' for mb in thirds)} MB" for name, thirds in told.items())
        print(f"\n{life.done.total():,} calls in {SECONDS:.0f} s, resident by thirds: {said}")
    assert all(life.done[what] for what in ("home", "user", "tweet", "post", "like", "delete"))
    for name, (_, middle, last) in told.items():
        assert last <= middle * MOST_GROWTH, f"{name} grew from {middle:.1f} to {last:.1f} MB"
