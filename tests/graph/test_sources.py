"""Whose tweets belong to a home, asked while people follow, mute and leave and time goes by."""

from __future__ import annotations

import asyncio
import random

import pytest
from tests.graph.stores import StoppedClock, Stores

VIEWER, OTHERS = 1, range(2, 8)


class Reader:
    """Asks again and again as timelines do, with the version that it holds."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.held = frozenset[int]()
        self.changes = 0
        self._versions = (-1, -1)

    async def ask(self) -> None:
        answer = await self._stores.graph.sources(VIEWER, if_version_not=self._versions[1])
        versions = (answer.follow_version, answer.sources_version)
        assert versions[0] >= self._versions[0]
        assert versions[1] >= self._versions[1]
        if answer.ids is not None:
            self.held = frozenset(answer.ids)
            self.changes += 1
        self._versions = versions

    async def until(self, done: asyncio.Event) -> None:
        while not done.is_set():
            await self.ask()


async def act(stores: Stores, clock: StoppedClock, chance: random.Random) -> None:
    """Do one thing to one person, or wait."""
    other = chance.choice(OTHERS)
    match chance.randrange(6):
        case 0:
            await stores.graph.follow(VIEWER, other, protected=False, claim=None)
        case 1:
            await stores.graph.unfollow(VIEWER, other)
        case 2 | 3:
            until_ms = clock.ms + chance.choice((1, 3, 10))
            await stores.relations.mute(VIEWER, other, until_ms=until_ms, claim=None)
        case 4:
            await stores.relations.unmute(VIEWER, other)
        case _:
            clock.ms += chance.choice((1, 2, 5))


@pytest.mark.parametrize("seed", range(5))
async def test_versions_never_fall_and_a_reader_ends_with_what_holds(stores: Stores, seed: int) -> None:
    clock, chance = stores.clock, random.Random(seed)
    assert isinstance(clock, StoppedClock)
    reader, done = Reader(stores), asyncio.Event()
    reading = asyncio.create_task(reader.until(done))
    for _ in range(60):
        await asyncio.gather(*(act(stores, clock, chance) for _ in range(4)))
    done.set()
    await reading

    await reader.ask()
    assert reader.held == frozenset((await stores.graph.sources(VIEWER, if_version_not=None)).ids or ())
    assert reader.changes > 20
