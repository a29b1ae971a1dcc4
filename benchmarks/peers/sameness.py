"""Whether contenders answer the same: their pages field by field, and their posts where followers look for them."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from benchmarks import answers, traffic, wire
from benchmarks.crowd import Crowd, Person

_CONNECTIONS = 8
_AUTHORS = 10
_PATIENCE_S = 10.0


def of_pages(one: str, other: str, people: Crowd) -> tuple[int, Counter[str]]:
    """How many first pages were compared, and how many differed, but for what a cursor looks like."""
    ours, theirs = (asyncio.run(_pages(url, people)) for url in (one, other))
    differ = sum(a != b for a, b in zip(ours, theirs, strict=True))
    return len(ours), Counter({"another page than Aviary's": differ} if differ else {})


def comparable(body: bytes) -> str:
    """A page with its fields in their order, but for the cursor, which everybody makes in their own way."""
    page: dict[str, Any] = json.loads(body)
    page["pagination"]["next_cursor"] = bool(page["pagination"]["next_cursor"])
    return json.dumps(page)


async def _pages(url: str, people: Crowd) -> list[str]:
    asks = traffic.homes(people)
    pages = [""] * len(asks)
    waiting = iter(enumerate(asks))

    async def read(connection: wire.Connection) -> None:
        for number, ask in waiting:
            pages[number] = comparable((await connection.send(ask.request)).body)

    async with wire.connected(url, _CONNECTIONS) as connections, asyncio.TaskGroup() as tasks:
        for connection in connections:
            tasks.create_task(read(connection))
    return pages


def of_delivery(url: str, people: Crowd, follows: Iterable[tuple[int, int]]) -> tuple[int, Counter[str]]:
    """How many followers looked for a new tweet of somebody they follow, and how many did not find it."""
    known = {int(person.id): person for person in people.people}
    followers: dict[int, list[Person]] = defaultdict(list)
    for follower, followee in follows:
        if follower in known and followee in known:
            followers[followee].append(known[follower])
    authors = Random(1).sample(sorted(followers), min(_AUTHORS, len(followers)))
    return asyncio.run(_delivery(url, [(known[author], followers[author]) for author in authors]))


async def _delivery(url: str, authors: Sequence[tuple[Person, Sequence[Person]]]) -> tuple[int, Counter[str]]:
    looked, faults = 0, Counter[str]()
    async with wire.connected(url, 1) as (connection,):
        for author, followers in authors:
            key = f"delivered-{time.time_ns():x}"
            posted = await connection.send(
                wire.post("/tweets", {"content": f"Who reads this? {key}"}, token=author.token, key=key)
            )
            tweet = int(json.loads(posted.body)["id"])
            for follower in followers:
                looked += 1
                faults["not delivered"] += not await _sees(connection, follower, tweet)
    return looked, +faults


async def _sees(connection: wire.Connection, follower: Person, tweet: int) -> bool:
    request = wire.get(f"/timeline/home?limit={answers.PAGE}", token=follower.token)
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        if tweet in answers.tweet_ids((await connection.send(request)).body):
            return True
        await asyncio.sleep(0.01)
    return False
