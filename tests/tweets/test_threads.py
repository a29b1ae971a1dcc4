"""Threads over a real gRPC server: all of their tweets or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc.aio
import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, serving
from tests.tweets.asking import create, faults, get, refused, thread

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.settings import Settings

INVALID = StatusCode.INVALID_ARGUMENT


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(replace(settings, limits="on", limit_tweets=5), workers=False) as running:
        yield running


async def left(person: Person, *tweets: str, key: str = "") -> tuple[StatusCode, int]:
    """How a thread ended, and what it left of the limit."""
    sent = [pb.CreateTweetRequest(content=each) for each in tweets]
    request = pb.CreateThreadRequest(tweets=sent, request_id=key)
    call = person.clients.tweets.CreateThread(request, metadata=person.signed)
    await asyncio.gather(call, return_exceptions=True)
    headers = dict(await call.initial_metadata())
    return await call.code(), int(headers["x-ratelimit-remaining"])


async def test_a_thread_is_answered_in_order_as_it_is_read_later(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = list((await thread(ada, "one", "two @bob", "three #tea")).tweets)

    assert [tweet.content for tweet in made] == ["one", "two @bob", "three #tea"]
    assert [tweet.type for tweet in made] == ["original", "reply", "reply"]
    assert [tweet.reply_to_id for tweet in made[1:]] == [made[0].id, made[1].id]
    assert {tweet.conversation_id for tweet in made} == {made[0].id}
    assert [tweet.entities.mentions[0].user_id for tweet in made if tweet.entities.mentions] == [bob.id]
    assert [await get(bob, tweet.id) for tweet in made] == [await get(ada, tweet.id) for tweet in made]
    assert [(await get(bob, tweet.id)).reply_count for tweet in made] == [1, 1, 0]


async def test_a_thread_may_begin_as_a_reply_and_quote_anywhere(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await bob.tweet("hello")
    sent = [
        pb.CreateTweetRequest(content="one", reply_to_id=tweet.id),
        pb.CreateTweetRequest(content="two", quote_tweet_id=tweet.id),
    ]
    one, two = (await thread(ada, *sent)).tweets

    assert (one.reply_to_id, one.conversation_id, two.conversation_id) == (tweet.id, tweet.id, tweet.id)
    assert (two.type, two.reply_to_id, two.quoted_tweet.id) == ("reply", one.id, tweet.id)


@pytest.mark.parametrize("count", [0, 1, 26])
async def test_a_thread_has_two_to_twenty_five_tweets(served: Serving, count: int) -> None:
    (ada,) = await served.register("ada")
    sentence = f"the thread has {count} tweets; it must have 2 to 25"
    assert await refused(thread(ada, *["hello"] * count)) == (INVALID, sentence)


async def test_a_thread_of_twenty_five_is_published(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = (await thread(ada, *(f"part {number}" for number in range(25)))).tweets
    assert len(made) == len({tweet.id for tweet in made}) == 25


async def test_what_is_wrong_is_named_by_its_place_and_nothing_is_published(served: Serving) -> None:
    (ada,) = await served.register("ada")
    tweet = await ada.tweet("hello")
    wrong = thread(
        ada,
        "one",
        pb.CreateTweetRequest(content=" ", language="?"),
        pb.CreateTweetRequest(content="three", reply_to_id=tweet.id),
    )

    assert await faults(wrong) == {
        "tweets[1].content": "tweets[1]: content is empty; a tweet needs at least one character",
        "tweets[1].language": "tweets[1]: language is '?'; it must be a BCP 47 tag such as en or pt-BR"
        " of at most 35 characters",
        "tweets[2].reply_to_id": "tweets[2]: only the first tweet of a thread may reply to another",
    }
    missing = thread(ada, "one", pb.CreateTweetRequest(content="two", quote_tweet_id=5))
    assert await refused(missing) == (StatusCode.NOT_FOUND, "tweets[1]: there is no tweet 5")
    assert [each.id for each in (await ada.user_page(ada.id)).tweets] == [tweet.id]


async def test_a_thread_with_everything_wrong_is_still_told_so(served: Serving) -> None:
    # What is told must fit into gRPC's trailers.
    (ada,) = await served.register("ada")
    wrong = pb.CreateTweetRequest(
        content="\x00" * 300,
        media_ids=[1],
        content_warning="😀" * 101,
        reply_audience="😀" * 1_000,
        language="😀" * 1_000,
        geo=pb.Geo(latitude=1e308, longitude=-1e308),
        poll=pb.PollInput(options=["😀" * 100] * 4),
    )
    error = await faults(thread(ada, *[wrong] * 25))
    assert len(error) == 16
    assert {name.partition(".")[0] for name in error} == {"tweets[0]", "tweets[1]"}
    _, sentence = await refused(thread(ada, *[wrong] * 25))
    assert str(sentence).endswith("; and 209 more")


async def test_the_key_of_a_thread_is_its_own(served: Serving) -> None:
    (ada,) = await served.register("ada")
    wrong = await faults(thread(ada, "one", pb.CreateTweetRequest(content="two", request_id="k")))
    assert wrong == {"tweets[1].request_id": "a thread has one request_id, its own; its tweets have none"}


async def test_a_thread_has_the_audience_of_its_first_tweet(served: Serving) -> None:
    (ada,) = await served.register("ada")
    first = pb.CreateTweetRequest(content="one", reply_audience="followed")
    assert [each.reply_audience for each in (await thread(ada, first, "two")).tweets] == ["followed"] * 2

    other = pb.CreateTweetRequest(content="two", reply_audience="everyone")
    assert await faults(thread(ada, first, other)) == {
        "tweets[1].reply_audience": "tweets[1].reply_audience is everyone; a reply has its conversation's, followed"
    }


async def test_guarantee_10_one_key_sent_fifty_times_at_once_is_one_thread(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = await asyncio.gather(*(thread(ada, "one", "two", key="k") for _ in range(50)))

    assert len({tuple(tweet.id for tweet in each.tweets) for each in made}) == 1
    assert len((await ada.user_page(ada.id)).tweets) == 2
    await ada.delete(made[0].tweets[0].id)
    again = await thread(ada, "one", "two", key="k")
    assert [tweet.id for tweet in again.tweets] == [tweet.id for tweet in made[0].tweets]
    code, _ = await refused(thread(ada, "one", "other", key="k"))
    assert code is StatusCode.ALREADY_EXISTS


async def test_a_thread_counts_as_so_many_tweets(limited: Serving) -> None:
    (ada,) = await limited.register("ada")

    assert await left(ada, "one", "two", "three", key="k") == (StatusCode.OK, 2)
    assert await left(ada, "one", "two", "three", key="k") == (StatusCode.OK, 2)
    assert await left(ada, "four", "five") == (StatusCode.OK, 0)


async def test_a_thread_beyond_what_is_left_is_refused_whole(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    await left(ada, "one", "two", "three", key="k")

    assert await left(ada, "four", "five", "six") == (StatusCode.RESOURCE_EXHAUSTED, 2)
    _, sentence = await refused(thread(ada, "four", "five", "six"))
    assert str(sentence).startswith(
        "the limit of 5 tweets in 10800 s leaves 2, fewer than the 3 asked for; try again in"
    )
    assert await left(ada, "one", "two", "three", key="k") == (StatusCode.OK, 2)
    assert (await left(ada, "four", "five", "six", key="new"))[0] is StatusCode.RESOURCE_EXHAUSTED
    assert len((await ada.user_page(ada.id)).tweets) == 3


async def test_a_thread_that_fails_costs_nothing(limited: Serving) -> None:
    (ada,) = await limited.register("ada")

    assert await left(ada, "one", " ", "three") == (INVALID, 5)
    assert await left(ada) == (INVALID, 5)
    assert await left(ada, "one", "two", "three", "four", "five") == (StatusCode.OK, 0)
    error = await refused(create(ada, content="six"))
    assert error[0] is StatusCode.RESOURCE_EXHAUSTED


async def test_threads_at_once_never_take_more_than_is_left(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    outcomes = await asyncio.gather(*(thread(ada, "one", "two") for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(outcome, pb.Thread) for outcome in outcomes) == 2
    assert all(isinstance(each, pb.Thread | grpc.aio.AioRpcError) for each in outcomes)
    assert len((await ada.user_page(ada.id)).tweets) == 4
