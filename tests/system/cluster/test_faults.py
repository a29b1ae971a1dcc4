"""Everything dies, stands still or is cut off at random under load, and no acknowledged call is lost or done twice.

The loader keeps a journal of every call and answer; a call without an answer is
unknown. When all is whole again, `aviary check` derives from the journal what
everybody must see: every acknowledged write is there, once; names are unique;
conversations and authors are in order; counters equal their sets; every home is
what the oracle says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from tests.backends.cassandra import Cassandra
from tests.backends.kafka import Kafka
from tests.backends.redis import Redis
from tests.backends.server import Server
from tests.backends.toxiproxy import Link, Toxiproxy
from tests.system.cluster.conftest import cluster_settings, start
from tests.system.cluster.nemesis import Nemesis
from tests.system.conditions import eventually
from tests.system.loads import check, figure, lines, seeding
from tests.system.process import Launcher

_WORLD = ("--people", 60, "--tweets-per-user", 1_000, "--patience", 300)
_HEALED_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakable:
    """Servers of one's own, and the links that a fleet has to two of them."""

    servers: list[Server]
    links: list[Link]
    settings: Mapping[str, object]


@pytest.fixture
def breakable(tmp_path: Path) -> Iterator[Breakable]:
    tables, log, cache = Cassandra(tmp_path / "cassandra"), Kafka(tmp_path / "kafka"), Redis(tmp_path / "redis")
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        list(threads.map(stack.enter_context, [tables, log, cache]))
        links = stack.enter_context(Toxiproxy(tmp_path / "toxiproxy")).links
        to_tables, to_cache = links.to(tables.address), links.to(cache.address)
        settings = cluster_settings(
            tables=to_tables.address, kafka=log.url, redis=f"redis://{to_cache.address}", name="faults"
        )
        yield Breakable(
            servers=[tables, log, cache], links=[to_tables, to_cache], settings=settings | {"limits": "off"}
        )


def _break_and_check(breakable: Breakable, starter: Launcher, folder: Path, *, seconds: float, chance: Random) -> str:
    fleet = start(starter, folder / "data", breakable.settings)
    journal = folder / "journal"
    until = time.monotonic() + seconds
    with Nemesis(fleet.data_dir, breakable.servers, breakable.links, chance) as nemesis:
        while time.monotonic() < until:
            with seeding(journal, fleet.url, *_WORLD) as loader:
                eventually(lambda: time.monotonic() >= until or loader.poll() is not None, within_s=seconds + 60)
    said = check(journal, fleet.url, "--sample", "all", "--settle", _HEALED_S)
    broken = ", ".join(f"{what} {count}" for what, count in sorted(nemesis.done.items()))
    return f"{said}\n{nemesis.done.total()} faults in {seconds:.0f} s: {broken}; {lines(journal) // 2:,} calls"


def _report(said: str) -> str:
    tweets, doubts = figure(r"and ([\d,]+) tweets", said), figure(r"^([\d,]+) calls had no known outcome", said)
    return f"{said.splitlines()[-1]}, {tweets} tweets, {doubts} unknown outcomes, 0 differences"


@pytest.mark.faults
def test_two_minutes_of_faults_lose_and_repeat_nothing(
    breakable: Breakable, starter: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _break_and_check(breakable, starter, tmp_path, seconds=120, chance=Random(2))
    with capsys.disabled():
        print(f"\n{_report(said)}")


@pytest.mark.soak
def test_fifteen_minutes_of_faults_lose_and_repeat_nothing(
    breakable: Breakable, starter: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _break_and_check(breakable, starter, tmp_path, seconds=900, chance=Random(15))
    with capsys.disabled():
        print(f"\n{_report(said)}")
