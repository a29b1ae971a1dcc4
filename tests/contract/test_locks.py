"""What locks by key promise."""

from __future__ import annotations

import asyncio

import pytest

from aviary.storage.scylla.locks import KeyedLocks


async def test_one_key_is_held_by_one_at_a_time_in_the_order_of_asking() -> None:
    locks, seen = KeyedLocks(), list[str]()

    async def hold(name: str) -> None:
        async with locks.hold("key"):
            seen.append(f"{name} in")
            await asyncio.sleep(0)
            seen.append(f"{name} out")

    await asyncio.gather(hold("a"), hold("b"), hold("c"))

    assert seen == ["a in", "a out", "b in", "b out", "c in", "c out"]


async def test_another_key_is_not_waited_for() -> None:
    locks = KeyedLocks()
    async with locks.hold("one"), asyncio.timeout(1), locks.hold("other"):
        pass


async def test_who_stops_waiting_leaves_the_key_to_the_next() -> None:
    locks = KeyedLocks()
    async with locks.hold("key"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), locks.hold("key"):
                pass
    async with asyncio.timeout(1), locks.hold("key"):
        pass
