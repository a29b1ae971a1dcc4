"""The front within little memory, and over a store that is down: it holds less, and says nothing else for that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import pytest
from tests.rpc.serving import Person, serving
from tests.timelines.test_front import HOME, TWEET, USER, Caller, Life, Sides

from aviary._native import Front
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import Unavailable
from aviary.settings import Settings

# Of two hundred tweets half have room, and of four readers not everything that is known of them.
LITTLE = 300_000
EACH = 50


@pytest.fixture
async def little(settings: Settings) -> AsyncIterator[Sides]:
    async with serving(replace(settings, front="on", front_memory_bytes=LITTLE)) as served:
        assert served.platform.front is not None
        gate = served.platform.front
        front, behind = Caller(served.server.port), Caller(gate.behind, gate.proof)
        yield Sides(served, front, behind)
        await front.channel.close()
        await behind.channel.close()


def held(sides: Sides) -> Front:
    front = sides.served.embedded.told_at_once
    assert front is not None
    return front


async def read(sides: Sides, reader: Person, author: Person, tweet: int, *, limit: int) -> None:
    """All three kinds of pages."""
    await sides.must_agree(reader, USER, timelines_pb2.GetUserTimelineRequest(id=author.id, limit=limit))
    await sides.must_agree(reader, TWEET, pb.GetTweetRequest(id=tweet))
    await sides.served.settle()
    await sides.must_agree(reader, HOME, timelines_pb2.GetHomeTimelineRequest(limit=limit))


async def test_what_it_has_no_room_for_it_reads_again(little: Sides) -> None:
    chance = Random(7)
    people = await little.served.register("ada", "bob", "cyd", "dan")
    for one in people:
        await one.follow(*(each for each in people if each is not one))
    life = Life(little, people, chance)
    for number in range(EACH * len(people)):
        life.tweets.append((await people[number % len(people)].tweet(f"number {number} " + "long " * 20)).id)
    for _ in range(25):
        await life.happens()
        reader, author = chance.choice(people), chance.choice(people)
        await read(little, reader, author, chance.choice(life.tweets), limit=chance.choice([3, 20, 40]))
        assert held(little).stats()["bytes"] <= LITTLE

    assert held(little).stats()["tweets"] < len(life.tweets)
    answered = [little.gate.answered(method) for method in ("GetHomeTimeline", "GetUserTimeline", "GetTweet")]
    assert all(each["held"] and each["filled"] for each in answered)


async def test_while_a_store_is_down_callers_hear_what_the_handlers_say_and_nothing_of_it_stays(
    little: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = await little.served.register("ada", "bob")
    await ada.follow(bob)
    first = (await bob.tweet("before")).id
    await read(little, ada, bob, first, limit=20)
    requests = {
        HOME: timelines_pb2.GetHomeTimelineRequest(),
        USER: timelines_pb2.GetUserTimelineRequest(id=bob.id),
        TWEET: pb.GetTweetRequest(id=first),
    }
    tweets = little.served.database("tweets")
    own, asked = tweets.read, 0

    async def down(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise Unavailable("the tweets store failed; nothing was written", retry_after_s=1)

    for path, request in requests.items():
        await little.served.platform.stores.held.clear()
        held(little).clear()
        before = asked
        with monkeypatch.context() as patched:
            patched.setattr(tweets, "read", down)
            # Each of them from nothing held: the fill fails first, then the handlers.
            answer = await little.front.call(path, request.SerializeToString(), ada.token)
            assert (answer.code, answer.said) == ("UNAVAILABLE", "the tweets store failed; nothing was written")
            assert asked >= before + 2
            assert held(little).stats()["tweets"] == 0
        assert tweets.read == own
        # A list that was begun and given up must not hide what is written next.
        await bob.tweet(f"after {path}")
        await read(little, ada, bob, first, limit=20)
