"""Calls that race for the same thing: one of the orders in which they could have come, and counters that are exact."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.privacy.scene import is_following
from tests.rpc.planting import SUMMARIES, Gate, planted
from tests.rpc.serving import PASSWORD, Person, Serving, serving
from tests.rpc.waiting import until

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.reconcile.v1.reconcile_pb2 import Drift, ReconcileRequest
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.clock import Clock
from aviary.settings import Settings
from aviary.storage.sqlite.graph import lists as list_storage

ROUNDS = 15
# The same orders in every run.
ORDER = random.Random(4)
OK = StatusCode.OK


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    """Serve with everything that happens behind the calls; in the end no counter has drifted."""
    async with serving(settings, clock=clock) as running:
        yield running
        await running.settle()
        for stub in (running.clients.tweets, running.clients.graph):
            found: list[Drift] = [
                drift async for drift in stub.Reconcile(ReconcileRequest(), metadata=running.as_operator())
            ]
            assert [drift for drift in found if drift.counter] == []


async def outcome(call: Awaitable[Message]) -> StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return OK


async def until_refused(call: Callable[[], Awaitable[Message]]) -> None:
    """Try again and again, so that one of the tries is on its way at any moment."""
    for _ in range(50):
        if await outcome(call()) in {StatusCode.UNAUTHENTICATED, StatusCode.NOT_FOUND}:
            return


async def race(*calls: Awaitable[Message]) -> Sequence[StatusCode]:
    """Let all of them go at once, now these first and now those; how each one ended."""
    tasks = {place: asyncio.create_task(outcome(calls[place])) for place in ORDER.sample(range(len(calls)), len(calls))}
    return [await tasks[place] for place in range(len(calls))]


async def likes(person: Person, tweet_id: int) -> tweets_pb2.Tweet:
    return await person.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def edits(person: Person, tweet_id: int, content: str) -> tweets_pb2.Tweet:
    request = tweets_pb2.EditTweetRequest(id=tweet_id, content=content)
    return await person.clients.tweets.EditTweet(request, metadata=person.signed)


async def deletes(person: Person, tweet_id: int) -> tweets_pb2.DeleteTweetResponse:
    return await person.clients.tweets.DeleteTweet(tweets_pb2.DeleteTweetRequest(id=tweet_id), metadata=person.signed)


async def votes(person: Person, tweet_id: int, option: int) -> tweets_pb2.Tweet:
    request = engagement_pb2.VoteRequest(id=tweet_id, option=option)
    return await person.clients.engagement.Vote(request, metadata=person.signed)


async def pins(person: Person, tweet_id: int) -> engagement_pb2.PinResponse:
    return await person.clients.engagement.Pin(engagement_pb2.PinRequest(id=tweet_id), metadata=person.signed)


async def bookmarks(person: Person, tweet_id: int) -> engagement_pb2.BookmarkResponse:
    request = engagement_pb2.BookmarkRequest(id=tweet_id)
    return await person.clients.engagement.Bookmark(request, metadata=person.signed)


async def retweets(person: Person, tweet_id: int) -> tweets_pb2.Tweet:
    return await person.clients.tweets.Retweet(tweets_pb2.RetweetRequest(id=tweet_id), metadata=person.signed)


async def undoes_retweet(person: Person, tweet_id: int) -> tweets_pb2.UndoRetweetResponse:
    return await person.clients.tweets.UndoRetweet(tweets_pb2.UndoRetweetRequest(id=tweet_id), metadata=person.signed)


async def writes(person: Person, **fields: Any) -> tweets_pb2.Tweet:
    request = tweets_pb2.CreateTweetRequest(content="word", **fields)
    return await person.clients.tweets.CreateTweet(request, metadata=person.signed)


async def follows(person: Person, other: Person) -> graph_pb2.FollowResponse:
    return await person.clients.graph.Follow(graph_pb2.FollowRequest(id=other.id), metadata=person.signed)


async def blocks(person: Person, other: Person) -> relations_pb2.BlockResponse:
    return await person.clients.relations.Block(relations_pb2.BlockRequest(id=other.id), metadata=person.signed)


async def accepts(person: Person, asker: Person) -> relations_pb2.AnswerFollowRequestResponse:
    request = relations_pb2.AnswerFollowRequestRequest(id=asker.id)
    return await person.clients.relations.AcceptFollowRequest(request, metadata=person.signed)


async def leaves(person: Person) -> accounts_pb2.DeleteAccountResponse:
    request = accounts_pb2.DeleteAccountRequest(password=PASSWORD)
    return await person.clients.accounts.DeleteAccount(request, metadata=person.signed)


async def logs_in(served: Serving, name: str) -> users_pb2.AuthResponse:
    return await served.clients.users.Login(users_pb2.LoginRequest(username=name, password=PASSWORD))


async def protects(person: Person, *, protected: bool = True) -> accounts_pb2.AccountSettings:
    request = accounts_pb2.UpdateSettingsRequest(protected=protected)
    return await person.clients.accounts.UpdateSettings(request, metadata=person.signed)


async def polled(person: Person) -> tweets_pb2.Tweet:
    return await writes(person, poll=tweets_pb2.PollInput(options=["a", "b"], duration_minutes=60))


async def tweet(person: Person, tweet_id: int) -> tweets_pb2.Tweet:
    return await person.clients.tweets.GetTweet(tweets_pb2.GetTweetRequest(id=tweet_id), metadata=person.signed)


async def profile(person: Person) -> users_pb2.User:
    return await person.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=person.signed)


async def has_list(person: Person) -> int:
    request = lists_pb2.CreateListRequest(name="people")
    return (await person.clients.lists.CreateList(request, metadata=person.signed)).id


async def adds(person: Person, list_id: int, member: Person) -> lists_pb2.ListMemberResponse:
    request = lists_pb2.ListMemberRequest(id=list_id, user_id=member.id)
    return await person.clients.lists.AddListMember(request, metadata=person.signed)


async def members(person: Person, list_id: int) -> set[int]:
    request = lists_pb2.ListListUsersRequest(id=list_id, limit=100)
    answer = await person.clients.lists.ListListMembers(request, metadata=person.signed)
    return {user.id for user in answer.users}


async def test_after_a_block_nobody_follows_asks_or_is_listed_whatever_came_first(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    adas, bobs = await has_list(ada), await has_list(bob)
    for number in range(ROUNDS):
        await protects(ada, protected=number % 2 == 0)
        await bob.clients.relations.Unblock(relations_pb2.UnblockRequest(id=ada.id), metadata=bob.signed)
        await bob.follow(ada)

        await race(
            follows(ada, bob), blocks(bob, ada), accepts(ada, bob), follows(bob, ada), adds(ada, adas, bob),
            adds(bob, bobs, ada),
        )  # fmt: skip

        assert not await is_following(ada, bob)
        assert not await is_following(bob, ada)
        assert await members(ada, adas) == await members(bob, bobs) == set()
        request = relations_pb2.ListOwnRequest()
        for one in (ada, bob):
            assert not (await one.clients.relations.ListFollowRequests(request, metadata=one.signed)).users
    assert [(await profile(each)).follower_count for each in (ada, bob)] == [0, 0]


async def test_what_is_done_to_a_tweet_while_it_goes_leaves_nothing_counted(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    for _ in range(ROUNDS):
        gone, poll = (await ada.tweet("x")).id, (await polled(ada)).id

        codes = await race(
            likes(bob, gone), writes(bob, reply_to_id=gone), writes(bob, quote_tweet_id=gone), bookmarks(bob, gone),
            pins(ada, gone), retweets(bob, gone), deletes(ada, gone), edits(ada, gone, "y"), votes(bob, poll, 0),
            deletes(ada, poll),
        )  # fmt: skip

        assert set(codes) <= {OK, StatusCode.NOT_FOUND}
        assert (codes[6], codes[9]) == (OK, OK)
        assert not (await profile(ada)).HasField("pinned_tweet_id")
    assert [(await profile(ada)).tweet_count, (await profile(ada)).like_count] == [0, 0]


async def test_whoever_saw_a_tweet_before_its_deletion_finds_it_gone_when_they_act(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    gone, poll = (await ada.tweet("x")).id, (await polled(ada)).id
    gate = Gate(served, SUMMARIES)
    with planted(served, SUMMARIES, gate):
        acting = [
            asyncio.create_task(outcome(call))
            for call in (
                likes(bob, gone), writes(bob, reply_to_id=gone), writes(bob, quote_tweet_id=gone), bookmarks(bob, gone),
                retweets(bob, gone), pins(ada, gone), votes(bob, poll, 0),
            )
        ]  # fmt: skip
        await until(lambda: len(gate.inside) == len(acting), what="everybody had seen the tweet")

        await deletes(ada, gone)
        await deletes(ada, poll)
        gate.open()
        codes = await asyncio.gather(*acting)

    assert set(codes) == {StatusCode.NOT_FOUND}
    assert (await profile(bob)).tweet_count == 0
    assert not (await profile(ada)).HasField("pinned_tweet_id")


async def test_of_edits_at_once_five_count_and_none_is_lost(served: Serving) -> None:
    (ada,) = await served.register("ada")
    for number in range(ROUNDS):
        one = (await ada.tweet("first")).id

        codes = await race(*(edits(ada, one, f"text {number} {attempt}") for attempt in range(8)))

        assert Counter(codes) == {OK: 5, StatusCode.FAILED_PRECONDITION: 3}
        request = tweets_pb2.GetHistoryRequest(id=one)
        versions = (await ada.clients.tweets.GetHistory(request, metadata=ada.signed)).versions
        assert [each.version for each in versions] == [6, 5, 4, 3, 2, 1]
        assert len({each.content for each in versions}) == 6
        now = await tweet(ada, one)
        assert (now.edit_count, now.content) == (5, versions[0].content)


async def test_one_person_votes_once_however_often_they_try(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    poll = (await polled(ada)).id

    codes = await race(*(votes(bob, poll, attempt % 2) for attempt in range(50)))

    assert Counter(codes) == {OK: 25, StatusCode.FAILED_PRECONDITION: 25}
    now = (await tweet(bob, poll)).poll
    assert (now.vote_count, now.options[now.voted_option].vote_count) == (1, 1)


async def test_fifty_pins_leave_one_and_a_deletion_none(served: Serving) -> None:
    (ada,) = await served.register("ada")
    ids = [(await ada.tweet(str(number))).id for number in range(50)]

    assert set(await race(*(pins(ada, each) for each in ids))) == {OK}
    assert (await profile(ada)).pinned_tweet_id in ids
    await race(*(call(ada, each) for each in ids for call in (pins, deletes)))
    assert not (await profile(ada)).HasField("pinned_tweet_id")


async def test_a_retweet_and_its_undoing_never_make_two(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    one = (await ada.tweet("x")).id
    for _ in range(ROUNDS):
        await race(*(call(bob, one) for call in (retweets, undoes_retweet, retweets, undoes_retweet, retweets)))

        now = await tweet(bob, one)
        assert now.retweet_count == int(now.is_retweeted)
        assert len((await bob.user_page(bob.id)).tweets) == now.retweet_count


async def test_a_list_never_holds_more_than_it_may(served: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_storage, "MAX_MEMBERS", 3)
    owner, *people = await served.register("owner", *(f"p{number}" for number in range(8)))
    held = await has_list(owner)

    codes = await race(*(adds(owner, held, person) for person in people for _ in range(2)))

    assert set(codes) == {OK, StatusCode.RESOURCE_EXHAUSTED}
    assert len(await members(owner, held)) == 3


async def test_whoever_protects_themselves_has_no_follower_but_those_who_came_before(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    for _ in range(ROUNDS):
        await protects(ada, protected=False)
        await bob.unfollow(ada)

        await race(follows(bob, ada), protects(ada))

        state = await bob.clients.graph.Follow(graph_pb2.FollowRequest(id=ada.id), metadata=bob.signed)
        assert state.following is not state.requested
        assert (await is_following(bob, ada)) is state.following


async def test_a_scheduled_tweet_is_published_once_as_last_edited_or_not_at_all(served: Serving, clock: Clock) -> None:
    (ada,) = await served.register("ada")
    for number in range(5):
        later = await scheduled(ada, clock, f"first {number}")
        change = drafts_pb2.UpdateScheduledRequest(id=later, tweet=drafts_pb2.TweetInput(content=f"second {number}"))
        cancel = drafts_pb2.DeleteDraftRequest(id=later)
        clock.advance(60_000)

        edited, cancelled = await race(
            ada.clients.drafts.UpdateScheduled(change, metadata=ada.signed),
            ada.clients.drafts.CancelScheduled(cancel, metadata=ada.signed),
        )
        await served.settle()

        gone = drafts_pb2.GetDraftRequest(id=later)
        assert await outcome(ada.clients.drafts.GetScheduled(gone, metadata=ada.signed)) is StatusCode.NOT_FOUND
        published = [
            each.content for each in (await ada.user_page(ada.id)).tweets if each.content.endswith(f" {number}")
        ]
        if cancelled is OK:
            assert published == []
        else:
            assert published == [f"{'second' if edited is OK else 'first'} {number}"]


async def scheduled(person: Person, clock: Clock, content: str) -> int:
    request = drafts_pb2.ScheduleTweetRequest(tweet=drafts_pb2.TweetInput(content=content))
    request.publish_at.FromMilliseconds(clock.now_ms() + 30_000)
    return (await person.clients.drafts.ScheduleTweet(request, metadata=person.signed)).id


async def test_nothing_that_a_leaving_person_writes_outlives_them(served: Serving, clock: Clock) -> None:
    ada, *leaving = await served.register("ada", *(f"leaver{number}" for number in range(6)))
    await protects(ada)
    held, post, poll = await has_list(ada), (await ada.tweet("x")).id, (await polled(ada)).id
    for eve in leaving:
        await eve.follow(ada)
        await outcome(accepts(ada, eve))
        await scheduled(eve, clock, "never")
        clock.advance(30_000)

        await asyncio.gather(
            outcome(leaves(eve)),
            *(
                until_refused(write)
                for write in (
                    partial(writes, eve),
                    partial(writes, eve, reply_to_id=post),
                    partial(writes, eve, quote_tweet_id=post),
                    partial(likes, eve, post),
                    partial(votes, eve, poll, 0),
                    partial(bookmarks, eve, post),
                    partial(follows, eve, ada),
                    partial(follows, ada, eve),
                    partial(adds, ada, held, eve),
                )
            ),
        )

    await served.settle()
    now = await tweet(ada, post)
    assert [now.like_count, now.reply_count, now.quote_count, now.bookmark_count] == [0, 0, 0, 0]
    assert (await tweet(ada, poll)).poll.vote_count == 0
    assert await members(ada, held) == set()
    me = await profile(ada)
    assert (me.follower_count, me.following_count) == (0, 0)


async def test_whoever_is_suspended_is_out_whatever_logins_race_with_it(served: Serving) -> None:
    (eve,) = await served.register("eve")
    operator, admin = served.as_operator(), served.clients.admin
    for _ in range(ROUNDS):
        suspend = admin.SuspendUser(admin_pb2.SuspendUserRequest(id=eve.id), metadata=operator)
        answers = await asyncio.gather(*(logs_in(served, "eve") for _ in range(3)), suspend, return_exceptions=True)

        for answer in answers[:3]:
            if isinstance(answer, users_pb2.AuthResponse):
                signed = (("authorization", f"Bearer {answer.access_token}"),)
                call = served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=signed)
                assert await outcome(call) is StatusCode.UNAUTHENTICATED
        unsuspend = admin.UnsuspendUser(admin_pb2.UnsuspendUserRequest(id=eve.id), metadata=operator)
        codes = await race(unsuspend, logs_in(served, "eve"))
        assert codes[0] is OK
        assert await outcome(logs_in(served, "eve")) is OK


async def test_a_new_password_leaves_no_session_of_the_old_one(served: Serving) -> None:
    (eve,) = await served.register("eve")
    passwords = [PASSWORD, "another horse battery"]
    for number in range(ROUNDS):
        old, new = passwords[number % 2], passwords[1 - number % 2]
        change = accounts_pb2.ChangePasswordRequest(current_password=old, new_password=new)
        login = users_pb2.LoginRequest(username="eve", password=old)

        # Ahead of it and behind it: a login that is checked against the old password may be opened after the new one.
        await asyncio.gather(
            *(outcome(served.clients.users.Login(login)) for _ in range(4)),
            outcome(eve.clients.accounts.ChangePassword(change, metadata=eve.signed)),
            *(outcome(served.clients.users.Login(login)) for _ in range(4)),
        )

        sessions = await eve.clients.accounts.ListSessions(accounts_pb2.ListSessionsRequest(), metadata=eve.signed)
        assert [each.current for each in sessions.sessions] == [True]
