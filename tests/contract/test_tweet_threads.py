"""What every adapter of TweetStore promises about threads, polls and what comes with a tweet."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contract.stores import stores_in
from tests.contract.tweets import ADA, BOB, CYD, Kept, claim, original, quote, reply

from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock
from aviary.errors import Conflict, NotFound
from aviary.events.v1 import events_pb2
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.tweets import text
from aviary.tweets.store import (
    HAS_POLL,
    SENSITIVE,
    Audience,
    AuthorCounts,
    Draft,
    Geo,
    Kind,
    PollDraft,
    ThreadWritten,
)

CREATED = events_pb2.EVENT_TYPE_TWEET_CREATED


def texts(*each: str) -> list[Draft]:
    return [original(ADA, text) for text in each]


async def test_a_thread_is_a_chain_of_replies_in_one_conversation(kept: Kept) -> None:
    written = await kept.store.insert_thread(texts("one", "two", "three"), claim=None)
    first, second, third = [await kept.one(each) for each in written.ids]

    assert written.repeated is False
    assert list(written.ids) == sorted(written.ids)
    assert [each.kind for each in (first, second, third)] == [Kind.ORIGINAL, Kind.REPLY, Kind.REPLY]
    assert (second.ref_id, third.ref_id) == (first.id, second.id)
    assert {each.conversation_id for each in (first, second, third)} == {first.id}
    assert [await kept.counted(each.id) for each in (first, second, third)] == [
        (0, 0, 1, 0),
        (0, 0, 1, 0),
        (0, 0, 0, 0),
    ]
    assert await kept.author_counts(ADA) == [AuthorCounts(3, 0)]
    assert await kept.happened() == [(CREATED, each) for each in written.ids]
    bodies = [tweets_pb2.Tweet.FromString(each.body) for each in (first, second, third)]
    assert [each.content for each in bodies] == ["one", "two", "three"]
    assert [each.type for each in bodies] == ["original", "reply", "reply"]
    assert [each.reply_to_id for each in bodies] == [0, first.id, second.id]
    assert [each.reply_to_user_id for each in bodies] == [0, ADA, ADA]


async def test_a_thread_may_hang_on_another_tweet_and_quote(kept: Kept) -> None:
    parent, quoted = await kept.tweet(BOB), await kept.tweet(CYD)
    drafts = [reply(ADA, await kept.one(parent)), quote(ADA, quoted)]
    first, second = (await kept.store.insert_thread(drafts, claim=None)).ids

    stored = await kept.one(second)
    assert (stored.kind, stored.ref_id, stored.quote_id, stored.conversation_id) == (Kind.REPLY, first, quoted, parent)
    assert await kept.counted(parent) == (0, 0, 1, 0)
    assert await kept.counted(quoted) == (0, 0, 0, 1)


@pytest.mark.parametrize("has_key", [False, True])
async def test_the_longest_thread_of_the_most_tags_is_stored_whole(kept: Kept, has_key: bool) -> None:
    tags = [chr(letter) for letter in (*range(0x61, 0x7B), *range(0x430, 0x450), *range(0x561, 0x584))]
    content = " ".join(f"#{tag}" for tag in tags)
    assert (len(content), len(text.read(content)[1].hashtags)) == (278, 93)
    written = await kept.store.insert_thread(texts(*[content] * 25), claim=claim("k") if has_key else None)

    assert await kept.ids_of(ADA) == [*reversed(written.ids)]
    assert await kept.tagged(tags[0]) == await kept.tagged(tags[-1]) == [*reversed(written.ids)]
    assert await kept.happened() == [(CREATED, each) for each in written.ids]


async def test_a_thread_is_stored_whole_or_not_at_all(kept: Kept) -> None:
    quoted = await kept.tweet(BOB)
    await kept.store.delete(quoted, BOB)
    before = await kept.happened()

    with pytest.raises(NotFound):
        await kept.store.insert_thread([*texts("one", "two"), quote(ADA, quoted)], claim=claim("k"))
    assert await kept.happened() == before
    assert await kept.ids_of(ADA) == []
    assert await kept.author_counts(ADA) == [AuthorCounts(0, 0)]
    assert await kept.store.settled(claim("k")) is None


async def test_a_repeat_under_a_key_is_the_first_thread_also_when_parts_are_gone(kept: Kept) -> None:
    first = await kept.store.insert_thread(texts("one", "two"), claim=claim("k"))
    await kept.store.delete(first.ids[1], ADA)

    again = await kept.store.insert_thread(texts("one", "two"), claim=claim("k"))
    assert again == ThreadWritten(first.ids, repeated=True)
    settled = await kept.store.settled(claim("k"))
    assert settled == first.ids[0]
    assert await kept.store.thread(settled) == first.ids
    with pytest.raises(Conflict):
        await kept.store.insert_thread(texts("one", "other"), claim=claim("k", b"other"))


async def test_a_thread_is_forgotten_with_its_key_and_stays_published(tweets_file: Database, clock: Clock) -> None:
    # Of a file, which forgets by business time; the tables forget by themselves, on real time.
    kept = stores_in(tweets_file, clock).tweets
    written = await kept.store.insert_thread(texts("one", "two"), claim=claim("k"))
    clock.advance(25 * 3_600_000)
    await SqliteEventLog(tweets_file).prune()

    assert await kept.store.settled(claim("k")) is None
    assert await kept.store.thread(written.ids[0]) == []
    assert await kept.ids_of(ADA) == list(reversed(written.ids))


async def test_fifty_threads_under_one_key_are_one_thread(kept: Kept) -> None:
    written = await asyncio.gather(
        *(kept.store.insert_thread(texts("one", "two"), claim=claim("k")) for _ in range(50))
    )

    assert len({tuple(each.ids) for each in written}) == 1
    assert [each.repeated for each in written].count(False) == 1
    assert await kept.author_counts(ADA) == [AuthorCounts(2, 0)]


async def test_a_poll_is_loaded_with_its_tweet_and_the_viewers_vote(kept: Kept, clock: Clock) -> None:
    before_ms = clock.now_ms()
    asking = await kept.poll(ADA, PollDraft(options=["tea", "coffee", "語"], duration_ms=300_000))
    plain = await kept.tweet(ADA)
    loaded = await kept.store.load([asking, plain], viewer_id=BOB)

    assert set(loaded.polls) == {asking}
    poll = loaded.polls[asking]
    assert (poll.options, poll.votes, poll.voted) == (["tea", "coffee", "語"], [0, 0, 0], None)
    assert before_ms + 300_000 <= poll.ends_ms <= clock.now_ms() + 300_000
    assert loaded.tweets[asking].flags & HAS_POLL
    assert not loaded.tweets[plain].flags & HAS_POLL


async def test_a_poll_is_loaded_with_the_retweets_and_quotes_that_show_it(kept: Kept) -> None:
    asking = await kept.poll(ADA, PollDraft(options=["a", "b"], duration_ms=300_000))
    again = await kept.retweet(BOB, asking)
    quoting = (await kept.store.insert(quote(CYD, asking), claim=None)).id

    for outer in (again, quoting):
        assert set((await kept.store.load([outer], viewer_id=0)).polls) == {asking}


async def test_what_comes_with_a_tweet_is_kept_with_it(kept: Kept) -> None:
    draft = replace(
        original(ADA),
        language="pt-BR",
        source="Lark",
        is_sensitive=True,
        content_warning="spiders",
        audience=Audience.MENTIONED,
        geo=Geo(latitude=0.0, longitude=-0.5),
    )
    tweet = await kept.one((await kept.store.insert(draft, claim=None)).id)
    body = tweets_pb2.Tweet.FromString(tweet.body)

    assert (tweet.audience, tweet.flags) == (Audience.MENTIONED, SENSITIVE)
    assert (body.language, body.source, body.is_sensitive) == ("pt-BR", "Lark", True)
    assert (body.content_warning, body.reply_audience) == ("spiders", "mentioned")
    assert (body.geo.latitude, body.geo.longitude) == (0.0, -0.5)
    assert not tweets_pb2.Tweet.FromString((await kept.one(await kept.tweet(ADA))).body).HasField("geo")


async def test_a_point_at_zero_is_a_point(kept: Kept) -> None:
    draft = replace(original(ADA), geo=Geo(latitude=0.0, longitude=0.0))
    tweet = await kept.one((await kept.store.insert(draft, claim=None)).id)
    assert tweets_pb2.Tweet.FromString(tweet.body).HasField("geo")
