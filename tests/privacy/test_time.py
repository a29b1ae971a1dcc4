"""Business time that leaps: what ends, ends; nothing breaks a page or lets a version fall."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from tests.privacy.scene import mute
from tests.rpc.serving import Person, Serving, refusal, serving
from tests.rpc.waiting import until

from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.clock import Clock
from aviary.settings import Settings

MINUTE_MS, DAY_MS = 60_000, 86_400_000
# Ends of what is set up below, each with what comes just before and just after it.
LEAPS_MS = (
    5 * MINUTE_MS,
    25 * MINUTE_MS,
    31 * MINUTE_MS,
    61 * MINUTE_MS,
    DAY_MS,
    7 * DAY_MS,
    31 * DAY_MS,
    400 * DAY_MS,
)


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    async with serving(settings, clock=clock) as running:
        yield running


async def sources(served: Serving, person: Person) -> graph_pb2.Sources:
    request = graph_pb2.GetSourcesRequest(viewer_id=person.id)
    return await person.clients.graph.GetSources(request, metadata=served.as_operator())


async def muted_for(person: Person, other: Person, clock: Clock, ms: int) -> None:
    until_then = Timestamp()
    until_then.FromMilliseconds(clock.now_ms() + ms)
    request = relations_pb2.MuteRequest(id=other.id, expires_at=until_then)
    await person.clients.relations.Mute(request, metadata=person.signed)


async def test_whatever_time_passes_pages_are_whole_and_versions_rise(served: Serving, clock: Clock) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await ada.follow(bob, cyd)
    await mute(ada, cyd)
    await muted_for(ada, bob, clock, 30 * MINUTE_MS)
    posts = [(await bob.tweet(f"post {number}")).id for number in range(9)]
    await bob.delete(posts.pop())
    seen = await sources(served, ada)
    cursor = (await bob.user_page(bob.id, limit=3)).pagination.next_cursor

    for leap_ms in LEAPS_MS:
        clock.advance(leap_ms)
        posts.append((await bob.tweet(f"after {leap_ms}")).id)
        await served.settle()

        now = await sources(served, ada)
        assert now.sources_version >= seen.sources_version
        assert now.follow_version >= seen.follow_version
        seen = now
        is_muted = leap_ms < 30 * MINUTE_MS and leap_ms == LEAPS_MS[0]
        assert await ada.home(limit=4) == ([] if is_muted else posts[::-1])
        older = await bob.user_page(bob.id, limit=3, cursor=cursor)
        assert [each.id for each in older.tweets] == posts[4:1:-1]


async def test_the_end_of_a_mute_the_muting_again_and_its_lifting_only_ever_raise_the_versions(
    served: Serving, clock: Clock
) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    post = (await bob.tweet("x")).id
    before = await sources(served, ada)
    for _ in range(3):
        for step in ("mute", "end", "mute", "mute", "unmute"):
            if step == "mute":
                await muted_for(ada, bob, clock, MINUTE_MS)
            elif step == "end":
                clock.advance(MINUTE_MS)
            else:
                await ada.clients.relations.Unmute(relations_pb2.UnmuteRequest(id=bob.id), metadata=ada.signed)

            now = await sources(served, ada)
            assert now.sources_version > before.sources_version
            assert now.follow_version >= before.follow_version
            assert await ada.home() == ([] if step == "mute" else [post])
            before = now


async def test_a_poll_ends_on_the_millisecond_and_keeps_its_votes(served: Serving, clock: Clock) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    poll = tweets_pb2.PollInput(options=["a", "b"], duration_minutes=5)
    request = tweets_pb2.CreateTweetRequest(content="well?", poll=poll)
    made = await ada.clients.tweets.CreateTweet(request, metadata=ada.signed)
    vote = engagement_pb2.VoteRequest(id=made.id, option=1)
    await bob.clients.engagement.Vote(vote, metadata=bob.signed)

    clock.advance(made.poll.ends_at.ToMilliseconds() - clock.now_ms())

    late = await refusal(cyd.clients.engagement.Vote(vote, metadata=cyd.signed))
    assert late.code() is StatusCode.FAILED_PRECONDITION
    again = await bob.clients.engagement.Vote(vote, metadata=bob.signed)
    assert (again.poll.closed, again.poll.vote_count, again.poll.voted_option) == (True, 1, 1)


async def test_the_last_edit_is_in_time_and_the_next_is_not(served: Serving, clock: Clock, settings: Settings) -> None:
    (ada,) = await served.register("ada")
    post = await ada.tweet("first")

    clock.advance(settings.edit_window_s * 1_000 - (clock.now_ms() - post.created_at.ToMilliseconds()) - 2_000)
    request = tweets_pb2.EditTweetRequest(id=post.id, content="second")
    edited = await ada.clients.tweets.EditTweet(request, metadata=ada.signed)
    clock.advance(3_000)
    request.content = "third"
    late = await refusal(ada.clients.tweets.EditTweet(request, metadata=ada.signed))

    assert (edited.content, edited.edit_count) == ("second", 1)
    assert late.code() is StatusCode.FAILED_PRECONDITION


async def test_after_a_long_absence_what_was_scheduled_comes_once_and_in_the_order_of_its_times(
    served: Serving, clock: Clock
) -> None:
    (ada,) = await served.register("ada")
    for hours in (1, 2, 30 * 24):
        request = drafts_pb2.ScheduleTweetRequest(tweet=drafts_pb2.TweetInput(content=f"in {hours} h"))
        request.publish_at.FromMilliseconds(clock.now_ms() + hours * 60 * MINUTE_MS)
        await ada.clients.drafts.ScheduleTweet(request, metadata=ada.signed)

    clock.advance(60 * DAY_MS)

    async def all_are_out() -> bool:
        return len((await ada.user_page(ada.id)).tweets) == 3

    await until(all_are_out, what="everything that was due had been published")
    await served.settle()
    page = await ada.user_page(ada.id)
    assert [each.content for each in page.tweets] == ["in 720 h", "in 2 h", "in 1 h"]
    assert await ada.home() == [each.id for each in page.tweets]
    waiting = await ada.clients.drafts.ListScheduled(drafts_pb2.ListDraftsRequest(), metadata=ada.signed)
    assert not waiting.scheduled


async def test_pages_and_repeats_stand_a_purge(settings: Settings, clock: Clock) -> None:
    async with serving(settings, clock=clock, workers=False) as served:
        ada, bob = await served.register("ada", "bob")
        posts = [(await bob.tweet(f"post {number}")).id for number in range(6)]
        reply = (await ada.tweet("reply", reply_to=posts[0])).id
        quote = (await ada.tweet("quote", quoting=posts[1])).id
        retweet = (await ada.retweet(posts[2])).id
        keyed = tweets_pb2.CreateTweetRequest(content="mine", quote_tweet_id=posts[3], request_id="k")
        mine = (await ada.clients.tweets.CreateTweet(keyed, metadata=ada.signed)).id
        for post in posts[:4]:
            like = tweets_pb2.LikeTweetRequest(id=post)
            await ada.clients.tweets.LikeTweet(like, metadata=ada.signed)
            await ada.clients.engagement.Bookmark(engagement_pb2.BookmarkRequest(id=post), metadata=ada.signed)
            await bob.delete(post)
        own = (await ada.user_page(ada.id, limit=1)).pagination.next_cursor

    clock.advance(settings.purge_after_s * 1_000 + MINUTE_MS)
    async with serving(settings, clock=clock) as served:
        ada, bob = [Person(id=each.id, name=each.name, token=each.token, clients=served.clients) for each in (ada, bob)]
        get = tweets_pb2.GetTweetRequest(id=retweet)

        async def is_purged() -> bool:
            counts = tweets_pb2.BatchGetAuthorCountsRequest(ids=[ada.id])
            found = await served.clients.tweets.BatchGetAuthorCounts(counts, metadata=served.as_operator())
            return found.counts[0].tweet_count == 3

        await until(is_purged, what="the retweet of what was purged had gone")
        assert (await refusal(ada.clients.tweets.GetTweet(get, metadata=ada.signed))).code() is StatusCode.NOT_FOUND
        assert [each.id for each in (await ada.user_page(ada.id)).tweets] == [mine, quote, reply]
        assert [each.id for each in (await ada.user_page(ada.id, cursor=own)).tweets] == [quote, reply]
        assert (await ada.clients.tweets.CreateTweet(keyed, metadata=ada.signed)).id == mine
        conversation = tweets_pb2.GetConversationRequest(id=reply)
        found = await ada.clients.tweets.GetConversation(conversation, metadata=ada.signed)
        assert [each.id for each in found.tweets] == [reply]
