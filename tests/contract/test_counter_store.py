"""What every adapter of CounterStore promises, whatever its counters count; how they are broken is its own."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.upkeep import LookedAfter


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_exactly_the_counters_that_were_changed_are_found_and_put_right(
    looked_after: LookedAfter, limit: int
) -> None:
    counters = looked_after.counters
    assert await looked_after.drifts(limit=limit) == []
    spoiled = await looked_after.spoil()

    assert await looked_after.drifts(limit=limit) == spoiled
    assert all([await counters.repair(drift) for drift in spoiled])
    assert not any([await counters.repair(drift) for drift in spoiled])
    assert await looked_after.drifts(limit=limit) == []


@pytest.mark.parametrize("limit", [1, 500])
async def test_each_counter_is_examined_once_whatever_the_stretch(looked_after: LookedAfter, limit: int) -> None:
    counters = looked_after.counters
    await looked_after.settle()
    for group in counters.groups:
        whole = await counters.recount(group, after=0, limit=10_000)
        examined = 0
        after: int | None = 0
        while after is not None:
            step = await counters.recount(group, after=after, limit=limit)
            examined, after = examined + step.examined, step.after

        assert examined == whole.examined > 0
        assert whole.after is None


async def test_a_repair_counts_what_is_there_when_it_is_made(looked_after: LookedAfter) -> None:
    spoiled = await looked_after.spoil()
    await looked_after.move()

    assert await looked_after.counters.repair(spoiled[0])
    left = [(each.counter, each.entity_id) for each in await looked_after.drifts()]
    assert left == [(each.counter, each.entity_id) for each in spoiled[1:] if each.counter not in looked_after.healed]


async def test_what_is_written_during_a_recount_is_no_drift(looked_after: LookedAfter) -> None:
    is_over = asyncio.Event()
    looked_after.others_write()

    async def act(user_id: int) -> None:
        while not is_over.is_set():
            await looked_after.act(user_id)

    async with asyncio.TaskGroup() as tasks:
        for user_id in range(10, 20):
            tasks.create_task(act(user_id))
        # A commit falls between two reads of one look only now and then.
        found = [drift for _ in range(looked_after.looks) for drift in await looked_after.drifts(limit=100)]
        is_over.set()
    assert found == []
