"""Mentions, likes, bookmarks, hashtags and lists: their order, their bounds and who sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving
from tests.timelines import reading
from tests.timelines.reading import Fetch, Reader, walk

from aviary.api.timelines.v1 import timelines_pb2
from aviary.ids import MAX_ID
from aviary.settings import Settings

SIZES = (1, 2, 3, 7, 100)


@pytest.fixture
async def idle(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(replace(settings, timeline_entries=8), workers=False) as running:
        yield running


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings) as running:
        yield running


async def tweets(person: Person, count: int, text: str = "number") -> list[int]:
    """The ids of `count` new tweets, the newest first."""
    return [(await person.tweet(f"{text} {number}")).id for number in range(count)][::-1]


async def is_walked(fetch: Fetch, wanted: list[int]) -> None:
    for size in SIZES:
        found = await walk(fetch, limit=size)
        assert found.ids == wanted
        assert [len(page.tweets) for page in found.pages[:-1]] == [size] * (len(found.pages) - 1)
    for place in (0, len(wanted) // 2, len(wanted) - 1):
        assert (await walk(fetch, limit=2, since_id=wanted[place])).ids == wanted[:place]


async def test_mentions_are_paged_newest_first(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    made = await tweets(bob, 8, "hello @ada")
    await tweets(bob, 2, "hello @bob")

    await is_walked(Reader(ada).mentions(), made)


async def test_a_hashtag_is_found_however_it_is_written(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    made = [(await bob.tweet(f"a {tag} here")).id for tag in ("#Straße", "#STRASSE", "#strasse", "#ｓｔｒａｓｓｅ")][
        ::-1
    ]
    await bob.tweet("another #street")

    for tag in ("straße", "#Strasse", "＃STRASSE"):
        await is_walked(Reader(ada).hashtag(tag), made)
    assert (await walk(Reader(ada).hashtag("nothing"))).ids == []


@pytest.mark.parametrize("tag", ["#", "x" * 101, "＃" + "x" * 101])
async def test_a_tag_of_no_length_or_over_a_hundred_is_refused(idle: Serving, tag: str) -> None:
    (ada,) = await idle.register("ada")
    error = await refusal(Reader(ada).hashtag(tag)(20, "", None))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert "1 to 100" in (error.details() or "")


async def test_likes_come_in_the_order_of_liking_and_since_id_names_a_tweet(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    made = await tweets(bob, 9)
    liked = [made[place] for place in (4, 0, 8, 2, 6, 1)]
    await reading.like(ada, *liked)
    await is_walked(Reader(ada).likes(), liked[::-1])

    await reading.unlike(ada, liked[0])
    await reading.like(ada, liked[0])
    await is_walked(Reader(ada).likes(), [liked[0], *liked[:0:-1]])
    await bob.delete(liked[2])
    assert liked[2] not in (await walk(Reader(ada).likes(), limit=1)).ids


async def test_bookmarks_come_in_the_order_of_keeping(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    made = await tweets(bob, 6)
    kept = [made[place] for place in (3, 5, 0, 4)]
    await reading.bookmark(ada, *kept)

    await is_walked(Reader(ada).bookmarks(), kept[::-1])
    assert (await walk(Reader(bob).bookmarks())).ids == []


async def test_what_one_kept_one_finds_again_though_its_author_is_muted(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    (made,) = await tweets(bob, 1, "hello @ada #tag")
    await reading.like(ada, made)
    await reading.bookmark(ada, made)
    await reading.mute(ada, bob)

    reader = Reader(ada)
    for fetch in (reader.likes(), reader.bookmarks(), reader.user(bob.id)):
        assert (await walk(fetch)).ids == [made]
    for fetch in (reader.mentions(), reader.hashtag("tag"), reader.home()):
        assert (await walk(fetch)).ids == []


async def test_a_list_shows_its_members_by_the_rule_of_homes(idle: Serving) -> None:
    ada, bob, cyd, dan = await idle.register("ada", "bob", "cyd", "dan")
    made = await reading.make_list(ada, bob, cyd)
    far = await dan.tweet("far away")
    hello = await bob.tweet("hello")
    answer = await cyd.tweet("indeed", reply_to=hello.id)
    await cyd.tweet("to a stranger", reply_to=far.id)
    await dan.tweet("a stranger's", reply_to=hello.id)
    await cyd.retweet(hello.id)
    first = await bob.retweet(far.id)
    await cyd.retweet(far.id)
    await ada.tweet("the owner is no member")

    await is_walked(Reader(dan).curated(made), [first.id, answer.id, hello.id])


async def test_a_list_is_full_though_most_of_its_members_answer_strangers(idle: Serving) -> None:
    ada, bob, dan = await idle.register("ada", "bob", "dan")
    made = await reading.make_list(ada, bob)
    far = await dan.tweet("far away")
    wanted: list[int] = []
    for number in range(4):
        wanted.append((await bob.tweet(f"number {number}")).id)
        for _ in range(12):
            await bob.tweet("indeed", reply_to=far.id)

    await is_walked(Reader(ada).curated(made), wanted[::-1])


async def test_the_retweet_of_a_protected_member_hides_no_other(idle: Serving) -> None:
    ada, bob, cyd, dan = await idle.register("ada", "bob", "cyd", "dan")
    made = await reading.make_list(ada, bob, cyd)
    far = await dan.tweet("far away")
    first, second = await bob.retweet(far.id), await cyd.retweet(far.id)
    assert (await walk(Reader(ada).curated(made))).ids == [first.id]

    await reading.protect(bob)
    assert (await walk(Reader(ada).curated(made))).ids == [second.id]


async def test_a_private_list_is_nowhere_to_others(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    private = await reading.make_list(ada, bob, private=True)
    assert (await walk(Reader(ada).curated(private))).ids == []

    for list_id in (private, 12345):
        error = await refusal(Reader(bob).curated(list_id)(20, "", None))
        assert error.code() is StatusCode.NOT_FOUND


async def test_cursors_of_one_collection_are_foreign_to_every_other(idle: Serving) -> None:
    ada, bob = await idle.register("ada", "bob")
    made = await tweets(bob, 3, "hello @ada @bob #tag")
    await reading.like(ada, *made)
    await reading.bookmark(ada, *made)
    some = await reading.make_list(ada, bob)
    reader = Reader(ada)
    fetches = [
        reader.mentions(),
        reader.likes(),
        reader.bookmarks(),
        reader.hashtag("tag"),
        reader.curated(some),
        reader.user(bob.id),
        Reader(bob).mentions(),
    ]
    cursors = [(await fetch(1, "", None)).pagination.next_cursor for fetch in fetches]

    for mine, fetch in enumerate(fetches):
        for theirs, cursor in enumerate(cursors):
            if mine == theirs:
                assert len((await fetch(1, cursor, None)).tweets) == 1
            else:
                assert (await refusal(fetch(1, cursor, None))).code() is StatusCode.INVALID_ARGUMENT
    assert (await reader.hashtag("#TAG")(1, cursors[3], None)).tweets[0].id == made[1]


@pytest.mark.parametrize(
    ("limit", "cursor", "since_id"), [(0, "", None), (101, "", None), (20, "x", None), (20, "", -1)]
)
async def test_a_bad_limit_cursor_or_since_id_is_refused_by_every_list(
    idle: Serving, limit: int, cursor: str, since_id: int | None
) -> None:
    (ada,) = await idle.register("ada")
    reader = Reader(ada)
    some = await reading.make_list(ada)
    for fetch in (
        reader.home(),
        reader.mentions(),
        reader.likes(),
        reader.bookmarks(),
        reader.hashtag("tag"),
        reader.curated(some),
        reader.user(ada.id),
    ):
        assert (await refusal(fetch(limit, cursor, since_id))).code() is StatusCode.INVALID_ARGUMENT


async def test_new_tweets_of_a_home_are_counted_up_to_a_hundred(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob)
    first = await bob.tweet("first")
    reader = Reader(ada)
    assert await reader.count_home(first.id) == (0, False)
    seen = await tweets(bob, 100)
    await bob.tweet("not for ada's home", reply_to=(await cyd.tweet("far away")).id)
    await served.settle()
    assert await reader.count_home(first.id) == (100, False)
    assert await reader.count_home(seen[7]) == (7, False)

    await ada.tweet("one more")
    assert await reader.count_home(first.id) == (100, True)
    assert await reader.count_home(MAX_ID) == (0, False)
    error = await refusal(
        ada.clients.timelines.CountHomeTimeline(
            timelines_pb2.CountHomeTimelineRequest(since_id=-1), metadata=ada.signed
        )
    )
    assert error.code() is StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("count", [0, 30])
async def test_an_author_who_is_closed_to_the_viewer_is_nowhere_and_one_who_is_silent_is_empty(
    idle: Serving, count: int
) -> None:
    ada, bob, cyd = await idle.register("ada", "bob", "cyd")
    reader = Reader(ada)
    made = await tweets(bob, count)
    assert (await walk(reader.user(bob.id))).ids == made
    await reading.protect(bob)
    assert (await refusal(reader.user(bob.id)(2, "", None))).code() is StatusCode.NOT_FOUND
    assert (await walk(Reader(bob).user(bob.id))).ids == made
    await reading.protect(bob, protected=False)
    for one, other in ((ada, bob), (bob, ada)):
        await reading.block(one, other)
        assert (await refusal(reader.user(bob.id)(2, "", None))).code() is StatusCode.NOT_FOUND
        assert (await walk(Reader(cyd).user(bob.id))).ids == made
        await reading.unblock(one, other)
    await reading.suspend(idle, bob)
    assert (await refusal(reader.user(bob.id)(2, "", None))).code() is StatusCode.NOT_FOUND
    await reading.suspend(idle, bob, suspended=False)
    assert (await walk(reader.user(bob.id))).ids == made


async def test_a_mute_that_expires_brings_all_that_was_before_at_the_next_read(idle: Serving) -> None:
    ada, bob, cyd = await idle.register("ada", "bob", "cyd")
    await ada.follow(bob, cyd)
    theirs, others = await tweets(bob, 20), await tweets(cyd, 20)
    clock = idle.platform.clock
    await reading.mute(ada, bob, until_ms=clock.now_ms() + 60_000)
    assert await ada.home(limit=7) == others
    clock.advance(59_000)
    assert await ada.home(limit=7) == others

    clock.advance(1_000)
    assert await ada.home(limit=7) == others + theirs
    await reading.mute(ada, bob)
    assert await ada.home() == others
    await reading.unmute(ada, bob)
    assert await ada.home(limit=7) == others + theirs
