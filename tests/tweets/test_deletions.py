"""What a deleted or hidden tweet still answers to: nothing, wherever it is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import Person, Serving
from tests.timelines.reading import block, bookmark, like, protect, suspend
from tests.tweets.asking import create, edit, get, history, refused
from tests.tweets.doings import pin, profile, vote

from aviary.api.tweets.v1 import engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.events.v1 import events_pb2
from aviary.storage.sqlite.outbox import SqliteEventLog

Hide = Callable[[Serving, Person, Person], Awaitable[None]]


def uses(person: Person, tweet_id: int) -> list[Awaitable[Message]]:
    """Every call that names one tweet, as the person makes it."""
    tweets, engagement, signed = person.clients.tweets, person.clients.engagement, person.signed
    return [
        get(person, tweet_id),
        edit(person, tweet_id, "mine now"),
        create(person, content="indeed", reply_to_id=tweet_id),
        create(person, content="look", quote_tweet_id=tweet_id),
        tweets.GetHistory(pb.GetHistoryRequest(id=tweet_id), metadata=signed),
        tweets.Retweet(pb.RetweetRequest(id=tweet_id), metadata=signed),
        tweets.UndoRetweet(pb.UndoRetweetRequest(id=tweet_id), metadata=signed),
        tweets.LikeTweet(pb.LikeTweetRequest(id=tweet_id), metadata=signed),
        tweets.UnlikeTweet(pb.UnlikeTweetRequest(id=tweet_id), metadata=signed),
        tweets.DeleteTweet(pb.DeleteTweetRequest(id=tweet_id), metadata=signed),
        tweets.ListReplies(pb.ListRepliesRequest(id=tweet_id), metadata=signed),
        tweets.ListQuotes(pb.ListQuotesRequest(id=tweet_id), metadata=signed),
        tweets.GetConversation(pb.GetConversationRequest(id=tweet_id), metadata=signed),
        engagement.Bookmark(engagement_pb2.BookmarkRequest(id=tweet_id), metadata=signed),
        engagement.Vote(engagement_pb2.VoteRequest(id=tweet_id, option=0), metadata=signed),
        engagement.ListLikers(engagement_pb2.ListEngagedRequest(id=tweet_id), metadata=signed),
        engagement.ListRetweeters(engagement_pb2.ListEngagedRequest(id=tweet_id), metadata=signed),
    ]


async def asking(person: Person) -> pb.Tweet:
    return await create(person, content="tea?", poll=pb.PollInput(options=["a", "b"], duration_minutes=5))


async def protecting(_served: Serving, ada: Person, _bob: Person) -> None:
    await protect(ada)


async def blocking(_served: Serving, ada: Person, bob: Person) -> None:
    await block(ada, bob)


async def blocked(_served: Serving, ada: Person, bob: Person) -> None:
    await block(bob, ada)


async def suspended(served: Serving, ada: Person, _bob: Person) -> None:
    await suspend(served, ada)


async def deleted(_served: Serving, ada: Person, _bob: Person) -> None:
    for tweet in (await ada.user_page(ada.id)).tweets:
        await ada.delete(tweet.id)


@pytest.mark.parametrize("hide", [protecting, blocking, blocked, suspended, deleted])
async def test_what_somebody_may_not_see_is_not_there_whatever_they_do_with_it(served: Serving, hide: Hide) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await asking(ada)
    retweet = await ada.retweet(tweet.id)
    await hide(served, ada, bob)

    for tweet_id in (tweet.id, retweet.id):
        for call in uses(bob, tweet_id):
            assert await refused(call) == (StatusCode.NOT_FOUND, f"there is no tweet {tweet_id}")
    batch = pb.BatchGetTweetsRequest(ids=[tweet.id, retweet.id])
    assert (await bob.clients.tweets.BatchGetTweets(batch, metadata=bob.signed)).tweets == []


async def test_guarantee_6_a_delete_reaches_whatever_shows_the_tweet(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello #tea @bob")
    await edit(ada, tweet.id, "good evening #tea @bob")
    quote, retweet = await bob.tweet("look", quoting=tweet.id), await bob.retweet(tweet.id)
    quoting_again = await ada.retweet(quote.id)
    reply = await bob.tweet("indeed", reply_to=tweet.id)
    await like(bob, tweet.id)
    await bookmark(bob, tweet.id)
    await pin(ada, tweet.id)
    await ada.delete(tweet.id)

    assert not (await get(bob, quote.id)).HasField("quoted_tweet")
    assert not (await get(bob, quoting_again.id)).retweeted_tweet.HasField("quoted_tweet")
    assert await refused(get(bob, retweet.id)) == (StatusCode.NOT_FOUND, f"there is no tweet {retweet.id}")
    assert (await get(bob, reply.id)).reply_to_id == tweet.id
    request = pb.GetConversationRequest(id=reply.id)
    around = await bob.clients.tweets.GetConversation(request, metadata=bob.signed)
    assert [each.id for each in around.tweets] == [reply.id]
    assert not (await profile(bob, ada)).HasField("pinned_tweet_id")
    assert [each.id for each in (await bob.user_page(bob.id)).tweets] == [reply.id, quote.id]


async def test_guarantee_6_an_id_that_dangles_breaks_nothing(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet, kept = await ada.tweet("hello"), await ada.tweet("stays")
    quote, retweet = await bob.tweet("look", quoting=tweet.id), await bob.retweet(tweet.id)
    reply = await bob.tweet("indeed", reply_to=tweet.id)
    deeper = await bob.tweet("and so on", reply_to=reply.id)
    # As a purge that nothing followed up would leave it.
    database = served.database("tweets")
    await database.write(lambda tx: tx.execute("DELETE FROM tweets WHERE id = ?", (tweet.id,)))

    batch = pb.BatchGetTweetsRequest(ids=[tweet.id, kept.id, quote.id, retweet.id, reply.id, deeper.id])
    found = await bob.clients.tweets.BatchGetTweets(batch, metadata=bob.signed)
    assert [each.id for each in found.tweets] == [kept.id, quote.id, reply.id, deeper.id]
    assert [each.id for each in (await bob.user_page(bob.id)).tweets] == [deeper.id, reply.id, quote.id]
    answers = await bob.clients.tweets.ListReplies(pb.ListRepliesRequest(id=reply.id), metadata=bob.signed)
    assert [each.id for each in answers.tweets] == [deeper.id]
    assert (await ada.tweet("me too", reply_to=deeper.id)).conversation_id == tweet.id
    for gone in (quote.id, reply.id, deeper.id):
        await bob.delete(gone)


async def test_deleting_a_pinned_tweet_takes_its_pin_along_and_says_so(served: Serving) -> None:
    (ada,) = await served.register("ada")
    pinned, other = await ada.tweet("hello"), await ada.tweet("other")
    await pin(ada, pinned.id)
    await ada.delete(other.id)
    assert (await profile(ada, ada)).pinned_tweet_id == pinned.id

    await ada.delete(pinned.id)
    assert not (await profile(ada, ada)).HasField("pinned_tweet_id")
    log = SqliteEventLog(served.database("tweets"))
    kinds = [record.event.type for record in await log.read(0, limit=100)]
    assert kinds.count(events_pb2.EVENT_TYPE_TWEET_UNPINNED) == 1


async def test_the_poll_of_a_deleted_tweet_takes_no_votes(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    poll = await asking(ada)
    await vote(bob, poll.id, 0)
    await ada.delete(poll.id)
    assert (await refused(vote(bob, poll.id, 1)))[0] is StatusCode.NOT_FOUND


async def test_a_history_is_gone_with_its_tweet_and_only_for_those_who_see_it(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("one")
    await edit(ada, tweet.id, "two")
    await protect(ada)

    assert [each.content for each in await history(ada, tweet.id)] == ["two", "one"]
    with pytest.raises(Exception, match=f"there is no tweet {tweet.id}"):
        await history(bob, tweet.id)


async def test_a_protected_authors_tweet_is_retweeted_by_nobody_but_them(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    await bob.follow(ada)
    await protect(ada)

    sentence = f"tweet {tweet.id} is for its author's followers alone; it cannot be retweeted"
    assert await refused(bob.retweet(tweet.id)) == (StatusCode.PERMISSION_DENIED, sentence)
    assert (await ada.retweet(tweet.id)).retweeted_tweet.id == tweet.id
