"""What other platforms broke for years, each promise under its own name."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace

import grpc.aio
import pytest
from grpc import StatusCode
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.rpc.serving import Person, Serving, refusal, serving
from tests.timelines import reading
from tests.timelines.oracle import Oracle, Post
from tests.timelines.reading import Fetch, Reader, walk

from aviary import ids, paging
from aviary.api.graph.v1 import lists_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.settings import Settings

DAY_MS = 86_400_000


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings) as running:
        yield running


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A reader with a warm home, among authors of every tier who did all that one can do."""

    served: Serving
    ada: Person
    followed: frozenset[int]
    oracle: Oracle


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    tiers = replace(settings, timeline_entries=20, fanout_mid_followers=2, fanout_pull_followers=4)
    async with serving(tiers) as running:
        ada, *others = await running.register("ada", "bob", "cyd", "dan", "eve", "fay", "gil")
        for other in others[:4]:
            await ada.follow(other)
        for fan in others[1:]:
            await fan.follow(others[0])
        for fan in others[3:]:
            await fan.follow(others[1])
        oracle = Oracle()
        for number in range(150):
            if number % 20 == 0:
                await ada.home_page()
            oracle.posts.append(await _something(random.Random(number), [ada, *others], oracle.posts))
        await running.settle()
        followed = frozenset({ada.id, *(each.id for each in others[:4])})
        yield World(served=running, ada=ada, followed=followed, oracle=oracle)


async def _something(chance: random.Random, people: Sequence[Person], posts: Sequence[Post]) -> Post:
    who, what = chance.choice(people), chance.random()
    tweets = [post for post in posts if post.kind != "retweet"]
    if not tweets or what < 0.4:
        return Post(id=(await who.tweet("hello")).id, author=who.id, kind="original")
    ref = chance.choice(tweets[-30:])
    if what < 0.7:
        made = await who.tweet("indeed", reply_to=ref.id)
        return Post(id=made.id, author=who.id, kind="reply", ref=ref)
    return Post(id=(await who.retweet(ref.id)).id, author=who.id, kind="retweet", ref=ref)


@hypothesis_settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([2, 5, 20]),
    drops=st.lists(st.sampled_from(["nothing", "nothing", "all", "reader", "middle", "middle", "idle"]), min_size=6),
    chance=st.randoms(use_true_random=False),
)
async def test_guarantee_1_a_cache_is_never_the_truth(
    world: World, size: int, drops: list[str], chance: random.Random
) -> None:
    """Any cache, or a middle range of a warm timeline, may go between any two pages."""
    wanted = world.oracle.belonging(world.followed)
    assert len(wanted) > 3 * world.served.platform.settings.timeline_entries
    store = world.served.embedded.timelines.core
    page = 0
    home = Reader(world.ada).home()

    async def dropping(limit: int, cursor: str, since_id: int | None) -> tweets_pb2.TweetList:
        nonlocal page
        match drops[page % len(drops)]:
            case "all":
                await world.served.embedded.timelines.clear()
            case "reader":
                store.forget(ids.pack([world.ada.id]))
            case "middle":
                low, high = sorted(chance.sample(wanted, 2))
                store.drop_range(world.ada.id, low, high)
            case "idle":
                world.served.platform.clock.advance(DAY_MS + 1)
                world.served.embedded.timelines.forget_idle()
            case _:
                pass
        page += 1
        return await home(limit, cursor, since_id)

    assert (await walk(dropping, limit=size)).ids == wanted


async def test_guarantee_2_paging_goes_past_the_800th_entry_to_the_last_tweet_and_never_fills_with_strangers(
    served: Serving,
) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob)
    made = await asyncio.gather(*((bob if number % 10 else cyd).tweet("hello") for number in range(940)))
    theirs = sorted((tweet.id for tweet in made if tweet.user.id == bob.id), reverse=True)
    await served.settle()

    found = await walk(Reader(ada).home(), limit=100)
    assert len(theirs) == 846
    assert found.ids == theirs
    assert [len(page.tweets) for page in found.pages] == [100] * 8 + [46]


async def test_guarantee_3_a_page_is_full_though_most_of_the_authors_are_muted(served: Serving) -> None:
    ada, *others = await served.register("ada", *(f"u{number}" for number in range(20)))
    await ada.follow(*others)
    made = [await other.tweet(f"number {number}") for number in range(2) for other in others]
    for other in others[1:]:
        await reading.mute(ada, other)
    await served.settle()

    wanted = [tweet.id for tweet in made if tweet.user.id == others[0].id][::-1]
    await _is_full(Reader(ada).home(), wanted)


async def test_guarantee_3_a_page_of_a_list_is_full_though_most_of_its_members_are_blocked(served: Serving) -> None:
    ada, eve, *others = await served.register("ada", "eve", *(f"u{number}" for number in range(20)))
    made = [await other.tweet(f"number {number}") for number in range(2) for other in others]
    theirs = await reading.make_list(eve, *others)
    for place, other in enumerate(others[1:]):
        await (reading.block(ada, other) if place % 2 else reading.block(other, ada))

    wanted = [tweet.id for tweet in made if tweet.user.id == others[0].id][::-1]
    await _is_full(Reader(ada).curated(theirs), wanted)


async def _is_full(fetch: Fetch, wanted: list[int]) -> None:
    found = await walk(fetch, limit=1)
    assert found.ids == wanted
    assert [len(page.tweets) for page in found.pages] == [1] * len(wanted)


async def test_guarantee_3_under_muted_words_a_short_page_says_that_there_is_more_and_its_cursor_has_moved(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "_MAX_CANDIDATES", 60)
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    first = await bob.tweet("hello #tag")
    for number in range(150):
        await bob.tweet(f"spoiler {number} #tag @ada")
    last = await bob.tweet("bye #tag")
    await reading.mute_words(ada, "spoiler")
    await served.settle()

    reader = Reader(ada)
    for fetch, wanted in ((reader.home(), [last.id, first.id]), (reader.hashtag("tag"), [last.id, first.id])):
        found = await walk(fetch, limit=10)
        assert found.ids == wanted
        assert [len(page.tweets) for page in found.pages] == [1, 0, 1]
    assert (await walk(reader.mentions(), limit=10)).ids == []
    assert len((await walk(reader.user(bob.id), limit=100)).ids) == 152


async def test_guarantee_4_someone_back_after_a_month_reads_a_complete_first_page(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob, cyd)
    await ada.home_page()
    made: list[int] = []
    for _ in range(30):
        served.platform.clock.advance(DAY_MS)
        made += [(await bob.tweet("good morning")).id, (await cyd.tweet("indeed")).id]
        served.embedded.timelines.forget_idle()
    await served.settle()

    page = await ada.home_page(limit=40)
    assert [tweet.id for tweet in page.tweets] == made[:19:-1]
    assert await ada.home(limit=40) == made[::-1]


class Surfaces:
    """Where bob's old tweet may reach ada: by himself, through others, and as what others quote."""

    def __init__(self, ada: Person, bob: Person, cyd: Person) -> None:
        self.ada, self.bob, self.cyd, self.reader = ada, bob, cyd, Reader(ada)

    async def prepare(self) -> None:
        """Bob mentions ada; cyd, whom ada follows, retweets and quotes him; a list has them both."""
        await self.ada.follow(self.cyd)
        await self.cyd.follow(self.bob)
        self.old = (await self.bob.tweet("hello @ada #old")).id
        self.retweet = (await self.cyd.retweet(self.old)).id
        self.quote = (await self.cyd.tweet("look", quoting=self.old)).id
        self.parent = (await self.cyd.tweet("what do you say?")).id
        self.reply = (await self.bob.tweet("this", reply_to=self.parent)).id
        self.list = await reading.make_list(self.ada, self.bob, self.cyd)

    async def seen(self) -> dict[str, bool]:
        home = await walk(self.reader.home())
        quotes = [tweet for page in home.pages for tweet in page.tweets if tweet.id == self.quote]
        assert quotes, "a quote stands without what it quotes"
        return {
            "home": self.old in home.ids,
            "retweet": self.retweet in home.ids,
            "quoted": quotes[0].HasField("quoted_tweet"),
            "list": self.old in (await walk(self.reader.curated(self.list))).ids,
            "mention": self.old in (await walk(self.reader.mentions())).ids,
            "hashtag": self.old in (await walk(self.reader.hashtag("old"))).ids,
            "reply": self.reply in (await walk(self.reader.replies(self.parent))).ids,
            "profile": await self._profile(),
        }

    async def _profile(self) -> bool:
        with suppress(grpc.aio.AioRpcError):  # NOT_FOUND, as test_collections asserts
            return self.old in (await walk(self.reader.user(self.bob.id))).ids
        return False


@pytest.fixture
async def surfaces(served: Serving) -> Surfaces:
    found = Surfaces(*await served.register("ada", "bob", "cyd"))
    await found.prepare()
    await served.settle()
    return found


EVERYWHERE = dict.fromkeys(["home", "retweet", "quoted", "list", "mention", "hashtag", "reply", "profile"], True)
NOWHERE = dict.fromkeys(EVERYWHERE, False)
# Bob is nobody whom ada follows: his tweet comes by cyd's retweet alone.
FAR = EVERYWHERE | {"home": False}
# The original is there, so its retweet isn't.
NEAR = EVERYWHERE | {"retweet": False}


async def test_guarantee_5_follow_and_unfollow_act_on_old_tweets(surfaces: Surfaces) -> None:
    assert await surfaces.seen() == FAR
    await surfaces.ada.follow(surfaces.bob)
    assert await surfaces.seen() == NEAR
    await surfaces.ada.unfollow(surfaces.bob)
    assert await surfaces.seen() == FAR


@pytest.mark.parametrize("by_bob", [False, True])
async def test_guarantee_5_block_acts_on_old_tweets_everywhere(surfaces: Surfaces, by_bob: bool) -> None:
    one, other = (surfaces.bob, surfaces.ada) if by_bob else (surfaces.ada, surfaces.bob)
    await surfaces.ada.follow(surfaces.bob)
    assert await surfaces.seen() == NEAR
    await reading.block(one, other)
    assert await surfaces.seen() == NOWHERE
    await reading.unblock(one, other)
    # The follow and the membership ended with the block.
    assert await surfaces.seen() == FAR | {"list": await _is_member(surfaces)}


async def _is_member(surfaces: Surfaces) -> bool:
    members = await surfaces.ada.clients.lists.ListListMembers(
        lists_pb2.ListListUsersRequest(id=surfaces.list), metadata=surfaces.ada.signed
    )
    return surfaces.bob.id in {user.id for user in members.users}


async def test_guarantee_5_mute_acts_on_old_tweets_wherever_they_are_shown(surfaces: Surfaces) -> None:
    await surfaces.ada.follow(surfaces.bob)
    await reading.mute(surfaces.ada, surfaces.bob)
    # His profile was asked for.
    assert await surfaces.seen() == NOWHERE | {"profile": True}
    await reading.unmute(surfaces.ada, surfaces.bob)
    assert await surfaces.seen() == NEAR


async def test_guarantee_5_protect_acts_on_old_tweets_for_who_does_not_follow(surfaces: Surfaces) -> None:
    await reading.protect(surfaces.bob)
    assert await surfaces.seen() == NOWHERE
    await reading.protect(surfaces.bob, protected=False)
    await surfaces.ada.follow(surfaces.bob)
    await reading.protect(surfaces.bob)
    assert await surfaces.seen() == NEAR


async def test_guarantee_5_suspension_acts_on_old_tweets_everywhere(served: Serving, surfaces: Surfaces) -> None:
    await surfaces.ada.follow(surfaces.bob)
    await reading.suspend(served, surfaces.bob)
    assert await surfaces.seen() == NOWHERE
    await reading.suspend(served, surfaces.bob, suspended=False)
    assert await surfaces.seen() == NEAR


async def test_guarantee_6_a_delete_reaches_every_surface(surfaces: Surfaces) -> None:
    await reading.like(surfaces.ada, surfaces.old)
    await reading.bookmark(surfaces.ada, surfaces.old)
    await surfaces.bob.delete(surfaces.old)
    await surfaces.bob.delete(surfaces.reply)

    assert await surfaces.seen() == NOWHERE
    for fetch in (surfaces.reader.likes(), surfaces.reader.bookmarks()):
        assert (await walk(fetch)).ids == []


async def test_guarantee_6_an_id_that_dangles_never_breaks_a_page(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob)
    far = await cyd.tweet("far away")
    made = [(await bob.tweet(f"hello @ada #tag {number}")).id for number in range(12)][::-1]
    quote, retweet = await bob.tweet("look", quoting=far.id), await bob.retweet(far.id)
    await reading.like(ada, *reversed(made))
    await reading.bookmark(ada, *reversed(made))
    some = await reading.make_list(ada, bob)
    await served.settle()
    reader = Reader(ada)
    fetches = [
        reader.home(),
        reader.curated(some),
        reader.user(bob.id),
        reader.mentions(),
        reader.likes(),
        reader.bookmarks(),
        reader.hashtag("tag"),
    ]
    before = [(await walk(fetch)).ids for fetch in fetches]
    gone = {far.id, *made[1:10:2]}
    remove_rows(served, gone)
    for fetch, whole in zip(fetches, before, strict=True):
        found = await walk(fetch, limit=3)
        assert found.ids == [each for each in whole if each not in gone | {retweet.id}]
        assert all(len(page.tweets) == 3 for page in found.pages[:-1])
    shown = (await walk(reader.user(bob.id))).pages[0].tweets[0]
    assert (shown.id, shown.quote_tweet_id, shown.HasField("quoted_tweet")) == (quote.id, far.id, False)
    assert (await refusal(reader.replies(far.id)(20, "", None))).code() is StatusCode.NOT_FOUND


def remove_rows(served: Serving, gone: set[int]) -> None:
    """As after a restored backup that lacks some: lists, likes and tags still name the ids."""
    with closing(sqlite3.connect(served.platform.settings.data_dir / "tweets.db")) as tweets:
        tweets.executemany("DELETE FROM tweets WHERE id = ?", [(each,) for each in gone])
        tweets.commit()
    # Nobody writes so beside a running platform; it would start anew.
    if served.embedded.told_at_once:
        served.embedded.told_at_once.clear()
