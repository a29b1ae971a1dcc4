"""A home page of twenty from what is held, as a message and as JSON, beside printing a ready message."""

from __future__ import annotations

import json

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from aviary import entries, ids
from aviary._native import Clock, Front, JsonPrinter, TimelineStore
from aviary.api.tweets.v1 import fragments_pb2, tweets_pb2
from aviary.api.users.v1 import users_pb2
from aviary.rpc.ready import described

VIEWER, AUTHORS, PAGE = 1, range(2, 52), 20
NEWEST, NOW_MS = 10_000, Clock().now_ms()


def _tweet(id_: int, author_id: int) -> fragments_pb2.TweetFragment:
    body = tweets_pb2.Tweet(
        id=id_,
        type="original",
        content=f"Tweet {id_} of {author_id}: what it says is about as long as most are, with a #tag and an é.",
        language="en",
        source="web",
        conversation_id=id_,
        reply_audience="everyone",
        entities=tweets_pb2.Entities(hashtags=[tweets_pb2.Hashtag(tag="tag", start=72, end=76)]),
    )
    body.created_at.FromMilliseconds(1_790_000_000_000 + id_)
    return fragments_pb2.TweetFragment(
        id=id_, author_id=author_id, body=body.SerializeToString(), counts=[3, 2, 1, 0, 4]
    )


def _person(id_: int) -> fragments_pb2.PersonFragment:
    card = users_pb2.UserSummary(id=id_, username=f"user{id_}", display_name=f"User {id_}").SerializeToString()
    return fragments_pb2.PersonFragment(id=id_, stands=True, card=card, standing=1)


@pytest.fixture
def front() -> Front:
    """All that one home needs."""
    clock, lists = Clock(), TimelineStore()
    front = Front(lists, clock=clock, descriptors=described("aviary.api.tweets.v1.Tweet"), cursor_key=b"k" * 32)
    newest = [(NEWEST - number, AUTHORS[number % len(AUTHORS)]) for number in range(800)]
    rows = b"".join(entries.pack(entries.Entry(id=id_, author_id=author)) for id_, author in newest)
    then = front.now()
    sources = ids.pack([VIEWER, *AUTHORS])
    front.put_home(VIEWER, sources, follow_version=1, pulled=ids.pack([VIEWER]), valid_until_ms=0, then=then)
    token = lists.begin(VIEWER, version=1, now_ms=NOW_MS)
    assert lists.finish(VIEWER, token, rows, floor=0, now_ms=NOW_MS)
    token = front.begin_author(VIEWER, NOW_MS)
    assert front.finish_author(VIEWER, token, b"", floor=0, now_ms=NOW_MS)
    held = fragments_pb2.Fragments(
        tweets=[_tweet(*each) for each in newest], people=[_person(each) for each in AUTHORS]
    )
    front.put(VIEWER, ids.pack(id_ for id_, _ in newest), held.SerializeToString(), then)
    return front


@pytest.mark.benchmark(group="front")
@pytest.mark.parametrize("as_json", [False, True], ids=["message", "json"])
def test_home(benchmark: BenchmarkFixture, front: Front, *, as_json: bool) -> None:
    page = benchmark(lambda: front.home(VIEWER, now_ms=NOW_MS, json=as_json))

    assert isinstance(page, bytes)
    first = (
        [int(tweet["id"]) for tweet in json.loads(page)["tweets"]]
        if as_json
        else [tweet.id for tweet in tweets_pb2.TweetList.FromString(page).tweets]
    )
    assert first == [NEWEST - number for number in range(PAGE)]


@pytest.mark.benchmark(group="front")
def test_print(benchmark: BenchmarkFixture, front: Front) -> None:
    message = front.home(VIEWER, now_ms=NOW_MS)
    assert isinstance(message, bytes)
    printer = JsonPrinter(described("aviary.api.tweets.v1.TweetList"), "aviary.api.tweets.v1.TweetList")
    printed = benchmark(lambda: printer.print(message))

    assert printed == front.home(VIEWER, now_ms=NOW_MS, json=True)
