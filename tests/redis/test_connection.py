"""The way to Redis: what it bounds, and what it says when there is none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.backends.redis import Redis, RedisCluster
from tests.redis.reaching import new_prefix
from tests.rpc.waiting import until

from aviary.errors import InvalidInput, Unavailable
from aviary.rpc.limits import Limit
from aviary.storage.redis.connection import RedisServers, Run, Script
from aviary.storage.redis.limits import RedisRateLimits

pytestmark = pytest.mark.cluster
ECHO = Script("return ARGV[1]")
INCREMENT = Script("return redis.call('INCR', KEYS[1])")


@asynccontextmanager
async def reached(url: str) -> AsyncIterator[RedisServers]:
    servers = RedisServers(url)
    try:
        yield servers
    finally:
        await servers.close()


@pytest.fixture(params=["redis", "redis_cluster"])
async def servers(request: pytest.FixtureRequest) -> AsyncIterator[RedisServers]:
    async with reached(request.getfixturevalue(request.param)) as found:
        yield found


async def echo(servers: RedisServers, key: bytes) -> bytes:
    answer: bytes = await servers.run(ECHO, Run([key], [b"here"]))
    return answer


async def answers(servers: RedisServers, key: bytes) -> bool:
    try:
        return await echo(servers, key) == b"here"
    except Unavailable:
        return False


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "http://127.0.0.1:6379", "redis://", "redis+cluster://one,two"])
def test_an_address_that_cannot_be_one_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(InvalidInput, match="AVIARY_REDIS is"):
        RedisServers(url)


def test_a_password_is_never_told() -> None:
    with pytest.raises(InvalidInput) as refused:
        RedisServers("redys://somebody:secret@127.0.0.1:1")
    assert "secret" not in refused.value.message


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
async def test_where_nobody_listens_is_unavailable(scheme: str) -> None:
    async with reached(f"{scheme}://somebody:secret@127.0.0.1:1") as servers:
        with pytest.raises(Unavailable, match=r"^Redis at 127\.0\.0\.1:1 does not answer") as refused:
            await servers.check()
        assert "secret" not in refused.value.message


async def test_one_that_serves_passes_the_check(servers: RedisServers) -> None:
    await servers.check()


async def test_more_calls_at_once_than_connections_are_all_answered(servers: RedisServers) -> None:
    key = new_prefix().encode()
    assert sorted(await asyncio.gather(*(servers.run(INCREMENT, Run([key])) for _ in range(500)))) == [*range(1, 501)]


async def test_scripts_that_no_server_knows_yet_are_told(servers: RedisServers) -> None:
    prefix = new_prefix().encode()
    unheard = Script(f"-- {prefix.decode()}\n{INCREMENT.source}")
    runs = [Run([b"%b:{%b}" % (prefix, tag)]) for tag in servers.tags]
    for expected in (1, 2):
        assert await servers.run_all(unheard, runs) == [expected] * len(runs)


async def test_every_tag_of_a_cluster_is_in_a_part_of_the_slots_of_its_own(redis_cluster: str) -> None:
    async with reached(redis_cluster) as servers:
        found = Script("return redis.call('CLUSTER', 'KEYSLOT', KEYS[1])")
        slots = await servers.run_all(found, [Run([tag]) for tag in servers.tags])
    assert [slot * len(slots) // 16_384 for slot in slots] == [*range(len(slots))]


async def test_keys_are_found_on_every_node(servers: RedisServers) -> None:
    prefix = new_prefix().encode()
    keys = {b"%b:{%b}:%d" % (prefix, tag, number) for tag in servers.tags for number in range(20)}
    await servers.run_all(INCREMENT, [Run([key]) for key in sorted(keys)])

    found = [key async for page in servers.scan(prefix + b":*") for key in page]
    assert set(found) == keys


async def test_a_refused_command_is_unavailable_and_closes_nothing(servers: RedisServers) -> None:
    key = new_prefix().encode()
    with pytest.raises(Unavailable, match="refused"):
        await servers.run(Script("return redis.call('LPOP', KEYS[1], 'x')"), Run([key]))
    assert await echo(servers, key) == b"here"


async def test_one_that_hangs_is_given_up_soon_and_then_at_once_until_it_answers(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        async with reached(server.url) as servers:
            assert await echo(servers, b"key") == b"here"
            server.pause()
            started = time.monotonic()
            results = await asyncio.gather(*(echo(servers, b"key") for _ in range(300)), return_exceptions=True)
            # Had each waited for itself, sixteen at a time, it would take nineteen seconds.
            took_s = time.monotonic() - started
            assert all(isinstance(result, Unavailable) for result in results)
            assert took_s < 10
            with pytest.raises(Unavailable, match="a moment ago"):
                await echo(servers, b"key")
            server.resume()
            await until(lambda: answers(servers, b"key"), what="it answers")


async def test_one_that_was_started_again_is_found_again(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        async with reached(server.url) as servers:
            await echo(servers, b"key")
            server.kill()
            with pytest.raises(Unavailable):
                await echo(servers, b"key")
            server.start()
            await until(lambda: answers(servers, b"key"), what="it answers")


async def test_a_node_that_is_down_leaves_the_keys_of_the_others(tmp_path: Path) -> None:
    with RedisCluster(tmp_path) as cluster:
        for node in cluster.nodes:
            with node.client() as client:
                client.execute_command("CONFIG", "SET", "cluster-require-full-coverage", "no")
        async with reached(cluster.url) as servers:
            everywhere = [Run([tag], [b"here"]) for tag in servers.tags]
            assert await servers.run_all(ECHO, everywhere) == [b"here"] * len(everywhere)
            cluster.nodes[0].kill()
            lost, kept = servers.tags[0], servers.tags[-1]
            # A batch does not tell whose fault it is.
            with pytest.raises(Unavailable):
                await servers.run_all(ECHO, everywhere)
            for _ in range(50):
                assert await echo(servers, kept) == b"here"
                with pytest.raises(Unavailable):
                    await echo(servers, lost)
            cluster.nodes[0].start()
            await until(lambda: answers(servers, lost), what="it answers")


async def test_limits_go_by_the_servers_own_clock_and_leave_nothing_behind(servers: RedisServers) -> None:
    prefix, limit = new_prefix(), Limit("tweets", 3, 1)
    limits = [RedisRateLimits(servers, prefix=prefix) for _ in range(2)]
    started = time.monotonic()
    spent = [await limits[number % 2].spend(limit, "ada") for number in range(4)]
    assert [usage.allowed for usage in spent] == [True, True, True, False]
    assert 0 < spent[3].reset_s <= 1

    async def is_given_again() -> bool:
        return (await limits[0].spend(limit, "ada")).allowed

    async def is_gone() -> bool:
        return not [key async for page in servers.scan(f"{prefix}:*".encode()) for key in page]

    await until(is_given_again, what="a unit has left the window")
    assert time.monotonic() - started >= 1
    await until(is_gone, what="nothing is kept")
