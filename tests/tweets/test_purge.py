"""Deleted tweets are removed for good after a month, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rpc.serving import Serving, serving
from tests.rpc.waiting import until
from tests.tweets.tables import places_of

from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.clock import Clock
from aviary.settings import Settings

DAY_MS = 86_400_000
SECRET = "the sentence that was deleted"


async def forgotten(served: Serving) -> bool:
    return not await places_of(served.database("tweets"), SECRET)


@pytest.fixture
def month(settings: Settings) -> Settings:
    assert settings.purge_after_s * 1_000 == 30 * DAY_MS
    return settings


async def test_a_deleted_tweet_is_gone_for_good_after_a_month(month: Settings, clock: Clock) -> None:
    async with serving(month, clock=clock) as served:
        ada, bob = await served.register("ada", "bob")
        tweet = await ada.tweet(SECRET)
        request = pb.EditTweetRequest(id=tweet.id, content=f"{SECRET}, edited")
        await ada.clients.tweets.EditTweet(request, metadata=ada.signed)
        await bob.retweet(tweet.id)
        await bob.clients.tweets.LikeTweet(pb.LikeTweetRequest(id=tweet.id), metadata=bob.signed)
        await bob.clients.tweets.UnlikeTweet(pb.UnlikeTweetRequest(id=tweet.id), metadata=bob.signed)
        await ada.delete(tweet.id)

    clock.advance(29 * DAY_MS)
    async with serving(month, clock=clock) as served:
        await served.settle()
        assert not await forgotten(served)

    clock.advance(2 * DAY_MS)
    async with serving(month, clock=clock) as served:
        await until(lambda: forgotten(served), what="the deleted tweet was purged")
        # Its events go by themselves, after a week.
        assert await places_of(served.database("tweets"), tweet.id) <= {("outbox", "body")}
        drifts = served.clients.tweets.Reconcile(reconcile_pb2.ReconcileRequest(), metadata=served.as_operator())
        assert [each async for each in drifts if each.counter] == []


async def test_nothing_that_was_not_deleted_is_purged_and_conversations_stay_whole(
    month: Settings, clock: Clock
) -> None:
    async with serving(month, clock=clock) as served:
        ada, bob = await served.register("ada", "bob")
        root = (await ada.tweet("root")).id
        between = (await bob.tweet(SECRET, reply_to=root)).id
        last = (await ada.tweet("last", reply_to=between)).id
        quoting = (await ada.tweet("look", quoting=between)).id
        await bob.delete(between)

    clock.advance(31 * DAY_MS)
    async with serving(month, clock=clock) as served:
        await until(lambda: forgotten(served), what="the deleted reply was purged")
        tweets, signed = served.clients.tweets, ada.signed
        page = await tweets.GetConversation(pb.GetConversationRequest(id=last), metadata=signed)
        assert [each.id for each in page.tweets] == [last, root]
        left = await tweets.GetTweet(pb.GetTweetRequest(id=quoting), metadata=signed)
        assert (left.quote_tweet_id, left.HasField("quoted_tweet")) == (between, False)


async def test_the_file_does_not_keep_what_was_purged(month: Settings, clock: Clock) -> None:
    async with serving(month, clock=clock, workers=False) as served:
        (ada,) = await served.register("ada")
        await ada.delete((await ada.tweet(SECRET)).id)
    assert holds(month.data_dir)
    clock.advance(31 * DAY_MS)
    async with serving(month, clock=clock) as served:
        await until(lambda: forgotten(served), what="the deleted tweet was purged")
    assert not holds(month.data_dir)


def holds(folder: Path) -> bool:
    return any(SECRET.encode() in path.read_bytes() for path in folder.glob("tweets.db*"))
