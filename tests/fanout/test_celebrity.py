"""Guarantee 7: a celebrity's fan-out delays nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fanout.rig import Crowd, Worker
from tests.rpc.waiting import until

from aviary import ids
from aviary.clock import Clock
from aviary.settings import Settings

ADA, STAR = 1, 1_000
SMALL = range(10, 90)
MILLION = 1_000_000


@dataclass(slots=True)
class Million(Crowd):
    """A million follow the star, ada last; half of them are told, then the star waits at a gate."""

    told: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def counts(self, author_ids: Sequence[int]) -> Mapping[int, int]:
        return {author: MILLION if author == STAR else 1 for author in author_ids}

    async def few(self, author_ids: Sequence[int], *, most: int) -> Mapping[int, bytes]:
        return {author: ids.pack([ADA]) for author in author_ids if author != STAR}

    async def stream(self, author_id: int, *, page_size: int) -> AsyncIterator[bytes]:
        if author_id != STAR:
            yield ids.pack([ADA])
            return
        strangers = range(MILLION, 2 * MILLION)
        for start in range(0, MILLION, page_size):
            if self.told == MILLION // 2:
                await self.gate.wait()
            yield ids.pack(strangers[start : start + page_size])
            self.told += page_size
        yield ids.pack([ADA])


@pytest.fixture
async def worker(tmp_path: Path, clock: Clock) -> AsyncIterator[Worker]:
    everybody_is_pushed_to = Settings(
        data_dir=tmp_path, fanout_mid_followers=2 * MILLION, fanout_pull_followers=3 * MILLION
    )
    made = Worker(everybody_is_pushed_to, clock)
    yield made
    made.close()


async def test_guarantee_7_small_authors_overtake_the_fan_out_to_a_million_followers(worker: Worker) -> None:
    worker.crowd = million = Million(of={key: [] for key in [ADA, STAR, *SMALL]})
    await worker.warm(ADA)
    async with worker.running():
        first, again = await worker.tweet(STAR), await worker.tweet(STAR)
        await until(lambda: million.told == MILLION // 2, what="half of the star's followers were told")
        small = [await worker.tweet(author) for author in SMALL]

        async def has_all() -> bool:
            return await worker.held(ADA) == small[::-1]

        # They were posted after both of the star's tweets, and are there before either.
        await until(has_all, what="every small author's tweet was there")
        assert million.told == MILLION // 2
        assert worker.consumer.committed == 0
        million.gate.set()
        await worker.settle()

    assert await worker.held(ADA) == [*small[::-1], again, first]
    assert million.told == 2 * MILLION
