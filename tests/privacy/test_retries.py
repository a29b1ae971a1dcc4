"""A repeat under a key, after the world has changed: the first answer or a documented refusal, and nothing twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

import grpc.aio
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.privacy.scene import block
from tests.rpc.serving import PASSWORD, Metadata, Person, Serving, bearer, refusal, serving

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.rpc.method import SERVICE, Method
from aviary.settings import Settings

KEYED = (("idempotency-key", "once"),)
# Their answers are sessions, or the end of one.
OF_SESSIONS = frozenset({"Register", "Login", "RefreshToken", "Logout", "LogoutAll", "Deactivate", "DeleteAccount"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Ada, who repeats herself; Bob, whose things go out of her sight; Cyd, whose things stay."""

    served: Serving
    channel: grpc.aio.Channel
    ada: Person
    bob: Person
    cyd: Person
    bobs: int
    bobs_poll: int
    bobs_list: int
    cyds: int
    cyds_poll: int
    cyds_list: int
    own: int
    own_too: int
    own_list: int

    async def ask(self, method: Method, request: Message, headers: Metadata = KEYED) -> Message:
        call = self.channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return await call(request, metadata=(*self.ada.signed, *headers))


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request, another one for the same key, and what its repeat ends with once the world has changed."""

    request: Callable[[Stage], Message]
    another: Callable[[Stage], Message]
    refused: StatusCode | None = None


def _scheduled(content: str) -> drafts_pb2.ScheduleTweetRequest:
    request = drafts_pb2.ScheduleTweetRequest(tweet=drafts_pb2.TweetInput(content=content))
    request.publish_at.GetCurrentTime()
    request.publish_at.seconds += 86_400
    request.publish_at.nanos = 0
    return request


def _thread(first: str) -> tweets_pb2.CreateThreadRequest:
    tweets = [tweets_pb2.CreateTweetRequest(content=each) for each in (first, "two")]
    return tweets_pb2.CreateThreadRequest(tweets=tweets)


def _kept(content: str) -> drafts_pb2.CreateDraftRequest:
    return drafts_pb2.CreateDraftRequest(tweet=drafts_pb2.TweetInput(content=content))


REPEATS: Mapping[str, Repeat] = {
    "CreateTweet": Repeat(
        lambda stage: tweets_pb2.CreateTweetRequest(content="a", reply_to_id=stage.bobs),
        lambda stage: tweets_pb2.CreateTweetRequest(content="b", reply_to_id=stage.bobs),
    ),
    "CreateThread": Repeat(lambda _: _thread("one"), lambda _: _thread("other")),
    "LikeTweet": Repeat(
        lambda stage: tweets_pb2.LikeTweetRequest(id=stage.bobs),
        lambda stage: tweets_pb2.LikeTweetRequest(id=stage.cyds),
        refused=StatusCode.NOT_FOUND,
    ),
    "Retweet": Repeat(
        lambda stage: tweets_pb2.RetweetRequest(id=stage.bobs), lambda stage: tweets_pb2.RetweetRequest(id=stage.cyds)
    ),
    "Bookmark": Repeat(
        lambda stage: engagement_pb2.BookmarkRequest(id=stage.bobs),
        lambda stage: engagement_pb2.BookmarkRequest(id=stage.cyds),
    ),
    "Pin": Repeat(
        lambda stage: engagement_pb2.PinRequest(id=stage.own),
        lambda stage: engagement_pb2.PinRequest(id=stage.own_too),
    ),
    "Vote": Repeat(
        lambda stage: engagement_pb2.VoteRequest(id=stage.bobs_poll, option=0),
        lambda stage: engagement_pb2.VoteRequest(id=stage.cyds_poll, option=0),
        refused=StatusCode.NOT_FOUND,
    ),
    "CreateDraft": Repeat(lambda _: _kept("a"), lambda _: _kept("b")),
    "ScheduleTweet": Repeat(lambda _: _scheduled("a"), lambda _: _scheduled("b")),
    "Follow": Repeat(
        lambda stage: graph_pb2.FollowRequest(id=stage.bob.id), lambda stage: graph_pb2.FollowRequest(id=stage.cyd.id)
    ),
    "Block": Repeat(
        lambda stage: relations_pb2.BlockRequest(id=stage.bob.id),
        lambda stage: relations_pb2.BlockRequest(id=stage.cyd.id),
    ),
    "Mute": Repeat(
        lambda stage: relations_pb2.MuteRequest(id=stage.bob.id),
        lambda stage: relations_pb2.MuteRequest(id=stage.cyd.id),
    ),
    "AcceptFollowRequest": Repeat(
        lambda stage: relations_pb2.AnswerFollowRequestRequest(id=stage.bob.id),
        lambda stage: relations_pb2.AnswerFollowRequestRequest(id=stage.cyd.id),
    ),
    "DenyFollowRequest": Repeat(
        lambda stage: relations_pb2.AnswerFollowRequestRequest(id=stage.bob.id),
        lambda stage: relations_pb2.AnswerFollowRequestRequest(id=stage.cyd.id),
    ),
    "CreateList": Repeat(
        lambda _: lists_pb2.CreateListRequest(name="a"), lambda _: lists_pb2.CreateListRequest(name="b")
    ),
    "AddListMember": Repeat(
        lambda stage: lists_pb2.ListMemberRequest(id=stage.own_list, user_id=stage.bob.id),
        lambda stage: lists_pb2.ListMemberRequest(id=stage.own_list, user_id=stage.cyd.id),
        refused=StatusCode.NOT_FOUND,
    ),
    "FollowList": Repeat(
        lambda stage: lists_pb2.FollowListRequest(id=stage.bobs_list),
        lambda stage: lists_pb2.FollowListRequest(id=stage.cyds_list),
        refused=StatusCode.NOT_FOUND,
    ),
}


@pytest.fixture
async def stage(settings: Settings) -> AsyncIterator[Stage]:
    async with serving(settings, workers=False) as served, grpc.aio.insecure_channel(served.address) as channel:
        ada, bob, cyd = await served.register("ada", "bob", "cyd")
        yield Stage(
            served=served,
            channel=channel,
            ada=ada,
            bob=bob,
            cyd=cyd,
            bobs=(await bob.tweet("bob's")).id,
            bobs_poll=await _poll(bob),
            bobs_list=await _list(bob),
            cyds=(await cyd.tweet("cyd's")).id,
            cyds_poll=await _poll(cyd),
            cyds_list=await _list(cyd),
            own=(await ada.tweet("own")).id,
            own_too=(await ada.tweet("own, too")).id,
            own_list=await _list(ada),
        )


async def _poll(person: Person) -> int:
    poll = tweets_pb2.PollInput(options=["a", "b"], duration_minutes=60)
    request = tweets_pb2.CreateTweetRequest(content="well?", poll=poll)
    return (await person.clients.tweets.CreateTweet(request, metadata=person.signed)).id


async def _list(person: Person) -> int:
    request = lists_pb2.CreateListRequest(name="people")
    return (await person.clients.lists.CreateList(request, metadata=person.signed)).id


async def _asked(stage: Stage) -> None:
    """Let Bob and Cyd ask to follow Ada."""
    request = accounts_pb2.UpdateSettingsRequest(protected=True)
    await stage.ada.clients.accounts.UpdateSettings(request, metadata=stage.ada.signed)
    await stage.bob.follow(stage.ada)
    await stage.cyd.follow(stage.ada)


async def _change(stage: Stage, first: Message) -> None:
    """Take from under Ada what the first request made, and what it was about."""
    ada, bob = stage.ada, stage.bob
    for own in await _own_tweets(stage):
        await ada.delete(own)
    if isinstance(first, drafts_pb2.ScheduledTweet):
        await ada.clients.drafts.CancelScheduled(drafts_pb2.DeleteDraftRequest(id=first.id), metadata=ada.signed)
    if isinstance(first, drafts_pb2.Draft):
        await ada.clients.drafts.DeleteDraft(drafts_pb2.DeleteDraftRequest(id=first.id), metadata=ada.signed)
    if isinstance(first, lists_pb2.UserList):
        await ada.clients.lists.DeleteList(lists_pb2.DeleteListRequest(id=first.id), metadata=ada.signed)
    await bob.delete(stage.bobs)
    await block(bob, ada)


async def _own_tweets(stage: Stage) -> list[int]:
    return [tweet.id for tweet in (await stage.ada.user_page(stage.ada.id, limit=100)).tweets]


def _method(served: Serving, name: str) -> Method:
    return next(each for each in served.platform.dispatcher.methods if each.name == name)


async def test_every_rpc_with_a_key_has_its_row_in_the_table(stage: Stage) -> None:
    methods = stage.served.platform.dispatcher.methods
    assert {each.name for each in methods if each.has_key and each.access != SERVICE} == {*REPEATS, *OF_SESSIONS}


@pytest.mark.parametrize("name", REPEATS)
async def test_a_repeat_after_the_world_changed_gives_the_first_answer_or_its_refusal(stage: Stage, name: str) -> None:
    repeat, method = REPEATS[name], _method(stage.served, name)
    await _asked(stage)
    request = repeat.request(stage)
    first = await stage.ask(method, request)
    await _change(stage, first)
    before = await _own_tweets(stage)

    if repeat.refused is None:
        assert _essence(await stage.ask(method, request)) == _essence(first)
    else:
        assert (await refusal(stage.ask(method, request))).code() is repeat.refused
    assert (await refusal(stage.ask(method, repeat.another(stage)))).code() is StatusCode.ALREADY_EXISTS
    assert await _own_tweets(stage) == before == []


def _essence(answer: Message) -> object:
    """What a first answer is known by; a tweet's counters and what it shows inside are as they are now."""
    if isinstance(answer, tweets_pb2.Tweet):
        return answer.id, answer.content
    if isinstance(answer, tweets_pb2.Thread):
        return [(each.id, each.content) for each in answer.tweets]
    return answer


async def test_a_used_up_limit_refuses_what_is_new_and_repeats_the_rest(settings: Settings) -> None:
    scarce = replace(settings, limits="on", limit_tweets=2, limit_likes=1, limit_follows=1)
    async with serving(scarce, workers=False) as served:
        ada, bob = await served.register("ada", "bob")
        like = tweets_pb2.LikeTweetRequest(id=(await bob.tweet("x")).id, request_id="k")
        other = tweets_pb2.LikeTweetRequest(id=(await bob.tweet("y")).id, request_id="k")
        follow = graph_pb2.FollowRequest(id=bob.id, request_id="k")
        post = tweets_pb2.CreateTweetRequest(content="a", request_id="k")
        thread = _thread("one")
        clients, signed = ada.clients, ada.signed
        first = await clients.tweets.CreateTweet(post, metadata=signed)
        await clients.tweets.LikeTweet(like, metadata=signed)
        await clients.graph.Follow(follow, metadata=signed)
        await ada.tweet("the last")

        assert (await clients.tweets.CreateTweet(post, metadata=signed)).id == first.id
        assert (await clients.tweets.LikeTweet(like, metadata=signed)).is_liked
        assert (await clients.graph.Follow(follow, metadata=signed)).following
        post.content = "another"
        for repeated in (
            clients.tweets.CreateTweet(post, metadata=signed),
            clients.tweets.LikeTweet(other, metadata=signed),
        ):
            assert (await refusal(repeated)).code() is StatusCode.ALREADY_EXISTS
        post.request_id = "new"
        for new in (
            clients.tweets.CreateTweet(post, metadata=signed),
            clients.tweets.CreateThread(thread, metadata=signed),
        ):
            assert (await refusal(new)).code() is StatusCode.RESOURCE_EXHAUSTED


async def test_no_repeat_signs_in_whoever_was_put_out_since(stage: Stage) -> None:
    users = stage.served.clients.users
    register = users_pb2.RegisterRequest(username="eve", email="eve@example.com", password=PASSWORD, request_id="r")
    login = users_pb2.LoginRequest(username="eve", password=PASSWORD, request_id="l")
    eve = await users.Register(register)
    await users.Login(login)
    await users.LogoutAll(users_pb2.LogoutAllRequest(), metadata=bearer(eve.access_token))

    for repeat in (users.Register(register), users.Login(login)):
        assert (await refusal(repeat)).code() is StatusCode.UNAUTHENTICATED

    login.request_id = "new"
    await users.Login(login)
    suspension = admin_pb2.SuspendUserRequest(id=eve.user.id)
    await stage.served.clients.admin.SuspendUser(suspension, metadata=stage.served.as_operator())
    assert (await refusal(users.Register(register))).code() is StatusCode.UNAUTHENTICATED
    assert (await refusal(users.Login(login))).code() is StatusCode.PERMISSION_DENIED
