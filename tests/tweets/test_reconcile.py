"""Reconcile over a real gRPC server: what has drifted is told, put right when asked, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.rpc.serving import Person, Serving, serving

from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.api.tweets.v1 import engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.settings import Settings

Told = tuple[str, int, int, int, bool]


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def reconcile(served: Serving, *, repair: bool = False) -> list[reconcile_pb2.Drift]:
    request = reconcile_pb2.ReconcileRequest(repair=repair)
    return [each async for each in served.clients.tweets.Reconcile(request, metadata=served.as_operator())]


async def told(served: Serving, *, repair: bool = False) -> list[Told]:
    answers = await reconcile(served, repair=repair)
    return [
        (each.counter, each.entity_id, each.stored, each.counted, each.repaired) for each in answers if each.counter
    ]


async def spoil(served: Serving, statement: str, *values: int) -> None:
    await served.database("tweets").write(lambda tx: tx.execute(statement, values))


async def like(person: Person, tweet_id: int) -> pb.Tweet:
    return await person.clients.tweets.LikeTweet(pb.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def test_exactly_what_was_spoiled_is_told_and_only_a_repair_changes_it(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    one, two = (await ada.tweet("one")).id, (await ada.tweet("two")).id
    await like(bob, one)
    await bob.retweet(two)
    await spoil(served, "UPDATE tweets SET likes = 7 WHERE id = ?", one)
    await spoil(served, "UPDATE tweets SET retweets = 0 WHERE id = ?", two)
    await spoil(served, "UPDATE authors SET tweets = -3 WHERE user_id = ?", bob.id)

    expected = [("tweets.likes", one, 7, 1), ("tweets.retweets", two, 0, 1), ("authors.tweets", bob.id, -3, 1)]
    assert await told(served) == [(*each, False) for each in expected]
    assert await told(served, repair=True) == [(*each, True) for each in expected]
    assert await told(served) == []
    assert (await like(ada, one)).like_count == 2


async def test_how_far_the_recount_is_is_told_to_its_end(served: Serving) -> None:
    (ada,) = await served.register("ada")
    await asyncio.gather(*(ada.tweet(str(number)) for number in range(3)))
    progress = [each.examined for each in await reconcile(served) if not each.counter]

    # Five counters a tweet, then two an author, then no poll.
    assert progress == [15, 17, 17]


async def test_a_clean_store_has_no_drift_while_many_write(served: Serving) -> None:
    people = await served.register("ada", "bob", "cyd")
    tweets = [(await people[0].tweet(str(number))).id for number in range(3)]

    async def act(person: Person) -> None:
        engagement, calls = person.clients.engagement, person.clients.tweets
        for tweet_id in tweets:
            await like(person, tweet_id)
            await person.retweet(tweet_id)
            await engagement.Bookmark(engagement_pb2.BookmarkRequest(id=tweet_id), metadata=person.signed)
            reply = await person.tweet("indeed", reply_to=tweet_id, quoting=tweet_id)
            await person.delete(reply.id)
            await calls.UnlikeTweet(pb.UnlikeTweetRequest(id=tweet_id), metadata=person.signed)
            await calls.UndoRetweet(pb.UndoRetweetRequest(id=tweet_id), metadata=person.signed)

    async with asyncio.TaskGroup() as tasks:
        acting = [tasks.create_task(act(person)) for person in people]
        looks = 0
        while not all(each.done() for each in acting):
            assert await told(served, repair=looks % 2 == 1) == []
            looks += 1
    assert looks > 1
    assert await told(served) == []
