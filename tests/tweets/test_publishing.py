"""What may come with a tweet, over a real gRPC server."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from grpc import StatusCode
from tests.rpc.serving import Serving
from tests.tweets.asking import create, faults, get, refused

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.clock import Clock
from aviary.errors import InvalidInput
from aviary.tweets import rules

INVALID = StatusCode.INVALID_ARGUMENT


async def test_all_that_comes_with_a_tweet_is_answered_and_read_later(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await create(
        ada,
        content="hello",
        is_sensitive=True,
        content_warning="  cafe\u0301 spiders ",
        reply_audience="mentioned",
        geo=pb.Geo(latitude=-90, longitude=179.5),
        language="PT-br",
        headers=(("x-client-name", "Lark for Linux"),),
    )

    assert made == await get(bob, made.id)
    assert (made.is_sensitive, made.content_warning) == (True, "café spiders")
    assert (made.reply_audience, made.language, made.source) == ("mentioned", "pt-BR", "Lark for Linux")
    assert (made.geo.latitude, made.geo.longitude) == (-90, 179.5)


async def test_what_was_not_sent_has_its_default(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = await ada.tweet("just setting up my twttr")

    assert (made.is_sensitive, made.content_warning, made.reply_audience) == (False, "", "everyone")
    assert (made.language, made.source) == ("en", "web")
    assert not made.HasField("geo")
    assert not made.HasField("poll")
    assert not made.HasField("edited_at")


async def test_a_retweet_names_its_client_too(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    request = pb.RetweetRequest(id=(await ada.tweet("hello")).id)
    made = await bob.clients.tweets.Retweet(request, metadata=(*bob.signed, ("x-client-name", "Lark")))
    assert made.source == "Lark"


@pytest.mark.parametrize(
    ("fields", "field", "sentence"),
    [
        ({"media_ids": [1]}, "media_ids", "media_ids cannot be set yet; leave them out"),
        ({"content_warning": "x" * 101}, "content_warning", "content_warning has 101 characters; the limit is 100"),
        (
            {"content_warning": "a\nb"},
            "content_warning",
            "content_warning has the control character U+000A at 1; remove it",
        ),
        (
            {"reply_audience": "friends"},
            "reply_audience",
            "reply_audience is 'friends'; it must be one of everyone, followed, mentioned",
        ),
        (
            {"geo": pb.Geo(latitude=90.5)},
            "geo.latitude",
            "latitude is 90.5; it must be from -90 to 90",
        ),
        ({"geo": pb.Geo(longitude=-180.5)}, "geo.longitude", "longitude is -180.5; it must be from -180 to 180"),
        ({"geo": pb.Geo(latitude=math.nan)}, "geo.latitude", "latitude is nan; it must be from -90 to 90"),
        ({"geo": pb.Geo(longitude=math.inf)}, "geo.longitude", "longitude is inf; it must be from -180 to 180"),
        (
            {"language": "en_US"},
            "language",
            "language is 'en_US'; it must be a BCP 47 tag such as en or pt-BR of at most 35 characters",
        ),
        (
            {"poll": pb.PollInput(options=["a"], duration_minutes=5)},
            "poll.options",
            "the poll has 1 options; it must have 2 to 4",
        ),
        (
            {"poll": pb.PollInput(options=list("abcde"), duration_minutes=5)},
            "poll.options",
            "the poll has 5 options; it must have 2 to 4",
        ),
        (
            {"poll": pb.PollInput(options=["a", " "], duration_minutes=5)},
            "poll.options",
            "a poll's option is empty; it must have 1 to 25 characters",
        ),
        (
            {"poll": pb.PollInput(options=["a", "b" * 26], duration_minutes=5)},
            "poll.options",
            "a poll's option has 26 characters; the limit is 25",
        ),
        (
            {"poll": pb.PollInput(options=["cafe\u0301", " café"], duration_minutes=5)},
            "poll.options",
            "two of the poll's options are the same; each must differ",
        ),
        (
            {"poll": pb.PollInput(options=["a", "b"], duration_minutes=4)},
            "poll.duration_minutes",
            "the poll lasts 4 minutes; it must be from 5 to 10080",
        ),
        (
            {"poll": pb.PollInput(options=["a", "b"], duration_minutes=10_081)},
            "poll.duration_minutes",
            "the poll lasts 10081 minutes; it must be from 5 to 10080",
        ),
    ],
)
async def test_what_cannot_come_with_a_tweet_is_refused_by_name(
    served: Serving, fields: dict[str, Any], field: str, sentence: str
) -> None:
    (ada,) = await served.register("ada")

    assert await faults(create(ada, content="hello", **fields)) == {field: sentence}
    assert await refused(create(ada, content="hello", **fields)) == (INVALID, sentence)
    assert (await ada.user_page(ada.id)).tweets == []


async def test_all_that_is_wrong_is_said_at_once(served: Serving) -> None:
    (ada,) = await served.register("ada")
    wrong = create(
        ada,
        content=" ",
        media_ids=[1],
        content_warning="\x00",
        reply_audience="x",
        geo=pb.Geo(latitude=91, longitude=181),
        language="?",
        poll=pb.PollInput(),
        headers=(("x-client-name", " "),),
    )

    assert set(await faults(wrong)) == {
        "content",
        "media_ids",
        "content_warning",
        "reply_audience",
        "geo.latitude",
        "geo.longitude",
        "language",
        "poll.options",
        "poll.duration_minutes",
        "x-client-name",
    }


@pytest.mark.parametrize("name", ["", " ", "x" * 51])
async def test_a_client_that_cannot_be_named_is_refused(served: Serving, name: str) -> None:
    (ada,) = await served.register("ada")
    error = await faults(create(ada, content="hello", headers=(("x-client-name", name),)))
    assert error["x-client-name"].endswith("it must be 1 to 50 printable ones, or left out")


@pytest.mark.parametrize("name", ["a\tb", "a\u202eb", "\x00"])
def test_a_client_is_named_in_printable_characters(name: str) -> None:
    # What a header may hold depends on the way it took; gRPC's own client refuses more.
    with pytest.raises(InvalidInput):
        rules.source(name)


async def test_values_of_just_the_limit_are_kept(served: Serving) -> None:
    (ada,) = await served.register("ada")
    kept: list[dict[str, Any]] = [
        {"content_warning": "語" * 100},
        {"geo": pb.Geo(latitude=90, longitude=180)},
        {"geo": pb.Geo(latitude=-90, longitude=-180)},
        {"poll": pb.PollInput(options=["a" * 25, "b"], duration_minutes=5)},
        {"poll": pb.PollInput(options=list("abcd"), duration_minutes=10_080)},
        {"headers": (("x-client-name", "x" * 50),)},
    ]
    for fields in kept:
        await create(ada, content="hello", **fields)


async def test_a_poll_stands_with_its_tweet_until_it_ends(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await create(ada, content="tea?", poll=pb.PollInput(options=[" yes ", "no"], duration_minutes=5))

    assert [(each.text, each.vote_count) for each in made.poll.options] == [("yes", 0), ("no", 0)]
    assert (made.poll.vote_count, made.poll.closed, made.poll.HasField("voted_option")) == (0, False, False)
    assert made.poll.ends_at.ToMilliseconds() == made.created_at.ToMilliseconds() + 300_000
    assert (await bob.tweet("look", quoting=made.id)).quoted_tweet.poll == made.poll
    assert (await bob.retweet(made.id)).retweeted_tweet.poll == made.poll

    clock.advance(300_000)
    assert (await get(bob, made.id)).poll.closed


async def test_a_reply_and_a_quote_may_ask_something(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    asked = pb.PollInput(options=["a", "b"], duration_minutes=5)

    assert (await create(bob, content="so?", poll=asked, reply_to_id=tweet.id)).poll.options
    assert (await create(bob, content="so?", poll=asked, quote_tweet_id=tweet.id)).poll.options


async def test_guarantee_10_one_key_sent_fifty_times_at_once_is_one_tweet(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = await asyncio.gather(*(create(ada, content="hello @ada #one", request_id="k") for _ in range(50)))

    assert len({tweet.id for tweet in made}) == 1
    assert [tweet.id for tweet in (await ada.user_page(ada.id)).tweets] == [made[0].id]


async def test_a_repeat_is_the_first_answer_even_when_what_it_refers_to_is_gone(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    first = await create(bob, content="so?", reply_to_id=tweet.id, request_id="k")
    retweeted = await bob.clients.tweets.Retweet(pb.RetweetRequest(id=tweet.id, request_id="r"), metadata=bob.signed)
    await ada.delete(tweet.id)

    assert (await create(bob, content="so?", reply_to_id=tweet.id, request_id="k")).id == first.id
    again = await bob.clients.tweets.Retweet(pb.RetweetRequest(id=tweet.id, request_id="r"), metadata=bob.signed)
    assert again.id == retweeted.id
