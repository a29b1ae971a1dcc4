"""Commits that travel together: what fails with another's is not taken for done."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from aviary.errors import Unavailable
from aviary.storage.kafka.group import Commits


class Shelf:
    """Keeps positions, as a broker does; refuses so many times, each only when it is let."""

    def __init__(self, refusals: int) -> None:
        self.held: dict[int, int] = {}
        self.refusals = refusals
        self.go = asyncio.Event()

    async def commit(self, positions: Mapping[int, int]) -> None:
        await self.go.wait()
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the group is being put together anew")
        self.held.update(positions)

    async def committed(self, partition: int) -> int | None:
        return self.held.get(partition)


async def test_whoever_waited_for_a_turn_that_failed_commits_by_itself() -> None:
    shelf = Shelf(refusals=2)
    commits = Commits(shelf)
    asked = [asyncio.create_task(commits.commit(partition, 10 + partition)) for partition in range(3)]
    await asyncio.sleep(0)
    shelf.go.set()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(each) for each in outcomes] == [Unavailable, Unavailable, type(None)]
    # Only what was said to be done, and nothing of those who may have lost their partitions by now.
    assert shelf.held == {2: 12}


async def test_one_request_serves_all_that_got_further_meanwhile() -> None:
    shelf = Shelf(refusals=0)
    commits = Commits(shelf)
    asked = [
        asyncio.create_task(commits.commit(partition, position)) for partition, position in [(0, 1), (1, 5), (1, 7)]
    ]
    await asyncio.sleep(0)
    shelf.go.set()
    await asyncio.gather(*asked)

    assert shelf.held == {0: 1, 1: 7}


async def test_a_partition_that_was_given_up_is_not_committed_with_the_next() -> None:
    shelf = Shelf(refusals=1)
    commits = Commits(shelf)
    shelf.go.set()
    with pytest.raises(Unavailable):
        await commits.commit(0, 10)
    await commits.commit(1, 20)

    assert shelf.held == {1: 20}
