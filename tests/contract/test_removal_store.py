"""What every adapter of RemovalStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contract.tweets import ADA, BOB, CYD, claim, original, quote
from tests.contract.upkeep import Upkept

from aviary.events.v1 import events_pb2
from aviary.tweets.drafts.store import Shelf
from aviary.tweets.store import AuthorCounts, Kind
from aviary.tweets.upkeep.store import Mark

DELETED, UNLIKED = events_pb2.EVENT_TYPE_TWEET_DELETED, events_pb2.EVENT_TYPE_TWEET_UNLIKED
VOTED = events_pb2.EVENT_TYPE_VOTED
UNBOOKMARKED, UNPINNED = events_pb2.EVENT_TYPE_UNBOOKMARKED, events_pb2.EVENT_TYPE_TWEET_UNPINNED


async def much_used_tweet(upkept: Upkept) -> int:
    """Ada's tweet, with something of every kind from others on it."""
    stores = upkept.stores
    kept = stores.tweets
    tweet = await stores.poll("yes", "no")
    await stores.polls.vote(tweet, CYD, 0, claim=None)
    for liker in range(10, 30):
        await kept.store.like(tweet, liker, claim=None)
    await kept.store.unlike(tweet, 10)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    await kept.retweet(BOB, tweet)
    await kept.reply(CYD, tweet)
    await kept.store.insert(quote(CYD, tweet), claim=None)
    return tweet


async def test_only_what_was_deleted_before_the_moment_is_purged(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    standing, first = await kept.tweet(), await kept.tweet()
    await kept.store.delete(first, ADA)
    stores.clock.advance(10_000)
    moment = stores.clock.now_ms()
    second = await kept.tweet()
    await kept.store.delete(second, ADA)

    assert await upkept.removal.purge(moment, rows=100) == 1
    assert await upkept.removal.purge(moment, rows=100) == 0
    assert await upkept.exists(standing, first, second) == [True, False, True]


async def test_purging_takes_what_hangs_on_a_tweet_and_leaves_replies_and_quotes(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    tweet = await much_used_tweet(upkept)
    (bob, cyd) = await kept.author_counts(BOB, CYD)
    assert (bob, cyd) == (AuthorCounts(1, 0), AuthorCounts(2, 0))
    await kept.store.delete(tweet, ADA)
    before = len(await kept.happened())
    (retweet,) = await kept.ids_of(BOB)
    await upkept.purge_all()

    assert await upkept.exists(tweet, retweet) == [False, False]
    assert await kept.happened() == [*(await kept.happened())[:before], (DELETED, retweet)]
    assert await kept.author_counts(ADA, BOB, CYD) == [AuthorCounts(0, 0), AuthorCounts(0, 0), cyd]
    assert {(await kept.one(each)).kind for each in await kept.ids_of(CYD)} == {Kind.REPLY, Kind.QUOTE}
    for user_id in (10, 11, BOB):
        assert await upkept.own.marks(Mark.LIKE, user_id, after=0, limit=9) == []
        assert await upkept.own.marks(Mark.BOOKMARK, user_id, after=0, limit=9) == []
    assert await upkept.own.votes(CYD, after=0, limit=9) == []
    assert await upkept.drifts() == []


@pytest.mark.parametrize("rows", [1, 2, 7])
async def test_purging_a_few_rows_at_a_time_comes_to_the_same_end(upkept: Upkept, rows: int) -> None:
    kept = upkept.stores.tweets
    tweet = await much_used_tweet(upkept)
    await kept.store.delete(tweet, ADA)
    removed: list[int] = []
    while step := await upkept.removal.purge(upkept.stores.clock.now_ms() + 1, rows=rows):
        removed.append(step)
        assert await upkept.drifts() == []

    # 20 likes, a bookmark, a retweet, a vote, the poll and the tweet.
    assert (sum(removed), max(removed)) == (24 + upkept.poll_rows, rows)
    assert await upkept.exists(tweet) == [False]


async def test_an_undone_retweet_is_purged_and_the_one_made_since_stays(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    undone = await kept.retweet(BOB, tweet)
    await kept.store.undo_retweet(tweet, BOB)
    again = await kept.retweet(BOB, tweet)
    await upkept.purge_all()

    assert await upkept.exists(undone, again) == [False, True]
    assert await kept.counted(tweet) == (0, 1, 0, 0)
    await kept.store.undo_retweet(tweet, BOB)
    await upkept.purge_all()
    assert await kept.counted(tweet) == (0, 0, 0, 0)
    assert await upkept.exists(again) == [False]


async def test_writes_go_on_while_a_tweet_with_thousands_of_likes_is_purged(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    await asyncio.gather(*(kept.store.like(tweet, user_id, claim=None) for user_id in range(100, 1_000)))
    await kept.store.delete(tweet, ADA)

    steps, written = await asyncio.gather(upkept.purge_all(rows=50), kept.tweet(BOB))
    assert steps >= 900 / 50
    assert await upkept.exists(tweet, written) == [False, True]


async def test_erasing_takes_back_all_that_a_person_did_with_counters_and_events(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    tweet, reply = await stores.poll("yes", "no"), await kept.tweet(CYD)
    await stores.polls.vote(tweet, BOB, 1, claim=None)
    await kept.store.like(tweet, BOB, claim=None)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    own = await kept.tweet(BOB)
    await stores.engagement.pin(own, BOB, claim=None)
    await kept.store.like(own, CYD, claim=None)
    retweet, reply = await kept.retweet(BOB, tweet), await kept.reply(BOB, tweet)
    before = len(await kept.happened())
    await upkept.erase_all(BOB)

    assert await kept.counted(tweet) == (0, 0, 0, 0)
    assert ((await kept.one(tweet)).bookmarks, await stores.votes(tweet)) == (0, [0, 0])
    assert await upkept.exists(own, retweet, reply) == [False, False, False]
    assert await kept.author_counts(ADA, BOB) == [AuthorCounts(1, 0), AuthorCounts(0, 0)]
    told = (await kept.happened())[before:]
    others = [(VOTED, tweet)] if upkept.tells_of_votes else []
    assert sorted(told) == sorted(
        [
            *((DELETED, each) for each in (own, retweet, reply)),
            *((UNPINNED, own), (UNLIKED, tweet), (UNBOOKMARKED, tweet)),
            *others,
        ]
    )
    assert await upkept.drifts() == []


async def test_erasing_leaves_nothing_that_a_person_could_take_away(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    tweet = await kept.tweet(ADA, mentions=[BOB])
    await kept.store.like(tweet, BOB, claim=None)
    gone = await kept.tweet(BOB)
    await kept.store.delete(gone, BOB)
    for publish_ms in (0, stores.clock.now_ms() + 60_000):
        await stores.drafts.create(BOB, b"", publish_ms=publish_ms, source="web", most=9, claim=None)
    key = replace(claim("k"), caller=str(BOB))
    mine = await kept.store.insert(original(BOB), claim=key)
    await upkept.erase_all(BOB)

    assert await kept.mentions(BOB) == []
    assert await kept.store.settled(key) is None
    assert await upkept.exists(gone, mine.id, tweet) == [False, False, True]
    for shelf in Shelf:
        assert await upkept.own.drafts(shelf, BOB, after=0, limit=9) == []


@pytest.mark.parametrize("rows", [1, 2, 7])
async def test_erasing_a_few_rows_at_a_time_is_right_after_every_step(upkept: Upkept, rows: int) -> None:
    kept = upkept.stores.tweets
    others = [await kept.tweet(BOB) for _ in range(3)]
    for each in others:
        await kept.store.like(each, ADA, claim=None)
        await kept.retweet(ADA, each)
    await much_used_tweet(upkept)
    while removed := await upkept.removal.erase(ADA, rows=rows):
        assert removed <= rows
        assert await upkept.drifts() == []

    assert await kept.ids_of(ADA) == []
    assert [await kept.counted(each) for each in others] == [(0, 0, 0, 0)] * 3


async def test_erasing_twice_or_a_stranger_changes_nothing(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    await kept.tweet(BOB)
    await upkept.erase_all(BOB)
    before = await kept.happened()

    assert await upkept.erase_all(BOB) == 0
    assert await upkept.erase_all(999) == 0
    assert (await kept.happened(), await upkept.exists(tweet)) == (before, [True])
