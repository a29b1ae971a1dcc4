"""What every adapter of CounterStore promises; how counters are broken is each adapter's own."""

from __future__ import annotations

import asyncio
import random

from tests.contract.tweets import ADA, BOB, CYD, counted, quote
from tests.contract.upkeep import Upkept

from aviary.storage.sqlite.database import Database
from aviary.tweets.store import AuthorCounts
from aviary.tweets.upkeep.store import Drift, Group


async def world(upkept: Upkept) -> tuple[int, int]:
    """A tweet of Ada's with one of everything on it, and a poll of Bob's with a vote."""
    stores = upkept.stores
    kept = stores.tweets
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await stores.engagement.bookmark(tweet, CYD, claim=None)
    await kept.retweet(BOB, tweet)
    await kept.reply(CYD, tweet)
    await kept.store.insert(quote(CYD, tweet), claim=None)
    poll = await stores.poll("yes", "no", author=BOB)
    await stores.polls.vote(poll, ADA, 1, claim=None)
    return tweet, poll


async def test_right_counters_are_examined_and_none_has_drifted(upkept: Upkept) -> None:
    await world(upkept)
    steps = [await upkept.counters.recount(group, after=0, limit=100) for group in Group]

    # Five counters of five tweets, two of three authors, one of two options.
    assert [(step.examined, list(step.drifts), step.after) for step in steps] == [
        (25, [], None),
        (6, [], None),
        (2, [], None),
    ]


async def test_exactly_the_counters_that_were_changed_are_found_and_put_right(
    upkept: Upkept, tweets_file: Database
) -> None:
    tweet, poll = await world(upkept)
    kept = upkept.stores.tweets
    await tweets_file.write(
        lambda tx: tx.execute(
            "UPDATE tweets SET likes = 5, retweets = -1, replies = 0, quotes = 7, bookmarks = 3 WHERE id = ?", (tweet,)
        )
    )
    await tweets_file.write(lambda tx: tx.execute("UPDATE authors SET tweets = 9, likes = 8 WHERE user_id = ?", (ADA,)))
    await tweets_file.write(lambda tx: tx.execute("DELETE FROM authors WHERE user_id = ?", (CYD,)))
    await tweets_file.write(
        lambda tx: tx.execute("UPDATE poll_options SET votes = 4 WHERE tweet_id = ? AND option = 0", (poll,))
    )

    drifts = await upkept.drifts()
    assert drifts == [
        Drift(counter="tweets.likes", entity_id=tweet, stored=5, counted=1),
        Drift(counter="tweets.retweets", entity_id=tweet, stored=-1, counted=1),
        Drift(counter="tweets.replies", entity_id=tweet, stored=0, counted=1),
        Drift(counter="tweets.quotes", entity_id=tweet, stored=7, counted=1),
        Drift(counter="tweets.bookmarks", entity_id=tweet, stored=3, counted=1),
        Drift(counter="authors.tweets", entity_id=ADA, stored=9, counted=1),
        Drift(counter="authors.likes", entity_id=ADA, stored=8, counted=1),
        Drift(counter="authors.tweets", entity_id=CYD, stored=0, counted=2),
        Drift(counter="poll_options.votes", entity_id=poll, option=0, stored=4, counted=0),
    ]
    assert all([await upkept.counters.repair(drift) for drift in drifts])
    assert not any([await upkept.counters.repair(drift) for drift in drifts])
    assert await upkept.drifts() == []
    assert counted(await kept.one(tweet)) == (1, 1, 1, 1)
    assert await kept.store.author_counts([ADA, CYD]) == [AuthorCounts(1, 1), AuthorCounts(2, 0)]
    assert await upkept.stores.votes(poll) == [0, 1]


async def test_a_repair_counts_what_is_there_when_it_is_made(upkept: Upkept, tweets_file: Database) -> None:
    tweet, _ = await world(upkept)
    kept = upkept.stores.tweets
    await tweets_file.write(lambda tx: tx.execute("UPDATE tweets SET likes = 40 WHERE id = ?", (tweet,)))
    (drift,) = await upkept.drifts()
    await kept.store.like(tweet, CYD, claim=None)

    assert await upkept.counters.repair(drift)
    assert (await kept.one(tweet)).likes == 2


async def test_deleted_tweets_have_no_counters_to_examine(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await kept.store.delete(tweet, ADA)

    assert (await upkept.counters.recount(Group.TWEETS, after=0, limit=9)).examined == 0
    assert await upkept.drifts() == []


async def test_what_is_written_during_a_recount_is_no_drift(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweets = [await kept.tweet(author) for author in (ADA, BOB, CYD)]
    chosen = random.Random(7)

    async def act(user_id: int) -> None:
        for _ in range(15):
            tweet = chosen.choice(tweets)
            await kept.store.like(tweet, user_id, claim=None)
            await kept.retweet(user_id, tweet)
            await chosen.choice([kept.store.unlike, kept.store.undo_retweet])(tweet, user_id)

    async with asyncio.TaskGroup() as tasks:
        acting = [tasks.create_task(act(user_id)) for user_id in range(10, 20)]
        looks = 0
        while not all(each.done() for each in acting):
            assert await upkept.drifts(limit=100) == []
            looks += 1
    assert looks > 1
