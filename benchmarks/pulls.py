"""`python -m benchmarks.pulls`: what it costs a home to pull its large authors from the tables, one Cassandra alone."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.backends.cassandra import Cassandra

from aviary import ids
from aviary.paging import PageRequest
from aviary.settings import Settings
from aviary.storage.scylla import schema
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import entries
from aviary.storage.scylla.tweets.listings import BY_AUTHOR
from benchmarks import machine
from benchmarks.figures import Figure, table
from benchmarks.processes import cpu_s
from benchmarks.records import write_circumstances, write_figures

_AUTHORS, _TWEETS, _DAYS = 1_000, 20, 20
# About as many authors above 10,000 followers as somebody follows at the design point.
_PULLED, _PAGE = 80, 20
_WARM_UP, _HOMES, _AT_ONCE = 300, 600, 8
_INSERTED_AT_ONCE = 64
_TWEET = (
    "INSERT INTO tweets_by_author (author_id, bucket, id, kind, ref_id, ref_author_id, flags, deleted)"
    " VALUES (?, ?, ?, 1, 0, 0, 0, false)"
)
_MONTH = "INSERT INTO buckets (list, owner, bucket) VALUES (?, ?, ?)"


def main() -> int:
    """Measure, print and, where a folder is named, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pulls", description=__doc__)
    parser.add_argument("--out", type=Path, help="record there")
    out: Path | None = parser.parse_args().out
    here = machine.this()
    with tempfile.TemporaryDirectory(prefix="aviary-pulls-") as folder:
        server = Cassandra(Path(folder) / "cassandra", soon=False)
        with server:
            figures = asyncio.run(_measure(server))
    print(table(figures))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        file = out / f"{dt.datetime.now(dt.UTC).date().isoformat()}-pulls.csv"
        write_figures(file, figures)
        write_circumstances(file.with_suffix(".json"), here, f"{_AUTHORS:,} authors", {"pulls": True}, {})
    return 0


async def _measure(server: Cassandra) -> list[Figure]:
    settings = Settings(profile="cluster", tables=server.url, tables_replication=1)
    await schema.migrate_one(settings, "tweets")
    tables = Tables(settings, "tweets")
    await tables.open()
    try:
        newest = await _fill(tables)
        await _read(tables, _homes(_WARM_UP, seed=1))
        homes = _homes(_HOMES, seed=2)
        ours_s, theirs_s, started = time.process_time(), cpu_s([server.pid]), time.monotonic()
        pages = await _read(tables, homes)
        took_s = time.monotonic() - started
        ours_s, theirs_s = time.process_time() - ours_s, cpu_s([server.pid]) - theirs_s
        _check(newest, pages)
        pulled = _HOMES * _PULLED
        note = f"{_PULLED} of {_AUTHORS:,} authors a home, {_TWEETS} tweets each in {_DAYS} days"
        return [
            Figure("pulls.per_s", _HOMES / took_s, "/s", None, f"homes, {_AT_ONCE} at once; {note}"),
            Figure("pulls.cpu.process", ours_s / pulled * 1e6, "µs", None, "an author"),
            Figure("pulls.cpu.tables", theirs_s / pulled * 1e6, "µs", None, "an author"),
        ]
    finally:
        await tables.close()


async def _fill(tables: Tables) -> dict[int, list[int]]:
    """Write every author's tweets; returns their ids, newest first."""
    rng, now_ms = random.Random(3), round(time.time() * 1000)
    span_ms = _DAYS * 86_400_000
    found = {
        author: sorted((ids.first_at(now_ms - rng.randrange(span_ms)) + author for _ in range(_TWEETS)), reverse=True)
        for author in range(1, _AUTHORS + 1)
    }
    places = asyncio.Semaphore(_INSERTED_AT_ONCE)

    async def put(author: int, tweet: int) -> None:
        bucket = BY_AUTHOR.bucket(author, tweet)
        async with places:
            await tables.rows(_TWEET, author, bucket, tweet)
            await tables.rows(_MONTH, BY_AUTHOR.table, str(author), bucket)

    async with asyncio.TaskGroup() as tasks:
        for author, tweets in found.items():
            for tweet in tweets:
                tasks.create_task(put(author, tweet))
    return found


def _homes(number: int, *, seed: int) -> list[list[int]]:
    """The authors whom each of so many people pulls."""
    rng = random.Random(seed)
    return [rng.sample(range(1, _AUTHORS + 1), _PULLED) for _ in range(number)]


async def _read(tables: Tables, homes: Sequence[Sequence[int]]) -> list[tuple[Sequence[int], Sequence[Row]]]:
    """Pull for each home; returns its authors and the rows that came, in no order of homes."""
    work, pages = iter(homes), []

    async def worker() -> None:
        for authors in work:
            page = PageRequest(limit=_PAGE)
            rows = await entries.newest(tables, authors, page, no_replies=False, media_only=False)
            pages.append((authors, rows))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(worker())
    return pages


def _check(newest: dict[int, list[int]], pages: Sequence[tuple[Sequence[int], Sequence[Row]]]) -> None:
    for authors, rows in pages:
        expected = sorted((tweet for author in authors for tweet in newest[author]), reverse=True)[:_PAGE]
        assert [row[1] for row in rows] == expected, "a page is not the newest of its authors"


if __name__ == "__main__":
    sys.exit(main())
