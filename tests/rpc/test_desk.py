"""Calls that the front hands over within the process: like those of the server behind it, whatever happens to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.planting import GET_ME, Gate, planted
from tests.rpc.serving import Clients, Person, Serving, bearer, refusal, serving
from tests.rpc.waiting import until

from aviary._native import FrontServer
from aviary.api.graph.v1 import graph_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2
from aviary.errors import RateLimited
from aviary.ids import unpack
from aviary.rpc.call import Call
from aviary.rpc.desk import Desk, Taken
from aviary.rpc.front import FrontGate
from aviary.settings import Settings

# A call as gRPC's stubs type it, whatever is asked and answered.
AnyCall = grpc.aio.UnaryUnaryCall[Any, Any]
Ask = Callable[[Person, Clients], AnyCall]


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(replace(settings, limits="on", limit_tweets=3, front="on"), workers=False) as running:
        yield running


@pytest.fixture
async def fronted(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(replace(settings, front="on"), workers=False) as running:
        yield running


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the calls that were handed over."""
    paths: list[str] = []
    answer = Desk._answer

    async def noted(self: Desk, server: FrontServer, taken: Taken) -> None:
        paths.append(self.paths[taken[1]])
        await answer(self, server, taken)

    monkeypatch.setattr(Desk, "_answer", noted)
    return paths


class Proving(grpc.aio.UnaryUnaryClientInterceptor):
    """Says what the front says to the server behind it, which hears nobody else."""

    def __init__(self, gate: FrontGate) -> None:
        self._proof = gate.proof

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        metadata = (*client_call_details.metadata, self._proof)
        return await continuation(client_call_details._replace(metadata=metadata), request)


@asynccontextmanager
async def both_ways(served: Serving) -> AsyncIterator[list[grpc.aio.Channel]]:
    """The front, and the server behind it."""
    gate = served.platform.front
    assert gate is not None
    async with (
        grpc.aio.insecure_channel(served.address) as front,
        grpc.aio.insecure_channel(f"127.0.0.1:{gate.behind}", interceptors=[Proving(gate)]) as behind,
    ):
        yield [front, behind]


def _get_me(person: Person, clients: Clients) -> AnyCall:
    return clients.users.GetMe(users_pb2.GetMeRequest(), metadata=person.signed)


def _nobody(_person: Person, clients: Clients) -> AnyCall:
    return clients.users.GetMe(users_pb2.GetMeRequest(), metadata=bearer("forged"))


def _bad(person: Person, clients: Clients) -> AnyCall:
    request = tweets_pb2.CreateTweetRequest(content="über\x07 100 %", reply_audience="kein Vögelchen")
    return clients.tweets.CreateTweet(request, metadata=person.signed)


def _missing(person: Person, clients: Clients) -> AnyCall:
    return clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=5), metadata=person.signed)


def _forbidden(person: Person, clients: Clients) -> AnyCall:
    return clients.graph.GetSources(graph_pb2.GetSourcesRequest(viewer_id=1), metadata=person.signed)


async def _outcome(call: AnyCall) -> tuple[Any, list[tuple[str, Any]], list[tuple[str, Any]]]:
    """All that a caller sees; of the protocol's own headers nothing, and of limits not how much is left."""
    answer: object = None
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        answer = (error.code(), error.details())
    own = {"x-ratelimit-limit", "x-ratelimit-reset", "retry-after", "grpc-status-details-bin"}
    told = [(key, value) for key, value in (await call.initial_metadata()) if key in own]
    ended = [(key, value) for key, value in (await call.trailing_metadata()) if key in own]
    return answer, told, ended


@pytest.mark.parametrize("ask", [_get_me, _nobody, _bad, _missing, _forbidden])
async def test_a_call_is_answered_as_by_the_server_behind(limited: Serving, ask: Ask, taken: list[str]) -> None:
    (ada,) = await limited.register("ada")
    taken.clear()
    async with both_ways(limited) as (front, behind):
        ours = await _outcome(ask(ada, Clients(front)))
        assert len(taken) == 1
        assert ours == await _outcome(ask(ada, Clients(behind)))
        assert len(taken) == 1


async def test_a_used_up_limit_is_told_as_by_the_server_behind(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    for number in range(3):
        await ada.tweet(f"number {number}")
    request = tweets_pb2.CreateTweetRequest(content="one too many")
    async with both_ways(limited) as ways:
        outcomes = [await _outcome(Clients(each).tweets.CreateTweet(request, metadata=ada.signed)) for each in ways]
    # The window's end comes nearer meanwhile, perhaps by a whole second.
    kinds = [(answer[0], [key for key, _ in told]) for answer, told, _ in outcomes]

    assert kinds[0] == kinds[1]
    assert kinds[0][0] is StatusCode.RESOURCE_EXHAUSTED
    assert "retry-after" in kinds[0][1]


async def test_ready_json_comes_the_same_both_ways(fronted: Serving, taken: list[str]) -> None:
    (ada,) = await fronted.register("ada")
    tweet = await ada.tweet("hello")
    path = "/aviary.api.tweets.v1.TweetServiceJson/ListReplies"
    await ada.tweet("hello again", reply_to=tweet.id)
    raw = tweets_pb2.ListRepliesRequest(id=tweet.id).SerializeToString()
    bodies: list[bytes] = []
    async with both_ways(fronted) as ways:
        for channel in ways:
            ask: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
            bodies.append(await ask(raw, metadata=ada.signed))

    assert bodies[0] == bodies[1]
    assert b'"content":"hello again"' in bodies[0]
    assert taken[-1] == path


async def test_streams_and_odd_calls_go_to_the_server_behind_and_are_answered(
    fronted: Serving, taken: list[str]
) -> None:
    ada, bob = await fronted.register("ada", "bob")
    await bob.follow(ada)
    taken.clear()
    request = graph_pb2.StreamFollowersRequest(user_id=ada.id)
    pieces = [each async for each in fronted.clients.graph.StreamFollowers(request, metadata=fronted.as_operator())]
    assert [follower for piece in pieces for follower in unpack(piece.ids)] == [bob.id]

    zipped = grpc.aio.insecure_channel(fronted.address, compression=grpc.Compression.Gzip)
    async with zipped as channel:
        long = "a" * 200
        tweet = await Clients(channel).tweets.CreateTweet(
            tweets_pb2.CreateTweetRequest(content=long), metadata=ada.signed
        )
    assert tweet.content == long
    assert taken == []


async def test_whoever_leaves_ends_the_call(settings: Settings) -> None:
    # So that it is not the deadline that ends it.
    async with serving(replace(settings, front="on", deadline_ms=600_000), workers=False) as patient:
        await _must_end_with_its_caller(patient)


async def _must_end_with_its_caller(fronted: Serving) -> None:
    (ada,) = await fronted.register("ada")
    ended: list[str] = []
    inside = asyncio.Event()

    async def wait(_request: Message, _call: Call) -> Message:
        inside.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        raise AssertionError("unreachable")

    with planted(fronted, GET_ME, wait):
        call = _get_me(ada, fronted.clients)
        # A call does nothing before somebody waits for it.
        waiting = asyncio.ensure_future(_outcome(call))
        await inside.wait()
        call.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: ended == ["cancelled"], what="the handler ended")

    assert (await fronted.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed)).id == ada.id


async def test_a_call_ends_with_the_time_that_its_caller_has(fronted: Serving) -> None:
    (ada,) = await fronted.register("ada")
    gate = Gate(fronted, GET_ME)
    with planted(fronted, GET_ME, gate):
        call = fronted.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed, timeout=0.5)
        # Which of the three clocks strikes first, the caller's, the transport's or the handlers', nobody knows.
        assert (await refusal(call)).code() in {StatusCode.DEADLINE_EXCEEDED, StatusCode.CANCELLED}
        (inside,) = gate.inside
        assert inside.remaining_s() < 0.1
        await until(lambda: not _is_served(fronted), what="the handler ended")


def _is_served(fronted: Serving) -> bool:
    assert fronted.platform.front is not None
    assert fronted.platform.front._desk is not None
    return bool(fronted.platform.front._desk._serving)


async def test_a_failure_outside_the_handlers_is_an_internal_error_and_logged(
    fronted: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    (ada,) = await fronted.register("ada")

    async def answer_with_something_else(_request: Message, _call: Call) -> Message:
        return None  # type: ignore[return-value]

    with planted(fronted, GET_ME, answer_with_something_else), caplog.at_level(logging.ERROR, "aviary.front"):
        error = await refusal(_get_me(ada, fronted.clients))

    assert (error.code(), error.details()) == (StatusCode.INTERNAL, "internal error")
    assert "call_failed" in caplog.text


async def test_headers_come_with_an_answer_and_with_a_refusal(fronted: Serving) -> None:
    (ada,) = await fronted.register("ada")

    async def told(_request: Message, call: Call) -> Message:
        call.headers["x-ratelimit-limit"] = "7"
        return users_pb2.User(id=5)

    async def refused(_request: Message, call: Call) -> Message:
        call.headers["x-ratelimit-limit"] = "8"
        raise RateLimited("enough", retry_after_s=1.2)

    async def seen(handler: Callable[[Message, Call], Awaitable[Message]]) -> tuple[Any, ...]:
        with planted(fronted, GET_ME, handler):
            return await _outcome(_get_me(ada, fronted.clients))

    assert (await seen(told))[:2] == (users_pb2.User(id=5), [("x-ratelimit-limit", "7")])
    answer, headers, _ = await seen(refused)
    assert answer == (StatusCode.RESOURCE_EXHAUSTED, "enough")
    assert headers == [("x-ratelimit-limit", "8"), ("retry-after", "2")]


async def test_hundreds_of_calls_at_once_each_get_their_own_answer(fronted: Serving, taken: list[str]) -> None:
    ada, bob = await fronted.register("ada", "bob")
    taken.clear()
    people = [ada, bob] * 150
    found = await asyncio.gather(*(_get_me(each, fronted.clients) for each in people))

    assert [getattr(user, "id", 0) for user in found] == [each.id for each in people]
    assert len(taken) == len(people)
