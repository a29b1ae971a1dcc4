"""Rate limits over a real gRPC server: told on each answer, and counted for new commits alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import grpc.aio
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving

from aviary.api.graph.v1 import graph_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.errors import RateLimited
from aviary.rpc.status import from_rpc_error
from aviary.settings import Settings

Headers = dict[str, str]


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Serving]:
    few = replace(settings, limits="on", limit_tweets=3, limit_likes=2, limit_follows=2, limit_requests=20)
    async with serving(few, workers=False) as running:
        yield running


def limits_of(metadata: grpc.aio.Metadata) -> Headers:
    named = {str(key): str(value) for key, value in metadata}
    return {key.removeprefix("x-ratelimit-"): value for key, value in named.items() if "ratelimit" in key}


async def create(person: Person, content: str = "hello", *, key: str = "", reply_to: int | None = None) -> Headers:
    request = tweets_pb2.CreateTweetRequest(content=content, request_id=key, reply_to_id=reply_to)
    call = person.clients.tweets.CreateTweet(request, metadata=person.signed)
    await asyncio.gather(call, return_exceptions=True)
    return limits_of(await call.initial_metadata())


def left(headers: Headers) -> tuple[int, int]:
    return int(headers["remaining"]), int(headers["limit"])


async def exhausted(call: Awaitable[Message]) -> RateLimited:
    error = await refusal(call)
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    raised = from_rpc_error(error)
    assert isinstance(raised, RateLimited)
    return raised


async def test_each_answer_tells_the_limit_what_is_left_and_when_more_comes(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    headers = await create(ada)

    assert left(headers) == (2, 3)
    assert 0 < int(headers["reset"]) <= 10_800
    assert left(await create(ada)) == (1, 3)


async def test_beyond_the_limit_a_call_is_refused_and_told_when_to_come_back(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    for _ in range(3):
        await ada.tweet("hello")

    error = await exhausted(ada.tweet("hello"))
    assert error.message.startswith("the limit of 3 tweets in 10800 s is used up; try again in ")
    assert error.retry_after_s is not None
    assert 0 < error.retry_after_s <= 10_800


async def test_replies_quotes_and_retweets_count_as_tweets(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    tweet = await ada.tweet("hello")
    await ada.tweet("indeed", reply_to=tweet.id)
    await ada.retweet(tweet.id)

    await exhausted(ada.tweet("look", quoting=tweet.id))


async def test_a_repeat_under_a_key_does_not_count(limited: Serving) -> None:
    (ada,) = await limited.register("ada")

    assert left(await create(ada, key="k")) == (2, 3)
    for _ in range(5):
        assert left(await create(ada, key="k")) == (2, 3)


async def test_what_failed_does_not_count_and_says_so(limited: Serving) -> None:
    (ada,) = await limited.register("ada")

    for _ in range(5):
        assert left(await create(ada, " ")) == (3, 3)
        assert left(await create(ada, reply_to=99)) == (3, 3)
    assert left(await create(ada)) == (2, 3)


async def test_liking_and_following_again_do_not_count(limited: Serving) -> None:
    ada, bob = await limited.register("ada", "bob")
    tweet = await ada.tweet("hello")

    for _ in range(4):
        await bob.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=tweet.id), metadata=bob.signed)
        await bob.clients.graph.Follow(graph_pb2.FollowRequest(id=ada.id), metadata=bob.signed)


async def test_likes_and_follows_have_limits_of_their_own(limited: Serving) -> None:
    ada, *others = await limited.register("ada", "bob", "cyd", "dan")
    tweets = [await ada.tweet("hello") for _ in range(3)]
    for tweet, other in zip(tweets[:2], others[:2], strict=True):
        await ada.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=tweet.id), metadata=ada.signed)
        await ada.follow(other)

    like = tweets_pb2.LikeTweetRequest(id=tweets[2].id)
    assert "the limit of 2 likes" in (await exhausted(ada.clients.tweets.LikeTweet(like, metadata=ada.signed))).message
    follow = graph_pb2.FollowRequest(id=others[2].id)
    assert "the limit of 2 follows" in (await exhausted(ada.clients.graph.Follow(follow, metadata=ada.signed))).message


async def test_each_request_counts_whatever_it_does_and_for_its_caller_alone(limited: Serving) -> None:
    ada, bob = await limited.register("ada", "bob")
    for _ in range(20):
        await ada.home_page()

    assert "the limit of 20 requests" in (await exhausted(ada.home_page())).message
    await bob.home_page()


async def test_a_reading_answer_tells_the_limit_of_requests(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    call = ada.clients.timelines.GetHomeTimeline(timelines_pb2.GetHomeTimelineRequest(), metadata=ada.signed)
    await call

    assert left(limits_of(await call.initial_metadata())) == (19, 20)


async def test_of_many_at_once_no_more_than_the_limit_succeed(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    outcomes = await asyncio.gather(*(ada.tweet("hello") for _ in range(15)), return_exceptions=True)

    assert sum(isinstance(outcome, tweets_pb2.Tweet) for outcome in outcomes) == 3


async def test_lifted_limits_limit_nobody_and_are_not_told(served: Serving) -> None:
    (ada,) = await served.register("ada")
    for _ in range(120):
        await ada.home_page(limit=1)

    assert await create(ada) == {}
