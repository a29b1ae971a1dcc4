"""News: whoever hears it knows of every change that was acknowledged, or knows that it doesn't."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import pytest
from tests.backends.redis import Redis
from tests.rpc.waiting import until

from aviary import ids
from aviary.errors import Unavailable
from aviary.metrics import Metrics
from aviary.storage.redis import news as told
from aviary.storage.redis.connection import RedisServers, Run, Script
from aviary.storage.redis.degraded import Marks
from aviary.storage.redis.news import Heard, Place, RedisNews

pytestmark = pytest.mark.cluster


@pytest.fixture
async def news(servers: RedisServers, metrics: Metrics) -> AsyncIterator[RedisNews]:
    telling = RedisNews(servers, Marks(metrics))
    yield telling
    await telling.close()


class Ear:
    """Somebody who hears, again and again from where they were."""

    def __init__(self, servers: RedisServers, news: RedisNews) -> None:
        self._servers = servers
        self._news = news
        self.place = Place()
        self.heard: list[bytes] = []

    async def hear(self) -> bool:
        """Whether all that there was is known."""
        found: Heard = self._news.heard(await self._servers.run(*self._news.hearing(self.place)))
        self.place = found.place
        self.heard += found.pieces or []
        return found.pieces is not None


@pytest.fixture
async def ear(servers: RedisServers, news: RedisNews) -> Ear:
    """Somebody who has begun to hear."""
    ear = Ear(servers, news)
    assert not await ear.hear()
    return ear


async def test_every_piece_is_heard_once_and_in_order_of_telling(news: RedisNews, ear: Ear) -> None:
    assert await ear.hear()
    await news.events([b"one", b"two"])
    await news.counted({9, 7})
    assert await ear.hear()
    await news.tiers()
    assert await ear.hear()
    assert ear.heard == [b"eone", b"etwo", b"c" + ids.pack([7, 9]), b"t"]
    assert await ear.hear()
    assert len(ear.heard) == 4


async def test_what_many_tell_at_once_is_heard_by_all(servers: RedisServers, news: RedisNews, ear: Ear) -> None:
    other = Ear(servers, news)
    await other.hear()
    chance, pieces = random.Random(5), [b"%d" % number for number in range(300)]

    async def tell(piece: bytes) -> None:
        await asyncio.sleep(chance.random() / 5)
        await news.events([piece])

    async def listen(ear: Ear) -> None:
        while len(ear.heard) < len(pieces):
            assert await ear.hear()
            await asyncio.sleep(chance.random() / 50)

    async with asyncio.timeout(60):
        await asyncio.gather(listen(ear), listen(other), *(tell(piece) for piece in pieces))
    assert sorted(ear.heard) == sorted(b"e" + piece for piece in pieces)
    assert ear.heard == other.heard


async def test_who_is_too_far_behind_knows_it(news: RedisNews, ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_KEPT", 100)
    await news.events([b"%d" % number for number in range(1_500)])
    assert not await ear.hear()
    await news.events([b"last"])
    assert await ear.hear()
    assert ear.heard == [b"elast"]


async def test_nobody_takes_a_server_that_lost_its_news_for_the_one_they_knew(
    server: Redis, news: RedisNews, ear: Ear
) -> None:
    await news.events([b"one"])
    assert await ear.hear()
    server.kill()
    server.start()
    # As many as before, by a server that has forgotten them.
    await until(lambda: _tells(news, ear), what="Redis is back")
    assert ear.heard == [b"eone"]
    await news.events([b"three"])
    assert await ear.hear()
    assert ear.heard == [b"eone", b"ethree"]


async def _tells(news: RedisNews, ear: Ear) -> bool:
    try:
        await news.events([b"lost"])
        knows_all = await ear.hear()
    except Unavailable:
        return False
    assert not knows_all
    return True


@pytest.mark.parametrize("key", ["pieces", "count"])
async def test_a_key_that_was_evicted_is_no_silence(server: Redis, news: RedisNews, ear: Ear, key: str) -> None:
    await news.events([b"one"])
    assert await ear.hear()
    await news.events([b"two"])
    with server.client() as client:
        (name,) = [name for name in client.scan_iter("*news*") if name.endswith(key)]
        client.delete(name)
    assert not await ear.hear()
    await news.events([b"three"])
    assert await ear.hear()
    assert ear.heard == [b"eone", b"ethree"]


async def test_what_could_not_be_told_makes_everybody_read_anew(
    server: Redis, news: RedisNews, ear: Ear, metrics: Metrics
) -> None:
    await news.events([b"one"])
    assert await ear.hear()
    server.pause()
    await news.events([b"two"])
    assert metrics.registry.get_sample_value("aviary_degraded_total", {"what": "news"}) == 1
    server.resume()

    async def is_owned_up_to() -> bool:
        try:
            return not await ear.hear()
        except Unavailable:
            return False

    await until(is_owned_up_to, what="the gap is there")
    await news.events([b"three"])
    await until(ear.hear, what="all is known again")
    assert b"ethree" in ear.heard


async def test_a_script_that_the_server_forgot_is_sent_again(
    server: Redis, servers: RedisServers, news: RedisNews
) -> None:
    shout = Script("return ARGV[1]")
    await news.events([b"one"])
    with server.client() as client:
        client.script_flush()
    run = news.hearing(Place())[1]
    answers = await servers.run_each([(shout, Run(run.keys, [b"a"])), news.hearing(Place())])
    assert answers[0] == b"a"
    assert news.heard(answers[1]).place.n > 0


async def test_whoever_publishes_a_log_hears_what_is_on_its_way_there(
    server: Redis, servers: RedisServers, news: RedisNews
) -> None:
    heard: dict[str, list[bytes]] = {"users": [], "tweets": []}
    looks = 0

    def look(bodies: Sequence[bytes]) -> None:
        nonlocal looks
        looks += 1
        heard["tweets"] += bodies

    listening = asyncio.ensure_future(told.Ear(news, {"users": heard["users"].extend, "tweets": look}).run())
    try:
        await until(lambda: looks > 0, what="somebody listens")
        await news.events([b"one", b"two"], keyspace="tweets")
        await news.events([b"three"], keyspace="users")
        # From a relay, on their way nowhere; and for fronts alone.
        await news.events([b"again"])
        await news.counted({9, 7})
        await news.events([b"four"], keyspace="tweets")
        await until(lambda: len(heard["tweets"]) == 3, what="the last one came")
        assert heard == {"users": [b"three"], "tweets": [b"one", b"two", b"four"]}

        server.kill()
        await asyncio.sleep(0.2)
        before = looks
        await asyncio.sleep(0.2)
        # Nobody is told that there was nothing while nobody knows.
        assert looks == before
        server.start()
        await until(lambda: looks > before, what="Redis is back")
        await news.events([b"five"], keyspace="tweets")
        await until(lambda: heard["tweets"][-1] == b"five", what="what came after it is heard")
    finally:
        listening.cancel()
