"""Scheduled tweets as their authors meet them, over a real gRPC server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving
from tests.rpc.waiting import until
from tests.tweets.doings import block, fill_shelf, keyed, published, scheduled, suspend

from aviary.api.tweets.v1 import drafts_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock
from aviary.settings import Settings
from aviary.storage.sqlite.database import Database

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def moment(ms: int) -> Timestamp:
    found = Timestamp()
    found.FromMilliseconds(ms)
    return found


async def schedule(
    person: Person, at_ms: int, content: str = "at last", *, key: str = "", client: str = "", **fields: object
) -> pb.ScheduledTweet:
    tweet = pb.TweetInput(content=content, **fields)  # type: ignore[arg-type]
    metadata = keyed(person, key) if key else person.signed
    if client:
        metadata = (*metadata, ("x-client-name", client))
    request = pb.ScheduleTweetRequest(tweet=tweet, publish_at=moment(at_ms))
    return await person.clients.drafts.ScheduleTweet(request, metadata=metadata)


async def update(person: Person, kept_id: int, **fields: object) -> pb.ScheduledTweet:
    request = pb.UpdateScheduledRequest(id=kept_id, **fields)  # type: ignore[arg-type]
    return await person.clients.drafts.UpdateScheduled(request, metadata=person.signed)


async def get(person: Person, kept_id: int) -> pb.ScheduledTweet:
    return await person.clients.drafts.GetScheduled(pb.GetDraftRequest(id=kept_id), metadata=person.signed)


async def cancel(person: Person, kept_id: int) -> None:
    await person.clients.drafts.CancelScheduled(pb.DeleteDraftRequest(id=kept_id), metadata=person.signed)


async def settled(*persons: Person) -> None:
    """Return once nothing of theirs waits any more."""

    async def is_done() -> bool:
        return not [each for person in persons for each in await scheduled(person) if each.state == "waiting"]

    await until(is_done, what="nothing was waiting any more")


async def test_a_scheduled_tweet_waits_for_its_time_and_is_then_a_tweet_like_any_other(
    working: Serving, clock: Clock
) -> None:
    ada, bob = await working.register("ada", "bob")
    poll = tweets_pb2.PollInput(options=["a", "b"], duration_minutes=5)
    at = clock.now_ms() + HOUR_MS
    made = await schedule(
        ada, at, "Hello #world, @bob", client="robot", poll=poll, is_sensitive=True, content_warning="spiders"
    )
    assert (made.state, made.failure, made.publish_at, made.created_at) == ("waiting", "", moment(at), made.updated_at)
    assert list(await scheduled(ada)) == [made] == [await get(ada, made.id)]
    assert list(await published(ada)) == []

    clock.advance(HOUR_MS)
    await settled(ada)
    (tweet,) = await published(ada)
    assert (tweet.content, tweet.source, tweet.is_sensitive, tweet.content_warning) == (
        "Hello #world, @bob",
        "robot",
        True,
        "spiders",
    )
    assert [each.user_id for each in tweet.entities.mentions] == [bob.id]
    assert tweet.poll.ends_at.ToMilliseconds() >= at + 5 * MINUTE_MS
    assert at <= tweet.created_at.ToMilliseconds()
    assert (await refusal(get(ada, made.id))).code() is StatusCode.NOT_FOUND


async def test_many_that_are_due_at_once_are_all_published(working: Serving, clock: Clock) -> None:
    ada, bob = await working.register("ada", "bob")
    at = clock.now_ms() + HOUR_MS
    texts = [f"number {number}" for number in range(75)]
    for person in (ada, bob):
        await asyncio.gather(*(schedule(person, at, text) for text in texts))
    clock.advance(HOUR_MS)
    await settled(ada, bob)

    for person in (ada, bob):
        assert sorted(tweet.content for tweet in await published(person)) == sorted(texts)


async def test_it_is_the_same_as_a_tweet_when_it_cannot_be_posted(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    gone, hidden = await ada.tweet("gone"), await bob.tweet("hidden")
    await ada.delete(gone.id)
    await block(bob, ada)
    at = clock.now_ms() + HOUR_MS
    refused: list[tuple[dict[str, object], StatusCode]] = [
        ({"content": ""}, StatusCode.INVALID_ARGUMENT),
        ({"content": "a" * 281}, StatusCode.INVALID_ARGUMENT),
        ({"content": "a\x00"}, StatusCode.INVALID_ARGUMENT),
        ({"media_ids": [1]}, StatusCode.INVALID_ARGUMENT),
        ({"poll": tweets_pb2.PollInput(options=["a"], duration_minutes=5)}, StatusCode.INVALID_ARGUMENT),
        ({"reply_audience": "nobody"}, StatusCode.INVALID_ARGUMENT),
        ({"reply_to_id": gone.id}, StatusCode.NOT_FOUND),
        ({"quote_tweet_id": hidden.id}, StatusCode.NOT_FOUND),
        ({"client": "x" * 51}, StatusCode.INVALID_ARGUMENT),
    ]
    for fields, code in refused:
        assert (await refusal(schedule(ada, at, **fields))).code() is code  # type: ignore[arg-type]
    assert list(await scheduled(ada)) == []

    waiting = await schedule(ada, at)
    error = await refusal(update(ada, waiting.id, tweet=pb.TweetInput()))
    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert await get(ada, waiting.id) == waiting


async def test_a_time_lies_in_the_future_and_at_most_eighteen_months_ahead(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    waiting = await schedule(ada, clock.now_ms() + HOUR_MS)
    for at, rule in (
        (clock.now_ms() - 1, "it must lie in the future"),
        (0, "it must lie in the future"),
        (clock.now_ms() + 550 * DAY_MS, "it may lie at most 18 months ahead"),
    ):
        written = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
        for call in (schedule(ada, at), update(ada, waiting.id, publish_at=moment(at))):
            error = await refusal(call)
            assert (error.code(), error.details()) == (
                StatusCode.INVALID_ARGUMENT,
                f"publish_at is {written}; {rule}",
            )
    await schedule(ada, clock.now_ms() + 545 * DAY_MS)

    client = ada.clients.drafts.ScheduleTweet
    for request, sentence in (
        (pb.ScheduleTweetRequest(tweet=waiting.tweet), "publish_at is missing"),
        (pb.ScheduleTweetRequest(tweet=waiting.tweet, publish_at=Timestamp(seconds=2**62)), "publish_at has 46116"),
        (pb.ScheduleTweetRequest(tweet=waiting.tweet, publish_at=Timestamp(nanos=-1)), "publish_at has 0 seconds"),
    ):
        error = await refusal(client(request, metadata=ada.signed))
        assert error.code() is StatusCode.INVALID_ARGUMENT
        assert (error.details() or "").startswith(sentence)


async def test_what_waits_is_listed_soonest_last_each_persons_own(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    now = clock.now_ms()
    made = [(await schedule(ada, now + hours * HOUR_MS)).id for hours in (3, 1, 2, 2, 4)]
    await schedule(bob, now + HOUR_MS)
    found: list[int] = []
    cursor = ""
    while True:
        request = pb.ListDraftsRequest(limit=2, cursor=cursor)
        page = await ada.clients.drafts.ListScheduled(request, metadata=ada.signed)
        found += [each.id for each in page.scheduled]
        if not page.pagination.has_more:
            break
        cursor = page.pagination.next_cursor

    assert found == [made[4], made[0], made[3], made[2], made[1]]


async def test_what_is_cancelled_foreign_or_unknown_is_not_found(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    at = clock.now_ms() + HOUR_MS
    gone, theirs = await schedule(ada, at), await schedule(bob, at)
    draft = await ada.clients.drafts.CreateDraft(pb.CreateDraftRequest(), metadata=ada.signed)
    await cancel(ada, gone.id)

    for kept_id in (gone.id, theirs.id, draft.id, 0, -1):
        calls: list[Awaitable[Message | None]] = [
            get(ada, kept_id),
            update(ada, kept_id, publish_at=moment(at)),
            update(ada, kept_id),
            cancel(ada, kept_id),
        ]
        for call in calls:
            error = await refusal(call)  # type: ignore[arg-type]
            assert (error.code(), error.details()) == (
                StatusCode.NOT_FOUND,
                f"there is no scheduled tweet {kept_id}",
            )
    assert await get(bob, theirs.id) == theirs


async def test_an_update_moves_it_or_gives_it_another_text(working: Serving, clock: Clock) -> None:
    (ada,) = await working.register("ada")
    at = clock.now_ms() + HOUR_MS
    moved, reworded, untouched, cancelled = [await schedule(ada, at, text) for text in ("1", "2", "3", "4")]
    assert await update(ada, untouched.id) == untouched
    await update(ada, moved.id, publish_at=moment(at + DAY_MS))
    await update(ada, reworded.id, tweet=pb.TweetInput(content="two"))
    await cancel(ada, cancelled.id)
    clock.advance(HOUR_MS)

    async def are_out() -> bool:
        return len(await published(ada)) == 2

    await until(are_out, what="two were published")
    assert {tweet.content for tweet in await published(ada)} == {"two", "3"}
    assert [(each.id, each.state) for each in await scheduled(ada)] == [(moved.id, "waiting")]
    clock.advance(DAY_MS)
    await settled(ada)
    assert {tweet.content for tweet in await published(ada)} == {"1", "two", "3"}


async def test_what_cannot_be_published_fails_with_the_reason_until_it_is_mended(
    working: Serving, clock: Clock
) -> None:
    ada, bob = await working.register("ada", "bob")
    at = clock.now_ms() + HOUR_MS
    parent = await bob.tweet("parent")
    reply = await schedule(ada, at, "reply", reply_to_id=parent.id)
    await bob.delete(parent.id)
    clock.advance(HOUR_MS)
    await settled(ada)

    (failed,) = await scheduled(ada)
    assert (failed.id, failed.state, failed.failure) == (reply.id, "failed", f"there is no tweet {parent.id}")
    assert list(await published(ada)) == []
    mended = await update(ada, reply.id, tweet=pb.TweetInput(content="alone then"))
    assert (mended.state, mended.failure) == ("waiting", "")
    await settled(ada)
    assert [tweet.content for tweet in await published(ada)] == ["alone then"]


async def test_the_scheduled_tweets_of_a_suspended_author_fail(working: Serving, clock: Clock) -> None:
    (ada,) = await working.register("ada")
    await schedule(ada, clock.now_ms() + HOUR_MS)
    await suspend(working, ada)
    clock.advance(HOUR_MS)
    database = working.database("tweets")

    async def has_failed() -> bool:
        return await _failures(database) == ["the account was suspended or deactivated at that time"]

    await until(has_failed, what="it failed")


async def test_a_quote_of_somebody_who_has_blocked_the_author_meanwhile_fails(working: Serving, clock: Clock) -> None:
    ada, bob = await working.register("ada", "bob")
    quoted = await bob.tweet("quoted")
    waiting = await schedule(ada, clock.now_ms() + HOUR_MS, quote_tweet_id=quoted.id)
    await block(bob, ada)
    clock.advance(HOUR_MS)
    await settled(ada)

    assert (await get(ada, waiting.id)).failure == f"there is no tweet {quoted.id}"


async def test_fifty_schedulings_at_once_under_one_key_are_one_tweet_also_across_a_restart(
    settings: Settings, clock: Clock
) -> None:
    at = clock.now_ms() + HOUR_MS
    async with serving(settings, clock=clock) as first:
        (ada,) = await first.register("ada")
        answers = await asyncio.gather(*(schedule(ada, at, key="k") for _ in range(50)))
        assert answers == [answers[0]] * 50
        assert list(await scheduled(ada)) == [answers[0]]
        token = ada.token
    # Its time comes while nothing runs.
    clock.advance(HOUR_MS)
    async with serving(settings, clock=clock) as second:
        ada = Person(id=ada.id, name="ada", token=token, clients=second.clients)
        await settled(ada)
        again = await asyncio.gather(*(schedule(ada, at, key="k") for _ in range(50)))
        assert again == answers
        await settled(ada)
        assert [tweet.content for tweet in await published(ada)] == ["at last"]
    async with serving(settings, clock=clock) as third:
        ada = Person(id=ada.id, name="ada", token=token, clients=third.clients)
        await settled(ada)
        assert len(await published(ada)) == 1
        counts = await third.clients.tweets.BatchGetAuthorCounts(
            tweets_pb2.BatchGetAuthorCountsRequest(ids=[ada.id]), metadata=third.as_operator()
        )
        assert counts.counts[0].tweet_count == 1


async def test_a_thousand_scheduled_tweets_are_the_limit(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    at = clock.now_ms() + HOUR_MS
    await fill_shelf(served, ada, 999, publish_ms=at)
    await schedule(ada, at)

    error = await refusal(schedule(ada, at))
    assert (error.code(), error.details()) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "1000 scheduled tweets are kept, which is the limit; delete one first",
    )


async def test_scheduling_counts_as_a_tweet_and_publishing_as_none(settings: Settings, clock: Clock) -> None:
    limited = replace(settings, limits="on", limit_tweets=2)
    async with serving(limited, clock=clock) as running:
        (ada,) = await running.register("ada")
        at = clock.now_ms() + HOUR_MS
        first = await schedule(ada, at, key="k")
        await schedule(ada, at)
        clock.advance(HOUR_MS)
        await settled(ada)
        assert len(await published(ada)) == 2

        assert await schedule(ada, at, key="k") == first
        error = await refusal(schedule(ada, at + DAY_MS))
        assert error.code() is StatusCode.RESOURCE_EXHAUSTED


async def _failures(database: Database) -> list[str]:
    rows = await database.read(
        lambda connection: connection.execute("SELECT failure FROM drafts WHERE failure <> ''").fetchall()
    )
    return [sentence for (sentence,) in rows]
