"""Which counters of tweets are examined."""

from __future__ import annotations

from tests.contract.tweets import ADA, BOB
from tests.contract.upkeep import Upkept, world


async def test_right_counters_are_examined_and_none_has_drifted(upkept: Upkept) -> None:
    await world(upkept)
    await upkept.settle()
    steps = [await upkept.counters.recount(group, after=0, limit=100) for group in upkept.counters.groups]

    # Five counters of five tweets, two of three authors, one of two options.
    assert [(step.examined, list(step.drifts), step.after) for step in steps] == [
        (25, [], None),
        (6, [], None),
        (2, [], None),
    ]


async def test_deleted_tweets_have_no_counters_to_examine(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await kept.store.delete(tweet, ADA)

    assert (await upkept.counters.recount("tweets", after=0, limit=9)).examined == 0
    assert await upkept.drifts() == []
