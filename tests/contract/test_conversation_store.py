"""What every adapter of ConversationStore promises."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.tweets import ADA, BOB, CYD, Kept, quote, reply
from tests.contract.upkeep import Upkept

from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.tweets.conversations.store import Standing

ALL = PageRequest(limit=1_000)


async def below(upkept: Upkept, tweet_id: int, *, limit: int = 1_000) -> list[int]:
    """All replies below a tweet, read in stretches of `limit`."""
    tweet, found = await upkept.stores.tweets.one(tweet_id), list[int]()
    start: int | None = MAX_ID
    while start is not None:
        stretch = await upkept.conversations.descendants(tweet, PageRequest(limit=limit, below=start))
        found.extend(stretch.ids)
        start = stretch.below
    return found


async def above(upkept: Upkept, tweet_id: int, *, limit: int = 100) -> list[int]:
    return list(await upkept.conversations.ancestors(await upkept.stores.tweets.one(tweet_id), limit=limit))


async def chain(kept: Kept, length: int) -> list[int]:
    """Tweets that each reply to the one before."""
    made = [await kept.tweet(ADA)]
    while len(made) < length:
        made.append(await kept.reply((ADA, BOB)[len(made) % 2], made[-1]))
    return made


async def test_ancestors_come_nearest_first_up_to_the_limit(upkept: Upkept) -> None:
    made = await chain(upkept.stores.tweets, 5)
    assert await above(upkept, made[4]) == [made[3], made[2], made[1], made[0]]
    assert await above(upkept, made[4], limit=2) == [made[3], made[2]]
    assert await above(upkept, made[0]) == []


async def test_a_quote_and_a_retweet_are_no_replies(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    quoting = (await kept.store.insert(quote(BOB, tweet), claim=None)).id
    await kept.retweet(CYD, tweet)

    assert await below(upkept, tweet) == []
    assert await above(upkept, quoting) == []


async def test_a_stretch_ends_at_its_limit_and_within_its_bounds(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    root = await kept.tweet(ADA)
    middle = await kept.reply(BOB, root)
    made = [await kept.reply(CYD, middle) for _ in range(5)]
    for tweet_id in (root, middle):
        tweet = await kept.one(tweet_id)
        page = PageRequest(limit=2, below=made[4], above=made[0])
        found = await upkept.conversations.descendants(tweet, page)
        assert (list(found.ids), found.below) == ([made[3], made[2]], made[2])
        assert await below(upkept, tweet_id, limit=2) == await below(upkept, tweet_id)


async def test_deleted_replies_are_left_out_and_what_hangs_below_them_stays(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    made = await chain(kept, 5)
    await kept.store.delete(made[2], ADA)
    await kept.store.delete(made[4], ADA)

    assert await below(upkept, made[1]) == [made[3]]
    assert await above(upkept, made[3]) == [made[2], made[1], made[0]]


async def test_a_reply_keeps_its_place_when_those_above_it_are_removed_for_good(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    made = await chain(kept, 6)
    beside = await kept.reply(CYD, made[0])
    for each, author in ((made[2], ADA), (made[3], BOB)):
        await kept.store.delete(each, author)
    await upkept.purge_all()

    assert await upkept.exists(made[2], made[3]) == [False, False]
    assert await below(upkept, made[1]) == [made[5], made[4]]
    assert (await above(upkept, made[4]))[-2:] == [made[1], made[0]]
    assert await below(upkept, made[0]) == [beside, made[5], made[4], made[1]]


async def test_a_small_branch_is_found_in_a_large_conversation_by_reading_on(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    root = await kept.tweet(ADA)
    branch = await kept.reply(BOB, root)
    wanted = await kept.reply(CYD, branch)
    elsewhere = reply(CYD, await kept.one(root))
    await asyncio.gather(*(kept.store.insert(elsewhere, claim=None) for _ in range(990)))
    await asyncio.gather(*(kept.store.insert(elsewhere, claim=None) for _ in range(60)))

    stretch = await upkept.conversations.descendants(await kept.one(branch), PageRequest(limit=10))
    assert list(stretch.ids) == []
    assert stretch.below is not None
    assert await below(upkept, branch, limit=10) == [wanted]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parents=st.lists(st.integers(0, 20), min_size=1, max_size=20),
    gone=st.sets(st.integers(0, 20)),
    limit=st.integers(1, 9),
)
async def test_every_tree_of_replies_is_read_as_it_was_written(
    upkept: Upkept, parents: list[int], gone: set[int], limit: int
) -> None:
    kept = upkept.stores.tweets
    made, parent_of = [await kept.tweet(ADA)], dict[int, int]()
    for wanted in parents:
        parent = made[wanted % len(made)]
        made.append(await kept.reply(BOB, parent))
        parent_of[made[-1]] = parent
    deleted = {made[each] for each in gone if 0 < each < len(made)}
    for each in sorted(deleted):
        await kept.store.delete(each, BOB)
        if each % 2:
            await upkept.purge_all()

    def lineage(tweet_id: int) -> list[int]:
        found: list[int] = []
        while tweet_id in parent_of:
            tweet_id = parent_of[tweet_id]
            found.append(tweet_id)
        return found

    for tweet_id in set(made) - deleted:
        assert await above(upkept, tweet_id) == lineage(tweet_id)
        expected = [each for each in reversed(made) if tweet_id in lineage(each) and each not in deleted]
        assert await below(upkept, tweet_id, limit=limit) == expected


async def test_standings_are_of_those_asked_for_deleted_ones_included(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    root = await kept.tweet(ADA)
    answer = await kept.reply(BOB, root)
    await kept.reply(CYD, answer)
    await kept.store.like(answer, ADA, claim=None)
    await kept.retweet(CYD, answer)
    await kept.store.insert(quote(CYD, answer), claim=None)
    await kept.store.delete(answer, BOB)

    await kept.settle()
    standing = Standing(author_id=BOB, likes=1, retweets=1, replies=1, quotes=1)
    assert await upkept.conversations.standings([answer, 999]) == {answer: standing}
    assert await upkept.conversations.standings([]) == {}


async def test_quotes_come_newest_first_within_the_bounds_without_deleted_ones(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    made = [(await kept.store.insert(quote(BOB, tweet), claim=None)).id for _ in range(5)]
    await kept.reply(BOB, tweet)
    await kept.store.delete(made[3], BOB)

    assert await upkept.conversations.quote_ids(tweet, ALL) == [made[4], made[2], made[1], made[0]]
    page = PageRequest(limit=1, below=made[4], above=made[0])
    assert await upkept.conversations.quote_ids(tweet, page) == [made[2]]
    assert await upkept.conversations.quote_ids(0, ALL) == []
