"""What every adapter of AgendaStore promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contract.stores import HOUR_MS, Stores
from tests.contract.tweets import ADA, original, quote

from aviary.api.tweets.v1 import tweets_pb2
from aviary.errors import NotFound
from aviary.events.v1 import events_pb2
from aviary.tweets.agenda.store import Due
from aviary.tweets.drafts.store import Kept, Shelf

NOTHING = Due(polls=[], scheduled=[])
CLOSED, CHANGED = events_pb2.EVENT_TYPE_POLL_CLOSED, events_pb2.EVENT_TYPE_DRAFT_CHANGED
CREATED = events_pb2.EVENT_TYPE_TWEET_CREATED


async def schedule(stores: Stores, *, in_ms: int = HOUR_MS) -> Kept:
    at = stores.clock.now_ms() + in_ms
    made = await stores.drafts.create(ADA, b"body", publish_ms=at, source="bot", most=10, claim=None)
    return await stores.drafts.get(Shelf.SCHEDULED, ADA, made.id)


async def due(stores: Stores, *, limit: int = 10) -> Due:
    return await stores.agenda.due(stores.clock.now_ms(), limit=limit)


async def test_nothing_is_due_before_its_time(stores: Stores) -> None:
    poll, kept = await stores.poll(lasts_ms=HOUR_MS), await schedule(stores)
    await stores.drafts.create(ADA, b"a draft", publish_ms=0, source="web", most=10, claim=None)
    assert await due(stores) == NOTHING
    assert await stores.agenda.due(kept.publish_ms - 1, limit=10) in (NOTHING, Due(polls=[poll], scheduled=[]))

    stores.clock.advance(HOUR_MS)
    assert await due(stores) == Due(polls=[poll], scheduled=[kept.id])


async def test_what_has_been_due_longest_comes_first_and_no_more_than_asked_for(stores: Stores) -> None:
    scheduled = [(await schedule(stores, in_ms=each * 60_000)).id for each in (3, 1, 2)]
    polls = [await stores.poll(lasts_ms=each * 60_000) for each in (3, 1, 2)]
    stores.clock.advance(HOUR_MS)

    assert await due(stores, limit=2) == Due(polls=[polls[1], polls[2]], scheduled=[scheduled[1], scheduled[2]])


async def test_the_end_of_a_poll_is_told_once(stores: Stores) -> None:
    poll = await stores.poll()
    stores.clock.advance(HOUR_MS)
    await asyncio.gather(*(stores.agenda.close_poll(poll) for _ in range(10)))

    assert await due(stores) == NOTHING
    last = [each.event for each in await stores.tweets.log.read(1, limit=100)]
    assert [(each.type, each.entity_id, each.key, each.actor_id) for each in last] == [(CLOSED, poll, ADA, 0)]


async def test_the_end_of_a_deleted_poll_is_told_to_nobody(stores: Stores) -> None:
    poll = await stores.poll()
    await stores.tweets.store.delete(poll, ADA)
    stores.clock.advance(HOUR_MS)
    await stores.agenda.close_poll(poll)

    assert await due(stores) == NOTHING
    assert (CLOSED, poll) not in await stores.tweets.happened()


async def test_publishing_brings_the_tweet_and_takes_what_it_was_made_from(stores: Stores) -> None:
    kept = await schedule(stores)
    tweet_id = await stores.agenda.publish(kept, replace(original(ADA, "at last"), source="bot"))

    assert tweet_id is not None
    body = tweets_pb2.Tweet.FromString((await stores.tweets.one(tweet_id)).body)
    assert (body.content, body.source) == ("at last", "bot")
    assert await stores.agenda.scheduled(kept.id) is None
    assert await stores.tweets.happened() == [(CHANGED, kept.id), (CHANGED, kept.id), (CREATED, tweet_id)]


async def test_fifty_publishers_at_once_publish_one(stores: Stores) -> None:
    kept = await schedule(stores)
    published = await asyncio.gather(*(stores.agenda.publish(kept, original()) for _ in range(50)))

    (tweet_id,) = [each for each in published if each is not None]
    assert await stores.tweets.ids_of(ADA) == [tweet_id]


@pytest.mark.parametrize("change", ["text", "time", "failure", "cancelled"])
async def test_what_changed_since_it_was_read_is_neither_published_nor_failed(stores: Stores, change: str) -> None:
    kept = await schedule(stores)
    if change == "cancelled":
        await stores.drafts.delete(Shelf.SCHEDULED, ADA, kept.id)
    elif change == "failure":
        await stores.agenda.fail(kept, "first")
    else:
        body, at = (b"other", None) if change == "text" else (None, kept.publish_ms + 1)
        await stores.drafts.update(Shelf.SCHEDULED, ADA, kept.id, body=body, publish_ms=at)
    before = await stores.tweets.happened()

    assert await stores.agenda.publish(kept, original()) is None
    await stores.agenda.fail(kept, "second")
    assert await stores.tweets.happened() == before
    assert await stores.tweets.ids_of(ADA) == []


async def test_a_tweet_that_cannot_be_stored_stays_scheduled(stores: Stores) -> None:
    gone = await stores.tweets.tweet(ADA)
    await stores.tweets.store.delete(gone, ADA)
    kept = await schedule(stores)
    before = await stores.tweets.happened()

    with pytest.raises(NotFound):
        await stores.agenda.publish(kept, quote(ADA, gone))
    assert await stores.agenda.scheduled(kept.id) == kept
    assert await stores.tweets.happened() == before


async def test_what_failed_is_due_no_more_until_it_is_changed(stores: Stores) -> None:
    kept = await schedule(stores)
    stores.clock.advance(HOUR_MS)
    await stores.agenda.fail(kept, "the tweet is gone")

    assert await due(stores) == NOTHING
    assert await stores.agenda.scheduled(kept.id) is None
    assert (await stores.drafts.get(Shelf.SCHEDULED, ADA, kept.id)).failure == "the tweet is gone"
    again = await stores.drafts.update(Shelf.SCHEDULED, ADA, kept.id, body=b"new", publish_ms=None)
    assert again.failure == ""
    assert await due(stores) == Due(polls=[], scheduled=[kept.id])
