"""A page costs the same whatever it holds, and however much there is that it does not hold."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.rpc.serving import Person, Serving, serving
from tests.timelines import reading
from tests.timelines.multitude import Multitude
from tests.timelines.reading import Fetch, Reader
from tests.timelines.work import Work, watched

from aviary.api.tweets.v1 import tweets_pb2
from aviary.settings import Settings

# Sources, the pulled authors' newest, tweets with what is inside them, people, standings.
WARM_READS = 5
# The earliest retweet of each original that is not in the home itself, and whether who made it stands.
RETWEET_READS = 2
WARM_STATEMENTS = 24


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    with watched(monkeypatch) as found:
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """What the handlers read is counted; a front would read nothing."""
    return replace(settings, front="off")


@pytest.fixture
async def served(work: Work, settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def _warm(work: Work, ada: Person, size: int) -> tuple[Work, int]:
    await ada.home_page(limit=size)
    cost, page = await work.of(ada.home_page(limit=size))
    return cost, len(page.tweets)


async def _poll(person: Person) -> None:
    poll = tweets_pb2.PollInput(options=["yes", "no"], duration_minutes=5)
    await person.clients.tweets.CreateTweet(
        tweets_pb2.CreateTweetRequest(content="well?", poll=poll), metadata=person.signed
    )


@pytest.mark.parametrize("kind", ["original", "quote", "poll", "reply", "retweet", "retweets of many"])
async def test_a_warm_home_page_makes_the_same_store_reads_whatever_it_holds(
    work: Work, served: Serving, kind: str
) -> None:
    ada, bob, cyd, dan, *crowd = await served.register("ada", "bob", "cyd", "dan", "eve", "fay", "gil")
    await ada.follow(bob, dan)
    mine = await bob.tweet("hello")
    costs: list[Work] = []
    for wanted in (2, 40):
        while len((await ada.home_page(limit=100)).tweets) < wanted:
            far = await cyd.tweet("far away", quoting=mine.id)
            match kind:
                case "original":
                    await bob.tweet("hello")
                case "quote":
                    await bob.tweet("look", quoting=far.id)
                case "poll":
                    await _poll(bob)
                case "reply":
                    await dan.tweet("indeed", reply_to=mine.id)
                case _:
                    for fan in crowd if kind == "retweets of many" else []:
                        await fan.retweet(far.id)
                    await bob.retweet(far.id)
            await served.embedded.timelines.clear()
        cost, shown = await _warm(work, ada, wanted - 1)
        assert shown == wanted - 1
        costs.append(cost)

    few, many = costs
    assert few.reads == many.reads == WARM_READS + (RETWEET_READS if "retweet" in kind else 0)
    assert sum(many.statements.values()) == sum(few.statements.values()) <= WARM_STATEMENTS


async def test_a_cold_or_deep_home_page_reads_once_more_for_every_hundred_followed(
    work: Work, settings: Settings
) -> None:
    async with serving(replace(settings, timeline_entries=30), workers=False) as served:
        (ada,) = await served.register("ada")
        crowd = Multitude(served, ada, tweets=600, authors=251)
        crowd.make()
        more = math.ceil((crowd.followed + 1) / 100)
        cold, page = await work.of(ada.home_page())
        assert len(page.tweets) == 20
        # A cold reader's sources are told, not confirmed, and their tiers read for the first time.
        assert cold.reads <= WARM_READS + RETWEET_READS + more + 3

        cursor = page.pagination.next_cursor
        pages = 0
        while cursor:
            if pages % 3 == 0:
                await served.embedded.timelines.clear()
            deep, page = await work.of(ada.home_page(cursor=cursor))
            # A page that runs out of one list goes on in the next: a second round.
            assert deep.reads <= 2 * (WARM_READS + RETWEET_READS) + 2 * more
            assert _merges(deep) <= 2 * more + 2
            cursor = page.pagination.next_cursor
            pages += 1
        assert pages > 10


def _merges(work: Work) -> int:
    return sum(count for statement, count in work.statements.items() if "author_id = " in statement)


def _kinds(served: Serving, ada: Person, crowd: Multitude) -> Mapping[str, tuple[Fetch, str]]:
    """Every kind of page, and the scope of its cursors."""
    reader = Reader(ada)
    return {
        "home": (reader.home(), f"home:{ada.id}"),
        "user": (reader.user(crowd.author), f"user:{crowd.author}:all:{ada.id}"),
        "mentions": (reader.mentions(), f"MENTIONS::{ada.id}"),
        "likes": (reader.likes(), f"LIKES::{ada.id}"),
        "bookmarks": (reader.bookmarks(), f"BOOKMARKS::{ada.id}"),
        "hashtag": (reader.hashtag(crowd.tag), f"HASHTAG:{crowd.tag}:{ada.id}"),
        "list": (reader.curated(crowd.list_id), f"list:{crowd.list_id}:{ada.id}"),
        "replies": (reader.replies(crowd.parent), f"replies:{crowd.parent}:{ada.id}"),
    }


@asynccontextmanager
async def _crowded(settings: Settings, folder: str, *, tweets: int) -> AsyncIterator[tuple[Serving, Person, Multitude]]:
    async with serving(replace(settings, data_dir=settings.data_dir / folder), workers=False) as served:
        (ada,) = await served.register("ada")
        crowd = Multitude(served, ada, tweets=tweets, authors=21)
        crowd.make()
        crowd.list_id = await reading.make_list(ada)
        crowd.fill_list()
        yield served, ada, crowd


async def _costs(work: Work, settings: Settings, folder: str, *, tweets: int) -> Mapping[str, Work]:
    costs: dict[str, Work] = {}
    async with _crowded(settings, folder, tweets=tweets) as (served, ada, crowd):
        for name, (fetch, scope) in _kinds(served, ada, crowd).items():
            await served.embedded.timelines.clear()
            for visit in ("cold", "warm"):
                costs[f"{name}, {visit}"], page = await work.of(fetch(20, "", None))
                assert len(page.tweets) == 20, name
            middle = served.platform.cursors.encode(scope, crowd.middle)
            costs[f"{name}, deep"], page = await work.of(fetch(20, middle, None))
            assert len(page.tweets) == 20, name
    return costs


async def _does_not_grow(work: Work, settings: Settings, *, few: int, many: int) -> None:
    small = await _costs(work, settings, "small", tweets=few)
    large = await _costs(work, settings, "large", tweets=many)
    for name, cost in small.items():
        assert large[name].reads == cost.reads, name
        assert sum(large[name].statements.values()) == sum(cost.statements.values()), name
        assert large[name].steps <= 1.1 * cost.steps + 200, (name, cost.steps, large[name].steps)


async def test_guarantee_11_the_work_for_a_page_does_not_grow_with_the_table(work: Work, settings: Settings) -> None:
    await _does_not_grow(work, settings, few=4_000, many=40_000)


@pytest.mark.volume
async def test_guarantee_11_the_work_for_a_page_is_the_same_at_a_million_tweets(work: Work, settings: Settings) -> None:
    await _does_not_grow(work, settings, few=10_000, many=1_000_000)
