"""`python -m benchmarks.warm`: warm timelines and limits in Redis from one process, alone and as a cluster of three."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.backends.redis import Redis, RedisCluster

from aviary import entries, ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.entries import Entry
from aviary.metrics import Metrics
from aviary.rpc.limits import Limit
from aviary.settings import Settings
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.limits import RedisRateLimits
from aviary.storage.redis.timelines import RedisTimelines
from aviary.timelines.store import LIVE, ListKey
from benchmarks import machine
from benchmarks.figures import Figure, Target, missed, table
from benchmarks.records import write_circumstances, write_figures

_OWNERS, _BATCH, _TWEETS, _AT_ONCE = 4_000, 1_000, 400, 4
_READS, _SPENDS = 1_000, 5_000
_AUTHORS = range(1, 201)
_SOURCES = Sources(ids.pack(_AUTHORS))
_SETTINGS = Settings()
# For 800 entries of which every third refers to another tweet.
_BYTES = Target(20_000)
_RATE = Target(50_000, at_least=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """Homes of one server, and the tweets that will be posted to them."""

    timelines: RedisTimelines
    owners: list[int]
    rows: list[bytes]


def main() -> int:
    """Measure, print and, where a folder is named, record; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description=__doc__)
    parser.add_argument("--out", type=Path, help="record there")
    out: Path | None = parser.parse_args().out
    here = machine.this() if out else None
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="aviary-warm-") as folder:
        with Redis(Path(folder) / "redis") as server:
            figures += asyncio.run(_measure("warm", server.url, [server]))
        with RedisCluster(Path(folder) / "cluster") as cluster:
            figures += asyncio.run(_measure("warm.cluster", cluster.url, cluster.nodes))
    print(table(figures))
    if out and here:
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"{dt.datetime.now(dt.UTC).date().isoformat()}-warm.csv"
        write_figures(file, figures)
        write_circumstances(file.with_suffix(".json"), here, f"{_OWNERS:,} homes", {"warm": True}, {})
    return 1 if missed(figures) else 0


async def _measure(name: str, url: str, nodes: Sequence[Redis]) -> list[Figure]:
    servers = RedisServers(url)
    try:
        empty = _memory(nodes)
        world = await _build(servers)
        built = (_memory(nodes) - empty) / _OWNERS
        appended = await _append(name, world, nodes)
        await _check(world)
        figures = [
            Figure(f"{name}.list", built, "B", _BYTES, f"of used_memory, {_SETTINGS.timeline_entries} entries, built"),
            *appended,
            Figure(f"{name}.list.used", (_memory(nodes) - empty) / _OWNERS, "B", None, "after the appends"),
        ]
        limits = RedisRateLimits(servers)
        limit = Limit("requests", 100, 60)
        figures += [
            *await _pages(name, world, nodes),
            await _each(f"{name}.spend", "of one limit", _SPENDS, lambda at: limits.spend(limit, str(at % 500))),
        ]
        return figures
    finally:
        await servers.close()


async def _build(servers: RedisServers) -> _World:
    rng, mint = random.Random(7), ids.IdGenerator(Clock())
    rows = [_row(rng, mint.next(), at) for at in range(_SETTINGS.timeline_entries + _TWEETS)]
    world = _World(
        timelines=RedisTimelines(servers, _SETTINGS, Clock(), Metrics()),
        owners=[mint.next() for _ in range(_OWNERS)],
        rows=rows[_SETTINGS.timeline_entries :],
    )
    first = b"".join(rows[: _SETTINGS.timeline_entries])
    for owner in world.owners:
        key = _home(owner)
        assert await world.timelines.finish(key, await world.timelines.begin(key), first, floor=0)
    return world


async def _append(name: str, world: _World, nodes: Sequence[Redis]) -> list[Figure]:
    """Post all tweets to everybody, in batches as the fan-out does; every list is trimmed once or twice."""
    batches = [ids.pack(world.owners[at : at + _BATCH]) for at in range(0, _OWNERS, _BATCH)]
    work = iter([(batch, row) for row in world.rows for batch in batches])
    added = 0

    async def worker() -> None:
        nonlocal added
        for batch, row in work:
            # Not in one statement, which would read the sum before it waits.
            taken = await world.timelines.append(batch, row, active_only=False)
            added += taken

    busy_s, ours_s, started = _cpu_s(nodes), time.process_time(), time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(worker())
    took_s = time.monotonic() - started
    assert added == _OWNERS * _TWEETS, f"{added} of {_OWNERS * _TWEETS} entries were added"
    return [
        Figure(f"{name}.appends.per_s", added / took_s, "/s", _RATE, f"{_BATCH} owners a batch, trimming included"),
        Figure(f"{name}.appends.cpu.redis", (_cpu_s(nodes) - busy_s) / added * 1e6, "µs", None, "an append"),
        Figure(f"{name}.appends.cpu.worker", (time.process_time() - ours_s) / added * 1e6, "µs", None, "an append"),
    ]


async def _check(world: _World) -> None:
    expected = [entries.last_id(row) for row in reversed(world.rows)]
    for owner in random.Random(7).sample(world.owners, 50):
        rows = await _read(world, owner, _TWEETS)
        assert [entry.id for entry in entries.unpack(rows)] == expected, f"the home of {owner} is not what was appended"


async def _read(world: _World, owner: int, limit: int) -> bytes:
    piece = await world.timelines.read(_home(owner), sources=_SOURCES, below=LIVE, above=0, limit=limit, extra=b"")
    assert piece is not None
    return piece.rows


async def _each(name: str, what: str, times: int, act: Callable[[int], Awaitable[object]]) -> Figure:
    started = time.monotonic()
    for at in range(times):
        await act(at)
    return Figure(name, (time.monotonic() - started) / times * 1e6, "µs", None, f"{what}, one after the other")


async def _pages(name: str, world: _World, nodes: Sequence[Redis]) -> list[Figure]:
    """How long a page takes, and what of it is the servers' work."""
    busy_s = _cpu_s(nodes)
    read = await _each(f"{name}.read", "a page of 20", _READS, lambda at: _read(world, world.owners[at], 20))
    return [read, Figure(f"{name}.read.cpu.redis", (_cpu_s(nodes) - busy_s) / _READS * 1e6, "µs", None, "a page of 20")]


def _row(rng: random.Random, tweet: int, at: int) -> bytes:
    ref_id, ref_author_id = (rng.randrange(1, tweet), rng.randrange(1 << 40, 1 << 50)) if at % 3 == 0 else (0, 0)
    entry = Entry(
        id=tweet,
        author_id=rng.choice(_AUTHORS),
        ref_id=ref_id,
        ref_author_id=ref_author_id,
        # A reply to a stranger would not be shown.
        is_retweet=ref_id > 0,
    )
    return entries.pack(entry)


def _home(owner: int) -> ListKey:
    return ListKey(viewer_id=owner, upper=LIVE, version=1)


def _memory(nodes: Sequence[Redis]) -> int:
    return sum(int(_told(node, "memory")["used_memory"]) for node in nodes)


def _cpu_s(nodes: Sequence[Redis]) -> float:
    told = [_told(node, "cpu") for node in nodes]
    return sum(float(each["used_cpu_user"]) + float(each["used_cpu_sys"]) for each in told)


def _told(node: Redis, section: str) -> dict[str, str]:
    with node.client() as client:
        told: dict[str, str] = client.info(section)
        return told


if __name__ == "__main__":
    sys.exit(main())
