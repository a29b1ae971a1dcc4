"""Tweets as their callers meet them, over a real gRPC server."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import Serving, refusal
from tests.tweets.asking import get

from aviary.api.tweets.v1 import tweets_pb2 as pb


async def test_a_new_tweet_is_answered_as_it_is_read_later(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await ada.tweet("Hello #world, @bob and @nobody: $AVRY https://example.com/x")

    assert made == await get(bob, made.id) == await get(ada, made.id)
    assert (made.type, made.user.username, made.conversation_id) == ("original", "ada", made.id)
    assert [(each.tag, each.start, each.end) for each in made.entities.hashtags] == [("world", 6, 12)]
    assert [(each.username, each.user_id) for each in made.entities.mentions] == [("bob", bob.id), ("nobody", 0)]
    assert [each.symbol for each in made.entities.cashtags] == ["AVRY"]
    assert [each.url for each in made.entities.urls] == ["https://example.com/x"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "content is empty; a tweet needs at least one character"),
        (" \n\t ", "content is empty; a tweet needs at least one character"),
        ("a" * 281, "content weighs 281; the limit is 280"),
        ("語" * 141, "content weighs 282; the limit is 280"),
        ("a\x00b", "content has the control character U+0000 at 1; remove it"),
        ("a\x1bb", "content has the control character U+001B at 1; remove it"),
        ("a\ufeffb", "content has the control character U+FEFF at 1; remove it"),
        ("a" * 25_001, "content has 25001 characters; the limit is 280 weighted ones"),
    ],
    ids=["empty", "blank", "long", "long in Chinese", "zero", "escape", "byte order mark", "very long"],
)
async def test_a_text_that_cannot_be_posted_is_refused_with_the_reason(
    served: Serving, content: str, sentence: str
) -> None:
    (ada,) = await served.register("ada")
    error = await refusal(ada.tweet(content))
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, sentence)


@pytest.mark.parametrize(
    "content", ["a" * 280, "語" * 140, "https://example.com/" + "x" * 4_000, "👩‍👩‍👧‍👦" * 140, "a\nb\tc"]
)
async def test_a_text_of_just_the_limit_is_kept(served: Serving, content: str) -> None:
    (ada,) = await served.register("ada")
    assert (await ada.tweet(content)).content == content


async def test_a_text_is_kept_composed_and_trimmed(served: Serving) -> None:
    (ada,) = await served.register("ada")
    assert (await ada.tweet("  cafe\u0301\r\n!  ")).content == "café\n!"


async def test_a_retweet_stands_for_its_original_wherever_it_is_named(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    original = await ada.tweet("hello")
    retweet = await bob.retweet(original.id)

    again = await cyd.retweet(retweet.id)
    assert again.retweeted_tweet.id == original.id
    assert (await cyd.tweet("indeed", reply_to=retweet.id)).reply_to_id == original.id
    assert (await cyd.tweet("look", quoting=retweet.id)).quoted_tweet.id == original.id
    liked = await cyd.clients.tweets.LikeTweet(pb.LikeTweetRequest(id=retweet.id), metadata=cyd.signed)
    assert (liked.id, liked.is_liked, liked.like_count) == (original.id, True, 1)


async def test_nothing_can_be_done_to_what_is_not_there(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    gone = await ada.tweet("hello")
    retweet = await bob.retweet(gone.id)
    await ada.delete(gone.id)
    tweets = ada.clients.tweets

    for tweet_id in (gone.id, retweet.id, 0, -1, 12345):
        calls: list[tuple[object, Message]] = [
            (tweets.GetTweet, pb.GetTweetRequest(id=tweet_id)),
            (tweets.LikeTweet, pb.LikeTweetRequest(id=tweet_id)),
            (tweets.UnlikeTweet, pb.UnlikeTweetRequest(id=tweet_id)),
            (tweets.Retweet, pb.RetweetRequest(id=tweet_id)),
            (tweets.UndoRetweet, pb.UndoRetweetRequest(id=tweet_id)),
            (tweets.ListReplies, pb.ListRepliesRequest(id=tweet_id)),
            (tweets.CreateTweet, pb.CreateTweetRequest(content="x", reply_to_id=tweet_id)),
            (tweets.CreateTweet, pb.CreateTweetRequest(content="x", quote_tweet_id=tweet_id)),
        ]
        for method, request in calls:
            error = await refusal(method(request, metadata=ada.signed))  # type: ignore[operator]
            assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, f"there is no tweet {tweet_id}")


async def test_only_its_author_deletes_a_tweet(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    request = pb.DeleteTweetRequest(id=tweet.id)

    error = await refusal(bob.clients.tweets.DeleteTweet(request, metadata=bob.signed))
    assert error.code() is StatusCode.PERMISSION_DENIED
    await ada.delete(tweet.id)
    error = await refusal(ada.clients.tweets.DeleteTweet(request, metadata=ada.signed))
    assert error.code() is StatusCode.NOT_FOUND


async def test_a_quote_and_a_reply_stand_without_what_they_refer_to(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    quote, reply = await bob.tweet("look", quoting=tweet.id), await bob.tweet("indeed", reply_to=tweet.id)
    await ada.delete(tweet.id)

    left = await get(bob, quote.id)
    assert (left.quote_tweet_id, left.HasField("quoted_tweet")) == (tweet.id, False)
    assert (await get(bob, reply.id)).reply_to_id == tweet.id


async def test_a_batch_gives_what_is_there_in_the_order_asked_for_each_once(served: Serving) -> None:
    (ada,) = await served.register("ada")
    one, two, gone = await ada.tweet("1"), await ada.tweet("2"), await ada.tweet("3")
    await ada.delete(gone.id)
    request = pb.BatchGetTweetsRequest(ids=[two.id, gone.id, one.id, 5, two.id])
    answer = await ada.clients.tweets.BatchGetTweets(request, metadata=ada.signed)
    assert [tweet.id for tweet in answer.tweets] == [two.id, one.id]

    many = pb.BatchGetTweetsRequest(ids=range(1, 102))
    error = await refusal(ada.clients.tweets.BatchGetTweets(many, metadata=ada.signed))
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, "101 ids; the limit is 100")
