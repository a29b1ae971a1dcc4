"""Idempotency keys over a real gRPC server: one key, one effect, one answer."""

from __future__ import annotations

import asyncio

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal

from aviary.api.graph.v1 import graph_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2


def hello(content: str = "hello", *, key: str = "k") -> tweets_pb2.CreateTweetRequest:
    return tweets_pb2.CreateTweetRequest(content=content, request_id=key)


async def create(person: Person, request: tweets_pb2.CreateTweetRequest, *, header: str = "") -> tweets_pb2.Tweet:
    headers = (("idempotency-key", header),) if header else ()
    return await person.clients.tweets.CreateTweet(request, metadata=(*person.signed, *headers))


async def count(person: Person) -> int:
    return (await person.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=person.signed)).tweet_count


async def test_fifty_calls_at_once_under_one_key_make_one_tweet(served: Serving) -> None:
    (ada,) = await served.register("ada")
    answers = await asyncio.gather(*(create(ada, hello()) for _ in range(50)))

    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert await count(ada) == 1


async def test_the_header_and_the_field_are_the_same_key(served: Serving) -> None:
    (ada,) = await served.register("ada")
    first = await create(ada, hello(key="k"))

    assert (await create(ada, hello(key=""), header="k")).id == first.id
    assert (await create(ada, hello(key="k"), header="k")).id == first.id


async def test_a_header_that_differs_from_the_field_is_refused(served: Serving) -> None:
    (ada,) = await served.register("ada")
    error = await refusal(create(ada, hello(key="k"), header="other"))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert await count(ada) == 0


@pytest.mark.parametrize("key", ["x" * 129, "with space", "é", "\x7f"])
async def test_a_key_is_1_to_128_visible_ascii_characters(served: Serving, key: str) -> None:
    (ada,) = await served.register("ada")
    error = await refusal(create(ada, hello(key=key)))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert f"has {len(key)} characters" in (error.details() or "")
    await create(ada, hello(key="~" * 128))


async def test_the_same_key_with_another_body_already_exists(served: Serving) -> None:
    (ada,) = await served.register("ada")
    await create(ada, hello())
    error = await refusal(create(ada, hello("another")))

    assert error.code() is StatusCode.ALREADY_EXISTS
    assert await count(ada) == 1


async def test_keys_are_everybodys_own_and_every_calls_own(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    first = await create(ada, hello())
    assert (await create(bob, hello())).id != first.id

    request = tweets_pb2.RetweetRequest(id=first.id, request_id="k")
    assert (await ada.clients.tweets.Retweet(request, metadata=ada.signed)).id != first.id


async def test_without_a_key_the_same_words_are_two_tweets(served: Serving) -> None:
    (ada,) = await served.register("ada")
    assert (await create(ada, hello(key=""))).id != (await create(ada, hello(key=""))).id


async def test_a_repeat_has_the_first_answer_even_when_all_it_refers_to_is_gone(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    parent = await ada.tweet("hello")
    request = tweets_pb2.CreateTweetRequest(content="indeed", reply_to_id=parent.id, request_id="k")
    first = await create(bob, request)
    await ada.delete(parent.id)
    await bob.delete(first.id)

    again = await create(bob, request)
    assert (again.id, again.content, again.reply_to_id) == (first.id, "indeed", parent.id)


async def test_a_call_that_failed_leaves_its_key_free(served: Serving) -> None:
    (ada,) = await served.register("ada")
    await refusal(create(ada, hello(" ")))

    assert (await create(ada, hello())).content == "hello"


async def test_a_follow_repeated_under_its_key_does_not_follow_anew(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    request = graph_pb2.FollowRequest(id=bob.id, request_id="k")
    await ada.clients.graph.Follow(request, metadata=ada.signed)
    await ada.unfollow(bob)
    await ada.clients.graph.Follow(request, metadata=ada.signed)

    me = await ada.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed)
    assert me.following_count == 0


async def test_a_retweet_repeated_under_its_key_is_the_first_one_also_after_its_undoing(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    first = await bob.retweet(tweet.id)
    request = tweets_pb2.RetweetRequest(id=tweet.id, request_id="k")
    assert (await bob.clients.tweets.Retweet(request, metadata=bob.signed)).id == first.id
    await bob.clients.tweets.UndoRetweet(tweets_pb2.UndoRetweetRequest(id=tweet.id), metadata=bob.signed)

    assert (await bob.clients.tweets.Retweet(request, metadata=bob.signed)).id == first.id
    assert await bob.home() == []


async def test_a_like_repeated_when_the_tweet_is_gone_does_not_show_it(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    request = tweets_pb2.LikeTweetRequest(id=tweet.id, request_id="k")
    await bob.clients.tweets.LikeTweet(request, metadata=bob.signed)
    await ada.delete(tweet.id)

    error = await refusal(bob.clients.tweets.LikeTweet(request, metadata=bob.signed))
    assert error.code() is StatusCode.NOT_FOUND
