"""How a process learns of the sessions that end elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tests.users.world import World

from aviary._native import DenyList
from aviary.users.worker import feed_deny_list

ACCESS_TTL_S = 900


@asynccontextmanager
async def following(world: World) -> AsyncIterator[DenyList]:
    """Another process's deny list, loaded and fed."""
    denied, loaded = DenyList(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(feed_deny_list([world.log], world.store, denied, for_s=ACCESS_TTL_S, loaded=loaded))
        async with asyncio.timeout(10):
            await loaded.wait()
        yield denied
        feeding.cancel()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a deny list has no event to wait for
            await asyncio.sleep(0.005)


async def session_of(world: World, username: str) -> int:
    signed_in = await world.register(username)
    return world.tokens.parse(signed_in.tokens.refresh_token).session_id


async def test_what_was_revoked_while_a_token_lives_is_refused_from_the_start(world: World) -> None:
    now_s = int(time.time())
    recent, old, alive = [await session_of(world, name) for name in ("ada", "bob", "cy")]
    await world.store.revoke(recent, now_s=now_s - ACCESS_TTL_S + 100)
    await world.store.revoke(old, now_s=now_s - ACCESS_TTL_S - 100)

    async with following(world) as denied:
        assert recent in denied
        assert old not in denied
        assert alive not in denied


async def test_what_is_revoked_later_is_refused_once_it_is_in_the_log(world: World) -> None:
    async with following(world) as denied:
        session_id, other = await session_of(world, "ada"), await session_of(world, "bob")

        await world.store.revoke(session_id, now_s=int(time.time()))
        await until(lambda: session_id in denied)

        assert other not in denied


async def test_logging_out_everywhere_reaches_the_others(world: World) -> None:
    async with following(world) as denied:
        first, second = await world.register(), await world.login()
        ids = [world.tokens.parse(each.tokens.refresh_token).session_id for each in (first, second)]

        await world.service.logout_all(first.user.id)

        await until(lambda: all(session_id in denied for session_id in ids))
