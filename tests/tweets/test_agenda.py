"""The worker that does what is due, on a real store that fails and comes back."""

from __future__ import annotations

import logging

import pytest
from tests.rpc.serving import Person, Serving
from tests.rpc.waiting import until
from tests.tweets.doings import poll, published, scheduled, seen

from aviary.api.tweets.v1 import drafts_pb2 as pb
from aviary.clock import Clock

HOUR_MS = 3_600_000


async def schedule(person: Person, clock: Clock, content: str) -> None:
    request = pb.ScheduleTweetRequest(tweet=pb.TweetInput(content=content))
    request.publish_at.FromMilliseconds(clock.now_ms() + HOUR_MS)
    await person.clients.drafts.ScheduleTweet(request, metadata=person.signed)


@pytest.mark.parametrize(
    ("store", "table"), [("users", "users"), ("tweets", "drafts")], ids=["users are away", "tweets are away"]
)
async def test_what_fails_for_now_is_tried_until_it_works_and_is_published_once(
    working: Serving, clock: Clock, caplog: pytest.LogCaptureFixture, store: str, table: str
) -> None:
    (ada,) = await working.register("ada")
    await schedule(ada, clock, "at last")
    database = working.database(store)
    with caplog.at_level(logging.WARNING, "aviary.agenda"):
        await database.write(lambda tx: tx.execute(f"ALTER TABLE {table} RENAME TO away"))
        clock.advance(HOUR_MS)

        def was_tried() -> bool:
            return any(record.message == "agenda_retried" for record in caplog.records)

        await until(was_tried, what="it was tried in vain")
        await database.write(lambda tx: tx.execute(f"ALTER TABLE away RENAME TO {table}"))

    async def is_out() -> bool:
        return not await scheduled(ada)

    await until(is_out, what="it was published")
    assert [tweet.content for tweet in await published(ada)] == ["at last"]


async def test_what_cannot_be_published_holds_up_nothing_else(working: Serving, clock: Clock) -> None:
    ada, bob = await working.register("ada", "bob")
    parent = await bob.tweet("parent")
    request = pb.ScheduleTweetRequest(tweet=pb.TweetInput(content="reply", reply_to_id=parent.id))
    request.publish_at.FromMilliseconds(clock.now_ms() + HOUR_MS - 1)
    await ada.clients.drafts.ScheduleTweet(request, metadata=ada.signed)
    await schedule(ada, clock, "at last")
    asked = await poll(bob, minutes=60)
    await bob.delete(parent.id)
    clock.advance(HOUR_MS)

    async def is_done() -> bool:
        return [each.state for each in await scheduled(ada)] == ["failed"]

    await until(is_done, what="one failed and the other was published")
    assert [tweet.content for tweet in await published(ada)] == ["at last"]
    assert (await seen(ada, asked.id)).poll.closed
