"""What a lease promises, to whoever holds it and to whoever waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from tests.contract.tables import WatchedTables, opened

from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.storage.scylla.leases import Lease, LeasedIds

pytestmark = pytest.mark.cluster

LASTS_S, SKEW_S = 2.0, 0.5
PATIENCE_S = 30.0


@pytest.fixture
async def tables(tables_address: str) -> AsyncIterator[WatchedTables]:
    async with opened(tables_address, "fanout") as tables:
        yield tables
        await tables.run("TRUNCATE leases")


def lease(tables: WatchedTables, name: str = "agenda") -> Lease:
    """A lease as one process sees it."""
    return Lease(tables, name, lasts_s=LASTS_S, skew_s=SKEW_S)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0.01))])


class Works:
    """What several processes do under one lease: who is at work, and whether two ever were."""

    def __init__(self) -> None:
        self.at_work: list[str] = []
        self.most = 0

    def of(self, who: str) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            self.at_work.append(who)
            self.most = max(self.most, len(self.at_work))
            try:
                await asyncio.Event().wait()
            finally:
                self.at_work.remove(who)

        return work


async def test_one_of_many_takes_it(tables: WatchedTables) -> None:
    took = await asyncio.gather(*(lease(tables).take() for _ in range(10)))
    assert sorted(took) == [False] * 9 + [True]
    assert await lease(tables, "another").take()


async def test_a_holder_renews_it_for_as_long_as_it_likes(tables: WatchedTables) -> None:
    held, other = lease(tables), lease(tables)
    assert await held.take()
    for _ in range(8):
        await asyncio.sleep(LASTS_S / 4)
        assert (await held.take(), await other.take()) == (True, False)


async def test_what_is_released_is_free_at_once(tables: WatchedTables) -> None:
    held, other = lease(tables), lease(tables)
    assert await held.take()
    await other.release()
    assert not await other.take()
    await held.release()
    assert not held.held
    assert await other.take()


async def test_a_lease_ends_for_its_holder_before_another_may_take_it(tables: WatchedTables) -> None:
    held, other = lease(tables), lease(tables)
    assert await held.take()
    async with asyncio.timeout(PATIENCE_S):
        while not await other.take():
            # Asked for, and thus not there yet, while the first still went by its own clock.
            assert other.until_ns == 0
            await asyncio.sleep(0.02)
    assert not held.held
    assert not await held.take()


async def test_work_is_done_by_one_process_at_a_time_and_taken_over(tables: WatchedTables) -> None:
    works = Works()
    processes = {who: asyncio.ensure_future(lease(tables).run(works.of(who))) for who in "abc"}
    for _ in range(3):
        await until(lambda: bool(works.at_work))
        (who,) = works.at_work
        processes[who].cancel()
        await asyncio.gather(processes[who], return_exceptions=True)
    assert works.most == 1
    assert all(each.done() for each in processes.values())


async def test_a_holder_that_was_stopped_finds_its_work_taken_over(
    tables: WatchedTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, stopped = Works(), lease(tables)
    is_running = asyncio.Event()
    is_running.set()
    take = stopped.take

    async def take_when_running() -> bool:
        await is_running.wait()
        return await take()

    monkeypatch.setattr(stopped, "take", take_when_running)
    first = asyncio.ensure_future(stopped.run(works.of("stopped")))
    await until(lambda: works.at_work == ["stopped"])
    is_running.clear()
    second = asyncio.ensure_future(lease(tables).run(works.of("second")))

    # Its time is over by its own clock before the other's begins, though it could ask nobody.
    await until(lambda: works.at_work == ["second"])
    assert works.most == 1
    is_running.set()
    await asyncio.sleep(LASTS_S)
    assert works.at_work == ["second"]
    for each in (first, second):
        each.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_work_goes_on_while_the_tables_fail_for_less_than_the_lease(
    tables: WatchedTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    works, held = Works(), Lease(tables, "agenda", lasts_s=6, skew_s=1)
    process = asyncio.ensure_future(held.run(works.of("a")))
    await until(lambda: bool(works.at_work))

    async def fail(*_: Any) -> None:
        raise Unavailable("the tables cannot be reached")

    with monkeypatch.context() as broken:
        broken.setattr(tables, "apply", fail)
        await asyncio.sleep(1.2)
        assert works.at_work == ["a"]
    await asyncio.sleep(2.5)
    assert (works.at_work, works.most, held.held) == (["a"], 1, True)
    process.cancel()
    await asyncio.gather(process, return_exceptions=True)


async def test_work_that_fails_ends_with_its_failure_and_frees_the_lease(tables: WatchedTables) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await lease(tables).run(fail)
    assert await lease(tables).take()


async def test_no_two_processes_mint_under_one_number(tables: WatchedTables, clock: Clock) -> None:
    minters = [LeasedIds(tables, clock) for _ in range(20)]
    numbers = [await each.acquire() for each in minters]
    assert len(set(numbers)) == 20
    assert len({each.next() for each in minters for _ in range(100)}) == 2_000
    for each in minters:
        await each.release()
    with pytest.raises(Unavailable, match="no worker number is leased yet"):
        minters[0].next()
