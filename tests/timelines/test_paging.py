"""How timelines are paged, what they do without the fan-out, and when changes take effect."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving

from aviary.api.graph.v1 import graph_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.ids import MAX_ID
from aviary.settings import Settings


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Lists so short that a few dozen tweets reach far below them, and authors of every tier."""
    return replace(settings, timeline_entries=8, fanout_mid_followers=2, fanout_pull_followers=3)


@pytest.fixture
async def served(small: Settings) -> AsyncIterator[Serving]:
    async with serving(small) as running:
        yield running


@pytest.fixture
async def idle(small: Settings) -> AsyncIterator[Serving]:
    """Nothing is fanned out."""
    async with serving(small, workers=False) as running:
        yield running


async def tweets(person: Person, count: int) -> list[int]:
    """The ids of `count` new tweets, the newest first."""
    return [(await person.tweet(f"number {number}")).id for number in range(count)][::-1]


def rebuilds(served: Serving) -> float:
    built = served.platform.metrics.registry.get_sample_value("aviary_timeline_rebuilds_total")
    assert built is not None
    return built


@pytest.mark.parametrize("size", [1, 3, 8, 25, 26, 100])
async def test_a_home_is_walked_to_the_very_first_tweet_with_pages_of_any_size(served: Serving, size: int) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    wanted = (await tweets(bob, 25))[::-1]
    wanted.append((await ada.tweet("mine")).id)
    await served.settle()

    assert await ada.home(limit=size) == wanted[::-1]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
async def test_a_reader_who_is_a_celebrity_too_misses_nobody(served: Serving, size: int) -> None:
    ada, bob, *fans = await served.register("ada", "bob", "cyd", "dan", "eve")
    await ada.follow(bob)
    for fan in fans:
        await fan.follow(ada)
        await fan.follow(bob)
    assert await ada.home() == []
    wanted: list[int] = []
    for number in range(12):
        # Both above every threshold: nothing of theirs is pushed, so the read itself finds it all.
        wanted += [(await author.tweet(f"number {number}")).id for author in (bob, ada, ada)]
    await served.settle()

    assert await ada.home(limit=size) == wanted[::-1]


async def test_has_more_is_exact_where_a_page_ends_with_the_last_tweet(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    wanted = await tweets(bob, 6)
    await served.settle()

    for size, more in ((5, True), (6, False), (7, False)):
        home = await ada.home_page(limit=size)
        assert ([tweet.id for tweet in home.tweets], home.pagination.has_more) == (wanted[:size], more)
        user = await ada.user_page(bob.id, limit=size)
        assert ([tweet.id for tweet in user.tweets], user.pagination.has_more) == (wanted[:size], more)


async def test_has_more_is_exact_where_all_that_follows_was_deleted(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 6)
    for tweet in made[2:]:
        await bob.delete(tweet)
    await served.settle()

    for page in (await ada.home_page(limit=2), await ada.user_page(bob.id, limit=2)):
        assert ([tweet.id for tweet in page.tweets], page.pagination.has_more) == (made[:2], False)


async def test_a_page_is_full_though_most_candidates_are_deleted(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 30)
    for tweet in made[1:28]:
        await bob.delete(tweet)
    await served.settle()

    assert [tweet.id for tweet in (await ada.user_page(bob.id, limit=3)).tweets] == [made[0], *made[28:]]
    assert await ada.home(limit=3) == [made[0], *made[28:]]


async def test_a_new_user_has_an_empty_home_that_has_no_more(served: Serving) -> None:
    (ada,) = await served.register("ada")
    page = await ada.home_page()
    assert (len(page.tweets), page.pagination.has_more, page.pagination.next_cursor) == (0, False, "")
    assert page.pagination.limit == 20


async def test_inserts_between_pages_never_change_the_older_ones(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob, cyd)
    made = await tweets(bob, 20)
    await served.settle()
    walked: list[int] = []
    cursor, more = "", True
    while more:
        page = await ada.home_page(limit=3, cursor=cursor)
        walked.extend(tweet.id for tweet in page.tweets)
        cursor, more = page.pagination.next_cursor, page.pagination.has_more
        # Retweets of what is on older pages and of what was shown, and a new tweet.
        await cyd.retweet(made[-1])
        await cyd.retweet(walked[-1])
        await cyd.tweet("new")
        await served.settle()

    assert walked == made


async def test_pages_do_not_change_when_every_list_is_dropped_between_them(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 30)
    walked: list[int] = []
    cursor, more = "", True
    while more:
        page = await ada.home_page(limit=4, cursor=cursor)
        walked.extend(tweet.id for tweet in page.tweets)
        cursor, more = page.pagination.next_cursor, page.pagination.has_more
        await served.embedded.timelines.clear()

    assert walked == made


async def test_since_id_gives_what_is_newer_and_pages_down_to_it(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 30)
    await served.settle()

    for size in (1, 4, 100):
        for newer in (0, 1, 5, 20, 30):
            since = made[newer] if newer < 30 else 0
            assert await ada.home(limit=size, since_id=since) == made[:newer]
    assert await ada.home(since_id=MAX_ID) == []


@pytest.mark.parametrize("limit", [0, -1, 101, 2**31 - 1])
async def test_a_limit_out_of_range_is_refused(idle: Serving, limit: int) -> None:
    (ada,) = await idle.register("ada")
    for call in (ada.home_page(limit=limit), ada.user_page(ada.id, limit=limit)):
        error = await refusal(call)
        assert error.code() is StatusCode.INVALID_ARGUMENT
        assert error.details() == f"limit is {limit}; it must be from 1 to 100"


async def test_a_negative_since_id_is_refused(idle: Serving) -> None:
    (ada,) = await idle.register("ada")
    assert (await refusal(ada.home_page(since_id=-1))).code() is StatusCode.INVALID_ARGUMENT


async def test_foreign_and_damaged_cursors_are_refused(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    await tweets(ada, 3)
    cursor = (await ada.home_page(limit=1)).pagination.next_cursor
    assert (await ada.home_page(limit=1, cursor=cursor)).tweets

    damaged = [cursor[:-1], cursor + "A", cursor[::-1], "A" + cursor[1:] if cursor[0] != "A" else "B" + cursor[1:]]
    refused = [
        *(ada.home_page(cursor=each) for each in [*damaged, "x", "é", " ", "0", "=" * 32, "A" * 10_000]),
        bob.home_page(cursor=cursor),
        ada.user_page(ada.id, cursor=cursor),
    ]
    for call in refused:
        error = await refusal(call)
        assert error.code() is StatusCode.INVALID_ARGUMENT
        assert error.details() == "the cursor is damaged or belongs to another list; start again without one"


async def test_a_cursor_of_one_filter_or_one_user_is_foreign_to_another(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    await tweets(ada, 3)
    cursor = (await ada.user_page(ada.id, limit=1)).pagination.next_cursor

    for call in (
        ada.user_page(ada.id, cursor=cursor, only="no_replies"),
        ada.user_page(bob.id, cursor=cursor),
        bob.user_page(ada.id, cursor=cursor),
    ):
        assert (await refusal(call)).code() is StatusCode.INVALID_ARGUMENT


async def test_any_bit_of_a_cursor_that_is_changed_makes_it_no_cursor(idle: Serving) -> None:
    (ada,) = await idle.register("ada")
    await tweets(ada, 3)
    cursor = (await ada.home_page(limit=1)).pagination.next_cursor
    for place, sign in enumerate(cursor):
        other = "B" if sign == "A" else "A"
        changed = cursor[:place] + other + cursor[place + 1 :]
        assert (await refusal(ada.home_page(cursor=changed))).code() is StatusCode.INVALID_ARGUMENT


async def test_an_unknown_order_filter_or_user_is_refused(idle: Serving) -> None:
    (ada,) = await idle.register("ada")
    ranked = timelines_pb2.GetHomeTimelineRequest(order="ranked")
    home = ada.clients.timelines.GetHomeTimeline(ranked, metadata=ada.signed)

    assert (await refusal(home)).code() is StatusCode.INVALID_ARGUMENT
    assert (await refusal(ada.user_page(ada.id, only="likes"))).code() is StatusCode.INVALID_ARGUMENT
    assert (await refusal(ada.user_page(12345))).code() is StatusCode.NOT_FOUND


async def test_ones_own_write_is_in_the_next_read_without_the_fan_out(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    await ada.follow(bob)
    theirs = await bob.tweet("hello")
    assert await ada.home() == [theirs.id]
    for expected in range(2, 14):
        await ada.tweet("mine")
        assert len(await ada.home(limit=3)) == expected

    reply = await ada.tweet("indeed", reply_to=theirs.id)
    retweet = await ada.retweet(theirs.id)
    home = await ada.home()
    assert home[0] == reply.id
    assert retweet.id not in home  # the original is there


async def test_a_deletion_acts_at_the_next_read_without_the_fan_out(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    await ada.follow(bob)
    first, second = await bob.tweet("one"), await bob.tweet("two")
    assert await ada.home() == [second.id, first.id]
    await bob.delete(second.id)

    assert await ada.home() == [first.id]


async def test_an_unfollow_acts_at_the_next_read_and_a_follow_brings_all_that_was_before(idle: Serving) -> None:
    ada, bob, cyd = await idle.register("ada", "bob", "cyd")
    await ada.follow(bob)
    made, others = await tweets(bob, 20), await tweets(cyd, 20)
    assert await ada.home() == made

    await ada.follow(cyd)
    assert await ada.home(limit=7) == others + made
    await ada.unfollow(bob)
    assert await ada.home() == others
    await ada.follow(bob)
    assert await ada.home(limit=7) == others + made


async def test_a_cold_home_equals_the_warm_one(served: Serving) -> None:
    ada, bob, cyd, dan = await served.register("ada", "bob", "cyd", "dan")
    await ada.follow(bob, cyd)
    await bob.follow(cyd)
    await dan.follow(cyd)
    await ada.home()
    for _ in range(6):
        tweet = await bob.tweet("hello")
        await cyd.tweet("indeed", reply_to=tweet.id)
        await bob.retweet((await dan.tweet("far away")).id)
        await served.settle()
    warm = await ada.home_page(limit=100)
    before = rebuilds(served)
    assert await ada.home_page(limit=100) == warm
    assert rebuilds(served) == before
    await served.clients.timelines.DropCache(timelines_pb2.DropCacheRequest(), metadata=served.as_operator())

    assert await ada.home_page(limit=100) == warm
    assert rebuilds(served) > before


async def test_a_list_that_is_built_has_room_for_what_is_shown(idle: Serving) -> None:
    ada, bob, cyd = await idle.register("ada", "bob", "cyd")
    await ada.follow(bob)
    far = await cyd.tweet("far away")
    made = await tweets(bob, 7)
    # Nobody in the home of somebody else sees these.
    for _ in range(2):
        await bob.tweet("indeed", reply_to=far.id)
    await idle.embedded.timelines.clear()
    before = rebuilds(idle)

    assert await ada.home(limit=2) == made
    assert rebuilds(idle) == before + 1


async def test_many_readers_of_one_absent_home_build_it_once(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 5)
    await served.embedded.timelines.clear()
    before = rebuilds(served)
    pages = await asyncio.gather(*(ada.home_page() for _ in range(30)))

    assert [[tweet.id for tweet in page.tweets] for page in pages] == [made] * 30
    assert rebuilds(served) == before + 1


async def test_a_platform_started_again_shows_the_same_home(small: Settings) -> None:
    async with serving(small) as served:
        ada, bob = await served.register("ada", "bob")
        await ada.follow(bob)
        made = await tweets(bob, 20)
        await served.settle()
        cursor = (await ada.home_page(limit=5)).pagination.next_cursor
    async with serving(small) as again:
        back = replace(ada, clients=again.clients)

        assert await back.home(limit=6) == made
        assert [tweet.id for tweet in (await back.home_page(limit=5, cursor=cursor)).tweets] == made[5:10]


async def test_of_retweets_of_a_stranger_the_earliest_by_ones_own_people_stands(idle: Serving) -> None:
    ada, bob, cyd, dan = await idle.register("ada", "bob", "cyd", "dan")
    await ada.follow(bob, cyd)
    tweet = await dan.tweet("far away")
    first = await bob.retweet(tweet.id)
    second = await cyd.retweet(tweet.id)
    assert await ada.home() == [first.id]

    await ada.unfollow(bob)
    assert await ada.home() == [second.id]
    await ada.follow(dan)
    assert await ada.home() == [tweet.id]
    await dan.delete(tweet.id)
    assert await ada.home() == []


async def test_the_retweet_of_a_suspended_person_hides_no_other(idle: Serving) -> None:
    ada, bob, cyd, dan = await idle.register("ada", "bob", "cyd", "dan")
    await ada.follow(bob, cyd)
    tweet = await dan.tweet("far away")
    await bob.retweet(tweet.id)
    second = await cyd.retweet(tweet.id)
    with sqlite3.connect(idle.platform.settings.data_dir / "users.db") as users:
        users.execute("UPDATE users SET suspended = 1 WHERE id = ?", (bob.id,))

    assert await ada.home() == [second.id]


async def test_lists_of_people_are_paged_with_cursors_of_their_own(idle: Serving) -> None:
    ada, *others = await idle.register("ada", "bob", "cyd", "dan")
    for other in others:
        await other.follow(ada)
        await ada.follow(other)
    graph = idle.clients.graph
    first = await graph.ListFollowers(graph_pb2.ListFollowsRequest(id=ada.id, limit=2), metadata=ada.signed)
    assert [user.username for user in first.users] == ["dan", "cyd"]
    cursor = first.pagination.next_cursor
    rest = await graph.ListFollowers(
        graph_pb2.ListFollowsRequest(id=ada.id, limit=2, cursor=cursor), metadata=ada.signed
    )
    assert ([user.username for user in rest.users], rest.pagination.has_more) == (["bob"], False)

    request = graph_pb2.ListFollowsRequest(id=ada.id, cursor=cursor)
    assert (await refusal(graph.ListFollowing(request, metadata=ada.signed))).code() is StatusCode.INVALID_ARGUMENT


async def test_replies_are_paged_newest_first_and_know_since_id(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    tweet = await ada.tweet("hello")
    made = [(await bob.tweet("indeed", reply_to=tweet.id)).id for _ in range(5)][::-1]
    request = tweets_pb2.ListRepliesRequest(id=tweet.id, limit=3)
    page = await ada.clients.tweets.ListReplies(request, metadata=ada.signed)
    assert ([each.id for each in page.tweets], page.pagination.has_more) == (made[:3], True)

    newer = tweets_pb2.ListRepliesRequest(id=tweet.id, since_id=made[2])
    page = await ada.clients.tweets.ListReplies(newer, metadata=ada.signed)
    assert ([each.id for each in page.tweets], page.pagination.has_more) == (made[:2], False)


async def test_a_cursor_from_long_before_the_held_list_goes_on_where_it_was(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 12)
    await served.settle()
    cursor = (await ada.home_page(limit=3)).pagination.next_cursor
    await tweets(bob, 60)
    await served.settle()
    before = rebuilds(served)

    page = await ada.home_page(limit=5, cursor=cursor)
    assert [tweet.id for tweet in page.tweets] == made[3:8]
    assert rebuilds(served) <= before + 1
    rest = await ada.home_page(limit=100, cursor=page.pagination.next_cursor)
    assert ([tweet.id for tweet in rest.tweets], rest.pagination.has_more) == (made[8:], False)


async def test_a_deep_page_of_a_dropped_home_builds_one_list_from_where_it_is(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    made = await tweets(bob, 40)
    await served.settle()
    cursor = (await ada.home_page(limit=6)).pagination.next_cursor
    for place in (6, 12, 18):
        await served.embedded.timelines.clear()
        before = rebuilds(served)
        page = await ada.home_page(limit=6, cursor=cursor)
        assert [tweet.id for tweet in page.tweets] == made[place : place + 6]
        assert rebuilds(served) == before + 1
        cursor = page.pagination.next_cursor
