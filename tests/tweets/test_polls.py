"""Polls as their voters meet them, over a real gRPC server."""

from __future__ import annotations

import asyncio

import pytest
from grpc import StatusCode
from tests.rpc.serving import Serving, refusal, serving
from tests.rpc.waiting import until
from tests.tweets.doings import block, keyed, poll, seen, vote

from aviary.api.tweets.v1 import engagement_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock
from aviary.events.v1 import events_pb2
from aviary.settings import Settings
from aviary.storage.sqlite.outbox import SqliteEventLog

HOUR_MS = 3_600_000


def counts(tweet: tweets_pb2.Tweet) -> list[int]:
    return [option.vote_count for option in tweet.poll.options]


async def closings(served: Serving) -> list[int]:
    """The tweets of which the end of the poll was told."""
    records = await SqliteEventLog(served.database("tweets")).read(0, limit=10_000)
    return [record.event.entity_id for record in records if record.event.type == events_pb2.EVENT_TYPE_POLL_CLOSED]


async def test_a_vote_is_counted_for_all_and_known_to_the_voter_alone(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await poll(ada, "tea", "coffee", "milk")
    assert (counts(tweet), tweet.poll.closed, tweet.poll.HasField("voted_option")) == ([0, 0, 0], False, False)

    voted = await vote(bob, tweet.id, 2)
    assert voted == await seen(bob, tweet.id)
    assert (counts(voted), voted.poll.vote_count, voted.poll.voted_option) == ([0, 0, 1], 1, 2)
    ours = await seen(ada, tweet.id)
    assert (counts(ours), ours.poll.HasField("voted_option")) == ([0, 0, 1], False)


async def test_the_author_may_vote_and_a_retweet_stands_for_its_poll(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    tweet = await poll(ada)
    retweet = await bob.retweet(tweet.id)
    await vote(ada, tweet.id, 0)

    assert (await vote(cyd, retweet.id, 1)).id == tweet.id
    assert counts((await seen(cyd, retweet.id)).retweeted_tweet) == [1, 1]


async def test_one_votes_once(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await poll(ada)
    await vote(bob, tweet.id, 1)
    assert counts(await vote(bob, tweet.id, 1)) == [0, 1]

    error = await refusal(vote(bob, tweet.id, 0))
    assert (error.code(), error.details()) == (
        StatusCode.FAILED_PRECONDITION,
        f"the vote for option 1 of tweet {tweet.id} stands; it cannot be changed",
    )
    assert counts(await seen(bob, tweet.id)) == [0, 1]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (None, "option is missing; it is the number of the poll's option"),
        (-1, "option is -1; the poll has the options 0 to 1"),
        (2, "option is 2; the poll has the options 0 to 1"),
    ],
)
async def test_a_vote_for_what_is_no_option_is_refused(served: Serving, option: int | None, sentence: str) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await poll(ada)

    error = await refusal(bob.clients.engagement.Vote(pb.VoteRequest(id=tweet.id, option=option), metadata=bob.signed))
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, sentence)


async def test_there_is_no_voting_without_a_poll_or_when_blocked(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet, asked = await ada.tweet("hello"), await poll(ada)

    error = await refusal(vote(bob, tweet.id, 0))
    assert (error.code(), error.details()) == (StatusCode.FAILED_PRECONDITION, f"tweet {tweet.id} has no poll")
    await block(bob, ada)
    assert (await refusal(vote(bob, asked.id, 0))).code() is StatusCode.NOT_FOUND


async def test_a_poll_is_closed_from_its_end_on(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await poll(ada, minutes=60)
    clock.advance(HOUR_MS)

    assert (await seen(bob, tweet.id)).poll.closed
    error = await refusal(vote(bob, tweet.id, 0))
    assert error.code() is StatusCode.FAILED_PRECONDITION
    assert f"the poll of tweet {tweet.id} closed at " in (error.details() or "")


async def test_fifty_votes_at_once_under_one_key_are_one(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await poll(ada)
    request = pb.VoteRequest(id=tweet.id, option=1)
    answers = await asyncio.gather(*(bob.clients.engagement.Vote(request, metadata=keyed(bob, "k")) for _ in range(50)))

    assert [counts(each) for each in answers] == [[0, 1]] * 50


async def test_the_end_of_a_poll_is_told_once_also_across_a_restart(settings: Settings, clock: Clock) -> None:
    async with serving(settings, clock=clock) as working:
        (ada,) = await working.register("ada")
        early, late, gone = await poll(ada, minutes=60), await poll(ada, minutes=120), await poll(ada, minutes=60)
        await ada.delete(gone.id)
        clock.advance(HOUR_MS)

        async def is_told() -> bool:
            return bool(await closings(working))

        await until(is_told, what="the end of the poll was told")
    clock.advance(HOUR_MS)
    async with serving(settings, clock=clock) as again:

        async def are_told() -> bool:
            return len(await closings(again)) > 1

        await until(are_told, what="the end of the other poll was told")
        assert await closings(again) == [early.id, late.id]
