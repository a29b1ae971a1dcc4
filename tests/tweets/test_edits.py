"""Edits and their history over a real gRPC server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from grpc import StatusCode
from tests.rpc.serving import Serving, serving
from tests.tweets.asking import create, edit, faults, get, history, refused

from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.clock import Clock
from aviary.events.v1 import events_pb2
from aviary.settings import Settings
from aviary.storage.sqlite.outbox import SqliteEventLog

TOO_LATE = StatusCode.FAILED_PRECONDITION


@pytest.fixture
async def patient(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(replace(settings, edit_limit=100), workers=False) as running:
        yield running


async def test_an_edited_tweet_is_the_same_tweet_with_another_text(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await ada.tweet("just setting up my twttr")
    reply = await bob.tweet("so?", reply_to=made.id)
    edited = await edit(ada, made.id, "  Guten Morgen zusammen, @bob #heute ")

    assert edited == await get(ada, made.id) == await get(bob, made.id)
    assert (edited.id, edited.content, edited.edit_count) == (made.id, "Guten Morgen zusammen, @bob #heute", 1)
    assert (edited.language, edited.created_at, edited.reply_count) == ("de", made.created_at, 1)
    assert edited.edited_at.ToMilliseconds() >= made.created_at.ToMilliseconds()
    assert [each.user_id for each in edited.entities.mentions] == [bob.id]
    assert (await get(bob, reply.id)).reply_to_id == made.id


async def test_a_history_tells_every_text_with_its_time(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await ada.tweet("one #tea")
    for text in ("two", "three #coffee"):
        clock.advance(60_000)
        await edit(ada, made.id, text)
    versions = await history(bob, made.id)

    assert [each.version for each in versions] == [3, 2, 1]
    assert [each.content for each in versions] == ["three #coffee", "two", "one #tea"]
    assert [[tag.tag for tag in each.entities.hashtags] for each in versions] == [["coffee"], [], ["tea"]]
    times = [each.created_at.ToMilliseconds() for each in versions]
    assert times[2] == made.created_at.ToMilliseconds()
    assert times == sorted(times, reverse=True)
    assert times[0] == (await get(bob, made.id)).edited_at.ToMilliseconds()


async def test_a_tweet_that_was_never_edited_has_one_version(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await ada.tweet("one")
    retweet = await bob.retweet(made.id)

    assert [each.content for each in await history(bob, made.id)] == ["one"]
    assert await history(ada, retweet.id) == await history(ada, made.id)


async def test_the_same_text_again_is_no_edit(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = await ada.tweet("hello")
    assert await edit(ada, made.id, " hello ") == made


async def test_a_tweet_is_edited_five_times_within_an_hour_and_no_more(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    often, late = await ada.tweet("hello"), await ada.tweet("hello")
    for number in range(5):
        await edit(ada, often.id, f"text {number}")

    sentence = f"tweet {often.id} was edited 5 times; the limit is 5"
    assert await refused(edit(ada, often.id, "text 6")) == (TOO_LATE, sentence)
    clock.advance(3_600_001)
    sentence = f"tweet {late.id} was published 60 min ago; it could be edited for 60 min"
    assert await refused(edit(ada, late.id, "late")) == (TOO_LATE, sentence)
    assert (await edit(ada, often.id, "text 4")).edit_count == 5


async def test_nothing_but_ones_own_words_can_be_edited(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    made = await ada.tweet("hello")
    retweet = await ada.retweet(made.id)
    asking = await create(ada, content="tea?", poll=pb.PollInput(options=["a", "b"], duration_minutes=5))
    gone = await ada.tweet("hello")
    await ada.delete(gone.id)

    assert await refused(edit(ada, retweet.id, "x")) == (
        TOO_LATE,
        f"tweet {retweet.id} is a retweet, which cannot be edited",
    )
    assert await refused(edit(ada, asking.id, "x")) == (
        TOO_LATE,
        f"tweet {asking.id} is a poll, which cannot be edited",
    )
    sentence = f"tweet {made.id} is somebody else's; only its author may edit it"
    assert await refused(edit(bob, made.id, "x")) == (StatusCode.PERMISSION_DENIED, sentence)
    for missing in (gone.id, 0, -1, 12345):
        for person in (ada, bob):
            for call in (edit(person, missing, "x"), history(person, missing)):
                assert await refused(call) == (StatusCode.NOT_FOUND, f"there is no tweet {missing}")  # type: ignore[arg-type]


async def test_a_text_that_cannot_be_posted_cannot_replace_one(served: Serving) -> None:
    (ada,) = await served.register("ada")
    made = await ada.tweet("hello")

    for content, sentence in (
        (" ", "content is empty; a tweet needs at least one character"),
        ("x" * 281, "content weighs 281; the limit is 280"),
    ):
        assert await faults(edit(ada, made.id, content)) == {"content": sentence}
    assert await get(ada, made.id) == made


async def test_guarantee_8_an_edit_never_shows_a_mixture(patient: Serving) -> None:
    ada, bob = await patient.register("ada", "bob")
    made = await ada.tweet("version 0 #v0")
    quote, retweet = await bob.tweet("look", quoting=made.id), await bob.retweet(made.id)
    done = asyncio.Event()

    async def write() -> None:
        for version in range(1, 31):
            await edit(ada, made.id, f"version {version} #v{version}")
        done.set()

    async def read() -> int:
        looks = 0
        while not done.is_set():
            shown = [
                await get(bob, made.id),
                (await get(bob, quote.id)).quoted_tweet,
                (await get(bob, retweet.id)).retweeted_tweet,
            ]
            for tweet in shown:
                assert tweet.content == f"version {tweet.edit_count} #v{tweet.edit_count}"
                assert [each.tag for each in tweet.entities.hashtags] == [f"v{tweet.edit_count}"]
                assert tweet.HasField("edited_at") is (tweet.edit_count > 0)
            counts = [tweet.edit_count for tweet in shown]
            assert counts == sorted(counts)
            looks += 1
        return looks

    _, *looks = await asyncio.gather(write(), read(), read())
    assert all(looks)
    assert (await get(bob, made.id)).edit_count == 30


async def test_guarantee_8_newly_mentioned_people_are_told_once(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    made = await ada.tweet("hello @bob and @BOB")
    for text in ("hello", "hello @cyd", "hello @bob @cyd @ada", "hello @nobody"):
        await edit(ada, made.id, text)

    log = SqliteEventLog(served.database("tweets"))
    events = [record.event for record in await log.read(0, limit=100)]
    told = [(each.entity_id, each.target_id) for each in events if each.type == events_pb2.EVENT_TYPE_MENTIONED]
    assert told == [(made.id, bob.id), (made.id, cyd.id)]
    assert [each.version for each in events if each.type == events_pb2.EVENT_TYPE_TWEET_EDITED] == [2, 3, 4, 5]
