"""What remains of a person in the tweets' store when their account is deleted: nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from tests.rpc.serving import PASSWORD, Person, Serving, refusal, serving
from tests.tweets.tables import places_of

from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.api.users.v1 import accounts_pb2
from aviary.clock import Clock
from aviary.errors import NotFound
from aviary.eventlog import Record
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.metrics import Metrics
from aviary.rpc.call import Claim
from aviary.settings import Settings
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.tweets.engagement import SqliteEngagementStore
from aviary.storage.sqlite.tweets.removal import SqliteRemovalStore
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.tweets.store import Draft, Entities, Kind, Span
from aviary.tweets.upkeep.worker import Removal
from aviary.upkeep.worker import erasing

SECRET = "the sentence that nobody else wrote"
# What others wrote goes on naming what it replied to and quoted, and events hold ids for a week.
LEFT_TO_OTHERS = {("tweets", column) for column in ("body", "ref_id", "ref_author_id", "quote_id", "conversation_id")}
LOGGED = {("outbox", "body")}


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings) as running:
        yield running


async def delete_account(person: Person) -> None:
    request = accounts_pb2.DeleteAccountRequest(password=PASSWORD)
    await person.clients.accounts.DeleteAccount(request, metadata=person.signed)


async def drifts(served: Serving) -> list[reconcile_pb2.Drift]:
    answers = served.clients.tweets.Reconcile(reconcile_pb2.ReconcileRequest(), metadata=served.as_operator())
    return [each async for each in answers if each.counter]


async def do_everything(ada: Person, bob: Person) -> pb.Tweet:
    """Ada does to Bob's tweets, and Bob to hers, all that there is; returns Bob's tweet."""
    tweets, engagement, drafts = ada.clients.tweets, ada.clients.engagement, ada.clients.drafts
    theirs = await tweets.CreateTweet(
        pb.CreateTweetRequest(content="tea?", poll=pb.PollInput(options=["yes", "no"], duration_minutes=5)),
        metadata=bob.signed,
    )
    hers = await ada.tweet(f"{SECRET} #tag @bob")
    thread = pb.CreateThreadRequest(tweets=[pb.CreateTweetRequest(content=SECRET) for _ in range(3)], request_id="t")
    await tweets.CreateThread(thread, metadata=ada.signed)
    await tweets.EditTweet(pb.EditTweetRequest(id=hers.id, content=f"{SECRET}, edited"), metadata=ada.signed)
    deleted = await ada.tweet(SECRET)
    await ada.delete(deleted.id)
    await ada.tweet(SECRET, reply_to=theirs.id)
    await ada.tweet(SECRET, quoting=theirs.id)
    await ada.retweet(theirs.id)
    await tweets.LikeTweet(pb.LikeTweetRequest(id=theirs.id, request_id="l"), metadata=ada.signed)
    await engagement.Bookmark(engagement_pb2.BookmarkRequest(id=theirs.id), metadata=ada.signed)
    await engagement.Vote(engagement_pb2.VoteRequest(id=theirs.id, option=0), metadata=ada.signed)
    await engagement.Pin(engagement_pb2.PinRequest(id=hers.id), metadata=ada.signed)
    kept = drafts_pb2.TweetInput(content=SECRET)
    await drafts.CreateDraft(drafts_pb2.CreateDraftRequest(tweet=kept), metadata=ada.signed)
    soon = Timestamp(seconds=int(time.time()) + 3_600)
    await drafts.ScheduleTweet(drafts_pb2.ScheduleTweetRequest(tweet=kept, publish_at=soon), metadata=ada.signed)

    await tweets.LikeTweet(pb.LikeTweetRequest(id=hers.id), metadata=bob.signed)
    await engagement.Bookmark(engagement_pb2.BookmarkRequest(id=hers.id), metadata=bob.signed)
    await bob.retweet(hers.id)
    await bob.tweet("indeed", reply_to=hers.id)
    await bob.tweet("look", quoting=hers.id)
    await bob.tweet("hello @ada")
    return theirs


async def test_a_deleted_account_leaves_nothing_in_any_table_but_what_others_wrote(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await do_everything(ada, bob)
    database = served.database("tweets")
    assert {table for table, _ in await places_of(database, ada.id, SECRET)} >= {"tweets", "edits", "drafts", "pins"}
    rows = await database.read(
        lambda each: each.execute("SELECT id FROM tweets WHERE author_id = ?", (ada.id,)).fetchall()
    )
    await delete_account(ada)
    await served.settle()

    assert await places_of(database, SECRET) == set()
    assert await places_of(database, ada.id, *(tweet_id for (tweet_id,) in rows)) <= LEFT_TO_OTHERS | LOGGED
    assert await drifts(served) == []


async def test_counters_of_others_fall_by_what_a_deleted_account_did(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    theirs = await do_everything(ada, bob)
    await delete_account(ada)
    await served.settle()

    left = await bob.clients.tweets.GetTweet(pb.GetTweetRequest(id=theirs.id), metadata=bob.signed)
    counts = (left.like_count, left.retweet_count, left.reply_count, left.quote_count, left.bookmark_count)
    assert (counts, left.poll.vote_count, [each.vote_count for each in left.poll.options]) == ((0,) * 5, 0, [0, 0])
    # His tweet, his reply, his quote and his mention; the retweet went with its original.
    assert len((await bob.user_page(bob.id)).tweets) == 4


async def test_replies_to_a_deleted_account_keep_their_place_in_the_conversation(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await bob.tweet("root")).id
    first = (await bob.tweet("first", reply_to=root)).id
    hers = (await ada.tweet("between", reply_to=first)).id
    last = (await bob.tweet("last", reply_to=hers)).id
    await delete_account(ada)
    await served.settle()

    for tweet_id, expected in ((root, [last, first, root]), (first, [last, first, root]), (last, [last, first, root])):
        request = pb.GetConversationRequest(id=tweet_id)
        page = await bob.clients.tweets.GetConversation(request, metadata=bob.signed)
        assert [each.id for each in page.tweets] == expected
    error = await refusal(bob.clients.tweets.GetTweet(pb.GetTweetRequest(id=hers), metadata=bob.signed))
    assert error.code() is StatusCode.NOT_FOUND


async def test_an_erasure_that_was_not_begun_is_done_after_a_restart(settings: Settings) -> None:
    async with serving(settings, workers=False) as before:
        ada, bob = await before.register("ada", "bob")
        await do_everything(ada, bob)
        await delete_account(ada)
        assert await places_of(before.database("tweets"), SECRET)

    async with serving(settings) as after:
        await after.settle()
        database = after.database("tweets")
        assert await places_of(database, SECRET) == set()
        assert await places_of(database, ada.id) <= LEFT_TO_OTHERS | LOGGED


async def test_what_a_call_under_way_brings_after_the_erasure_is_refused(
    settings: Settings, clock: Clock, metrics: Metrics
) -> None:
    settings.data_dir.mkdir()
    path = settings.data_dir / "tweets.db"
    database = Database(path, clock=clock, metrics=metrics, queue_size=10, group=1, readers=1)
    try:
        store, engagement = SqliteTweetStore(database), SqliteEngagementStore(database)
        other = (await store.insert(Draft(author_id=8, kind=Kind.ORIGINAL, text="mine"), claim=None)).id
        removal = Removal(SqliteRemovalStore(database), settings=settings, clock=clock)
        what = erasing("erasure", removal.erase, straggle_s=0)
        gone = Event(type=events_pb2.EVENT_TYPE_USER_DELETED, entity_id=7)
        await what.handle(what.lanes[0], Record(1, gone))

        claim = Claim(caller="7", rpc="late", key="late", body=b"")
        for late in (
            store.insert(Draft(author_id=7, kind=Kind.ORIGINAL, text="late"), claim=None),
            store.like(other, 7, claim=claim),
            store.unlike(other, 7),
            engagement.bookmark(other, 7, claim=claim),
        ):
            with contextlib.suppress(NotFound):
                await late
        mentioning = Entities(mentions=[Span(text="seven", start=0, end=6, user_id=7)])
        await store.insert(Draft(author_id=8, kind=Kind.ORIGINAL, text="@seven", entities=mentioning), claim=None)
        # Only the other's own words still name them.
        assert await places_of(database, 7) <= LOGGED | {("tweets", "body")}
    finally:
        database.close()
