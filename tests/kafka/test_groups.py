"""What a group promises: each event once, in the order of its key, whoever comes and goes."""

from __future__ import annotations

import asyncio

import pytest
from tests.kafka.rig import Rig, Seen, events, running, settled
from tests.rpc.waiting import until

from aviary.storage.kafka import packs, partitions, poller
from aviary.storage.kafka.packs import MOST

pytestmark = pytest.mark.cluster


def in_order(seen: Seen) -> bool:
    return all(ids == sorted(set(ids)) for ids in seen.events.values())


async def test_every_event_is_handled_once_and_in_the_order_of_its_key(rig: Rig) -> None:
    seen = Seen()
    group = rig.member(seen)
    await rig.emit(*events(range(1, 1_001)))
    async with running(group.run):
        await rig.emit(*events(range(1_001, 2_001)))
        await settled(group)

    assert seen.count == 2_000
    assert in_order(seen)


async def test_the_next_process_goes_on_where_the_last_one_stopped(rig: Rig) -> None:
    first, second = Seen(), Seen()
    await rig.emit(*events(range(1, 501)))
    group = rig.member(first)
    async with running(group.run):
        await until(lambda: first.count > 100, what="some were handled")
    await rig.emit(*events(range(501, 601)))
    again = rig.member(second)
    async with running(again.run):
        await settled(again)

    # What was under way when the first was told to stop was finished and committed.
    assert first.count + second.count == 600
    for key, ids in second.events.items():
        assert [*first.events[key], *ids] == sorted({*first.events[key], *ids})


async def test_a_second_process_takes_its_share_and_gives_it_back(rig: Rig) -> None:
    first, second = Seen(), Seen()
    one, other = rig.member(first), rig.member(second)
    async with running(one.run):
        await until(lambda: len(one.partitions) == 4, what="one process has all partitions")
        await rig.emit(*events(range(1, 201)))
        async with running(other.run):
            await until(lambda: len(one.partitions) == len(other.partitions) == 2, what="each has half of them")
            assert not set(one.partitions) & set(other.partitions)
            await rig.emit(*events(range(201, 601)))
            await settled(one)
        await until(lambda: len(one.partitions) == 4, what="the first has all of them again")
        await rig.emit(*events(range(601, 801)))
        await settled(one)

    assert second.count
    assert first.count + second.count == 800
    assert in_order(first)
    assert in_order(second)


async def test_a_partition_changes_hands_only_after_the_effect_under_way(rig: Rig) -> None:
    first, second = Seen(), Seen()
    one, other = rig.member(first), rig.member(second)
    first.gate.clear()
    async with running(one.run):
        await rig.emit(*events(range(1, 65)))
        await until(lambda: first.begun == 4, what="an effect of each partition is under way")
        async with running(other.run):
            await asyncio.sleep(1.0)
            assert second.count == 0
            first.gate.set()
            await settled(other)

    assert first.count + second.count == 64
    assert {id for ids in first.events.values() for id in ids}.isdisjoint(
        id for ids in second.events.values() for id in ids
    )


async def test_a_slow_consumer_holds_no_more_than_the_bound(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "HELD", 256)
    monkeypatch.setattr(poller, "RECORDS_A_POLL", 2)
    seen = Seen()
    seen.gate.clear()
    group = rig.member(seen)
    await rig.emit(*events(range(1, 5_001), keys=1))
    held = []
    async with running(group.run):
        await until(lambda: group.held > 256, what="the bound is reached")
        # Long enough for everything to come, if nothing held it back.
        for _ in range(100):
            await asyncio.sleep(0.01)
            held.append(group.held)
        assert max(held) <= 256 + 2 * MOST
        seen.gate.set()
        await settled(group)

    assert seen.count == 5_000
    assert in_order(seen)


async def test_partitions_that_are_held_back_again_and_again_all_come_to_their_end(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packs, "MOST", 16)
    monkeypatch.setattr(partitions, "HELD", 64)
    seen = Seen()
    group = rig.member(seen)
    await asyncio.gather(*(rig.emit(*events(range(at, at + 2_500))) for at in range(1, 20_001, 2_500)))
    async with running(group.run):
        await settled(group)

    assert seen.count == 20_000


async def test_consumers_of_different_purposes_each_get_everything(rig: Rig) -> None:
    seen, others = Seen(), Seen()
    one, other = rig.member(seen), rig.member(others, "another purpose")
    async with running(one.run, other.run):
        await rig.emit(*events(range(1, 101)))
        await settled(one)
        await settled(other)

    assert seen.events == others.events


async def test_progress_shows_what_no_process_consumes(rig: Rig) -> None:
    group = rig.member(Seen())
    await rig.emit(*events(range(1, 11)))
    progress = await group.progress()

    assert progress.committed == 0 < progress.end
