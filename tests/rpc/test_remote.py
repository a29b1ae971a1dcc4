"""Calls from one process to another: what arrives of them, and what is done when the other fails, is late or away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry import trace
from tests.rpc.fleet import Fleet, Handler, Node, fleet
from tests.rpc.waiting import until

from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import admin_pb2, users_pb2
from aviary.api.users.v1.admin_pb2_grpc import AdminServiceStub
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.errors import (
    AviaryError,
    Conflict,
    DeadlineExceeded,
    FailedPrecondition,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from aviary.rpc.call import Call, Peer, current_call
from aviary.rpc.channels import Channels
from aviary.rpc.method import method_at
from aviary.rpc.remote import RemoteChannel
from aviary.settings import Settings

BATCH_GET = "/aviary.api.users.v1.UserService/BatchGetUsers"


@pytest.fixture
async def ships(settings: Settings) -> AsyncIterator[Fleet]:
    async with fleet(settings) as running:
        yield running


async def pair(ships: Fleet, **changed: Any) -> tuple[Node, Node]:
    """Users, and a graph that knows where they are."""
    users = await ships.node("users")
    return users, await ships.node("graph", knows=[users.address("users")], **changed)


def users_of(node: Node, name: str = "graph") -> UserServiceStub:
    return UserServiceStub(node.channels.channel(name))


def ask(*ids: int) -> users_pb2.BatchGetUsersRequest:
    return users_pb2.BatchGetUsersRequest(ids=ids)


def failing(error: AviaryError, *, times: int = 10**9) -> Handler:
    left = times

    async def handler(_request: Message, call: Call) -> Message:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return call.method.response()

    return handler


async def refused(call: Awaitable[Message]) -> AviaryError:
    with pytest.raises(AviaryError) as caught:
        await call
    return caught.value


def within(deadline_s: float) -> Call:
    """A call that is being served, in which others are made."""
    deadline = time.monotonic() + deadline_s
    return Call(method=method_at(BATCH_GET), metadata={}, deadline=deadline, from_network=True)


async def test_a_call_crosses_and_tells_who_calls(ships: Fleet) -> None:
    users, graph = await pair(ships)

    async def answer(request: users_pb2.BatchGetUsersRequest, _call: Call) -> Message:
        return users_pb2.BatchGetUsersResponse(users=[users_pb2.User(id=id_) for id_ in request.ids])

    users.handlers.planted["BatchGetUsers"] = answer
    found = await users_of(graph).BatchGetUsers(ask(2, 1))

    assert [user.id for user in found.users] == [2, 1]
    (call,) = users.handlers.calls
    assert (call.caller, call.from_network) == (Peer("graph"), True)


async def test_a_service_of_the_same_process_is_called_without_the_network(ships: Fleet) -> None:
    both = await ships.node("users", "graph")
    await users_of(both).BatchGetUsers(ask(1))

    assert not both.handlers.calls[0].from_network


@pytest.mark.parametrize(
    "raised",
    [
        InvalidInput("limit is 0; it must be from 1 to 100", fields={"limit": "1 to 100"}),
        Unauthenticated("the session was ended"),
        Forbidden("tweet 403 is somebody else's"),
        NotFound("there is no tweet 404"),
        Conflict("the name is taken"),
        FailedPrecondition("the poll is closed"),
        RateLimited("the queue is full", retry_after_s=1.5),
        Unavailable("the disk is full", retry_after_s=60),
        DeadlineExceeded("BatchGetUsers ran out of time; repeat it under the same key"),
        AviaryError("internal error"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_errors_arrive_as_they_were_raised(ships: Fleet, raised: AviaryError) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = failing(raised)
    arrived = await refused(users_of(graph).BatchGetUsers(ask(1)))

    assert type(arrived) is type(raised)
    assert (arrived.message, arrived.retry_after_s) == (raised.message, raised.retry_after_s)
    assert getattr(arrived, "fields", None) == getattr(raised, "fields", None)


async def test_a_deadline_goes_along_over_two_hops_and_shrinks(ships: Fleet) -> None:
    graph = await ships.node("graph")
    users = await ships.node("users", knows=[graph.address("graph")])
    tweets = await ships.node("tweets", knows=[users.address("users")])

    async def pass_on(_request: Message, _call: Call) -> Message:
        await GraphServiceStub(users.channels.channel("users")).BatchGetCounts(graph_pb2.BatchGetCountsRequest())
        return users_pb2.BatchGetUsersResponse()

    users.handlers.planted["BatchGetUsers"] = pass_on
    token = current_call.set(within(2.0))
    await users_of(tweets, "tweets").BatchGetUsers(ask(1))
    current_call.reset(token)

    (first,), (second,) = users.handlers.calls, graph.handlers.calls
    assert 0 < second.deadline < first.deadline
    assert first.remaining_s() < 2.0 - 0.02
    # The margin of 20 ms, less the 10 that gRPC may round a deadline up by.
    assert second.deadline <= first.deadline - 0.005


async def test_a_call_without_time_left_is_not_made(ships: Fleet) -> None:
    users, graph = await pair(ships)
    token = current_call.set(within(0.01))
    error = await refused(users_of(graph).BatchGetUsers(ask(1)))
    current_call.reset(token)

    assert isinstance(error, DeadlineExceeded)
    assert error.message == "BatchGetUsers ran out of time; repeat it under the same key"
    assert not users.handlers.calls


async def test_a_call_that_takes_too_long_ends_here_and_there(ships: Fleet) -> None:
    users, graph = await pair(ships)
    ended: list[BaseException] = []

    async def hang(_request: Message, _call: Call) -> Message:
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            ended.append(error)
            raise
        raise AssertionError

    users.handlers.planted["BatchGetUsers"] = hang
    error = await refused(users_of(graph).BatchGetUsers(ask(1), timeout=0.1))

    assert isinstance(error, DeadlineExceeded)
    await until(lambda: bool(ended), what="the handler was told")


async def test_a_deadline_that_passes_on_both_sides_is_no_fault_to_log(
    ships: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = hanging
    calls = [users_of(graph).BatchGetUsers(ask(1), timeout=0.05 + number / 1_000) for number in range(50)]
    with caplog.at_level(logging.ERROR):
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: users.server._in_flight == 0, what="the handlers ended")

    assert {type(outcome) for outcome in outcomes} == {DeadlineExceeded}
    assert not caplog.records


async def test_a_trace_goes_along(ships: Fleet) -> None:
    users, graph = await pair(ships)
    context = trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        await users_of(graph).BatchGetUsers(ask(1))

    assert users.handlers.calls[0].metadata["traceparent"] == f"00-{0xABC:032x}-{0xDEF:016x}-01"


async def test_a_stream_arrives_in_order_and_its_error_after_it(ships: Fleet) -> None:
    graph = await ships.node("graph")
    fanout = await ships.node("fanout", knows=[graph.address("graph")])

    async def pages(_request: Message, _call: Call) -> AsyncIterator[Message]:
        for number in range(3):
            yield graph_pb2.FollowerIds(ids=bytes([number]))
        raise Unavailable("the store went away", retry_after_s=2)

    graph.handlers.planted["StreamFollowers"] = pages
    stream = followers(fanout)
    assert [(await anext(stream)).ids for _ in range(3)] == [b"\0", b"\1", b"\2"]
    with pytest.raises(Unavailable, match="the store went away") as caught:
        await anext(stream)
    assert caught.value.retry_after_s == 2
    # It had begun, so its reader had something of it.
    assert len(graph.handlers.calls) == 1


def followers(node: Node) -> AsyncIterator[graph_pb2.FollowerIds]:
    stub = GraphServiceStub(node.channels.channel("fanout"))
    return aiter(stub.StreamFollowers(graph_pb2.StreamFollowersRequest(user_id=1)))


async def test_a_stream_that_has_not_begun_is_asked_for_again(ships: Fleet) -> None:
    graph = await ships.node("graph")
    fanout = await ships.node("fanout", knows=[graph.address("graph")])
    tries = 0

    async def pages(_request: Message, _call: Call) -> AsyncIterator[Message]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unavailable("not yet")
        yield graph_pb2.FollowerIds(ids=b"x")

    graph.handlers.planted["StreamFollowers"] = pages
    assert [page.ids async for page in followers(fanout)] == [b"x"]


async def test_a_reader_that_leaves_a_stream_ends_it(ships: Fleet) -> None:
    graph = await ships.node("graph")
    fanout = await ships.node("fanout", knows=[graph.address("graph")])
    ended: list[bool] = []

    async def endless(_request: Message, _call: Call) -> AsyncIterator[Message]:
        try:
            while True:
                yield graph_pb2.FollowerIds(ids=b"x")
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    graph.handlers.planted["StreamFollowers"] = endless
    async with aclosing(followers(fanout)) as pages:  # type: ignore[type-var]
        assert (await anext(pages)).ids == b"x"

    await until(lambda: bool(ended), what="the handler was told")


async def test_a_read_that_fails_once_is_made_again(ships: Fleet) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = failing(Unavailable("restarting"), times=2)
    await users_of(graph).BatchGetUsers(ask(1))

    assert len(users.handlers.calls) == 3
    assert graph.repeats("users", "retry") == 2


@pytest.mark.parametrize("error", [RateLimited("too many"), NotFound("none"), AviaryError("internal error")])
async def test_what_would_fail_again_is_not_made_again(ships: Fleet, error: AviaryError) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = failing(error)
    await refused(users_of(graph).BatchGetUsers(ask(1)))

    assert len(users.handlers.calls) == 1


async def test_a_read_waits_as_long_as_it_was_told_to_or_not_at_all(ships: Fleet) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = failing(Unavailable("full", retry_after_s=0.2), times=1)
    started = time.monotonic()
    await users_of(graph).BatchGetUsers(ask(1))
    assert time.monotonic() - started >= 0.2

    users.handlers.planted["BatchGetUsers"] = failing(Unavailable("full", retry_after_s=60), times=1)
    error = await refused(users_of(graph).BatchGetUsers(ask(1)))
    assert (error.retry_after_s, len(users.handlers.calls)) == (60, 3)


async def test_a_write_that_reached_a_handler_is_made_again_only_under_a_key(ships: Fleet) -> None:
    users, graph = await pair(ships)
    suspend = AdminServiceStub(graph.channels.to("users", name="operator")).SuspendUser
    users.handlers.planted["SuspendUser"] = failing(Unavailable("the answer got lost"), times=1)
    await refused(suspend(admin_pb2.SuspendUserRequest(id=1)))
    assert len(users.handlers.calls) == 1

    # No service writes under a key yet; the gateway does.
    register = UserServiceStub(graph.channels.to("users", name="gateway")).Register
    users.handlers.planted["Register"] = failing(Unavailable("the answer got lost"), times=1)
    await refused(register(users_pb2.RegisterRequest(username="ada")))
    users.handlers.planted["Register"] = failing(Unavailable("the answer got lost"), times=1)
    await register(users_pb2.RegisterRequest(username="ada", request_id="k"))
    assert len(users.handlers.calls) == 1 + 1 + 2


async def test_a_write_whose_connection_breaks_is_not_made_again(ships: Fleet) -> None:
    first, second = await ships.node("users"), await ships.node("users")
    graph = await ships.node("graph", knows=[first.address("users"), second.address("users")])
    suspend = AdminServiceStub(graph.channels.to("users", name="operator")).SuspendUser
    for node in (first, second):
        node.handlers.planted["SuspendUser"] = hanging
    under_way = asyncio.ensure_future(suspend(admin_pb2.SuspendUserRequest(id=1)))
    await until(lambda: bool(first.handlers.calls or second.handlers.calls), what="it arrived")
    (reached, other) = (first, second) if first.handlers.calls else (second, first)
    await reached.server._server.stop(None)

    error = await refused(under_way)
    assert (type(error), error.message) == (Unavailable, "the users service does not answer")
    assert not other.handlers.calls


async def hanging(_request: Message, _call: Call) -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_write_that_was_never_sent_finds_the_replica_that_is_left(ships: Fleet) -> None:
    first, second = await ships.node("users"), await ships.node("users")
    graph = await ships.node("graph", knows=[first.address("users"), second.address("users")])
    suspend = AdminServiceStub(graph.channels.to("users", name="operator")).SuspendUser
    for number in range(4):
        await suspend(admin_pb2.SuspendUserRequest(id=number))
    assert len(first.handlers.calls) == len(second.handlers.calls) == 2
    await first.server._server.stop(None)

    for number in range(20):
        await suspend(admin_pb2.SuspendUserRequest(id=number))
    assert len(second.handlers.calls) == 22


async def test_a_write_that_was_never_sent_is_made_again(ships: Fleet) -> None:
    graph = await ships.node("graph")
    suspend = AdminServiceStub(graph.channels.to("users", name="operator")).SuspendUser
    error = await refused(suspend(admin_pb2.SuspendUserRequest(id=1)))

    assert (type(error), error.message) == (Unavailable, "the users service does not answer")
    assert graph.repeats("users", "retry") == 3


async def test_nobody_is_told_an_address(ships: Fleet) -> None:
    graph = await ships.node("graph", knows=["users=no-such-host.invalid:1"])
    error = await refused(users_of(graph).BatchGetUsers(ask(1), timeout=3))

    assert (type(error), error.message) == (Unavailable, "the users service does not answer")
    assert error.retry_after_s == 1


async def test_replicas_take_turns(ships: Fleet) -> None:
    replicas = [await ships.node("users") for _ in range(3)]
    graph = await ships.node("graph", knows=[each.address("users") for each in replicas])
    for _ in range(30):
        await users_of(graph).BatchGetUsers(ask(1))

    assert [len(each.handlers.calls) for each in replicas] == [10, 10, 10]


async def test_a_replica_that_says_it_cannot_serve_is_left_out_until_it_can(ships: Fleet) -> None:
    sick: list[bool] = []

    async def check() -> None:
        if sick:
            raise Unavailable("the tables don't answer")

    first, second = await ships.node("users", ready_checks=[check]), await ships.node("users")
    first.server._readiness._every_s = 0.01
    graph = await ships.node("graph", knows=[first.address("users"), second.address("users")])

    async def share_of_first() -> int:
        first.handlers.calls.clear()
        for _ in range(10):
            await users_of(graph).BatchGetUsers(ask(1))
        return len(first.handlers.calls)

    assert await share_of_first() == 5
    sick.append(True)
    await until(lambda: not first.server.is_ready, what="the probe saw it")

    async def is_left_out() -> bool:
        return await share_of_first() == 0

    await until(is_left_out, what="its callers heard of it")
    sick.clear()

    async def is_back() -> bool:
        return await share_of_first() == 5

    await until(is_back, what="it was asked again")


async def test_retries_end_with_their_budget(ships: Fleet) -> None:
    users, graph = await pair(ships, breaker_percent=100)
    seen = 0

    async def every_other(_request: Message, call: Call) -> Message:
        nonlocal seen
        seen += 1
        if seen % 2:
            raise Unavailable("this one not")
        return call.method.response()

    users.handlers.planted["BatchGetUsers"] = every_other
    stub = users_of(graph)
    outcomes: Counter[bool] = Counter()
    for _ in range(300):
        outcome = await asyncio.gather(stub.BatchGetUsers(ask(1)), return_exceptions=True)
        outcomes[isinstance(outcome[0], AviaryError)] += 1

    retries = graph.repeats("users", "retry")
    assert len(users.handlers.calls) == 300 + retries
    # A tenth of the calls, and the ten that were saved up before.
    assert 30 <= retries <= 40
    assert outcomes[True] > 100


async def test_the_breaker_opens_on_a_service_that_fails_and_closes_when_it_is_back(ships: Fleet) -> None:
    users, graph = await pair(ships, breaker_open_s=0.3)
    users.handlers.planted["BatchGetUsers"] = failing(Unavailable("down"))
    stub = users_of(graph)
    for _ in range(20):
        await refused(stub.BatchGetUsers(ask(1)))
    reached = len(users.handlers.calls)
    started = time.monotonic()
    error = await refused(stub.BatchGetUsers(ask(1)))

    assert (type(error), error.message) == (Unavailable, "the users service does not answer")
    assert error.retry_after_s == 1
    assert time.monotonic() - started < 0.05
    assert len(users.handlers.calls) == reached
    assert graph.metrics.registry.get_sample_value("aviary_peer_breaker_state", {"service": "users"}) == 2

    del users.handlers.planted["BatchGetUsers"]

    async def is_back() -> bool:
        outcome = await asyncio.gather(stub.BatchGetUsers(ask(1)), return_exceptions=True)
        return not isinstance(outcome[0], AviaryError)

    await until(is_back, what="a trial was let through")
    for _ in range(3):
        await stub.BatchGetUsers(ask(1))
    assert graph.metrics.registry.get_sample_value("aviary_peer_breaker_state", {"service": "users"}) == 0


async def test_a_breaker_stops_the_calls_to_one_service_alone(ships: Fleet) -> None:
    users, graph = await ships.node("users"), await ships.node("graph")
    tweets = await ships.node("tweets", knows=[users.address("users"), graph.address("graph")])
    users.handlers.planted["BatchGetUsers"] = failing(Unavailable("down"))
    for _ in range(30):
        await refused(users_of(tweets, "tweets").BatchGetUsers(ask(1)))

    await RelationServiceStub(tweets.channels.channel("tweets")).GetStandings(relations_pb2.GetStandingsRequest())


async def hedging_pair(ships: Fleet, call: Callable[[Node], Awaitable[Message]]) -> tuple[Node, Node, Node]:
    """Two replicas that were fast so far, of which the first now hangs."""
    first, second = await ships.node("users"), await ships.node("users")
    # Late enough that a busy machine alone makes no call late.
    knows = [first.address("users"), second.address("users")]
    graph = await ships.node("graph", knows=knows, hedge_after_ms=200)
    for _ in range(40):
        await call(graph)
    for rpc in ("BatchGetUsers", "SuspendUser"):
        first.handlers.planted[rpc] = hanging
    return graph, first, second


async def test_a_late_read_is_raced_against_another_replica(ships: Fleet) -> None:
    graph, first, _second = await hedging_pair(ships, lambda node: users_of(node).BatchGetUsers(ask(1)))
    first.handlers.calls.clear()
    started = time.monotonic()
    for _ in range(6):
        await users_of(graph).BatchGetUsers(ask(1))

    assert len(first.handlers.calls) == 3
    assert graph.repeats("users", "hedge_won") == 3
    # Far below the deadline of 5 s, which each of the three would have waited for.
    assert time.monotonic() - started < 4


async def test_a_late_read_of_the_only_replica_is_waited_for(ships: Fleet) -> None:
    users = await ships.node("users")
    graph = await ships.node("graph", knows=[users.address("users")], hedge_after_ms=1)
    for _ in range(40):
        await users_of(graph).BatchGetUsers(ask(1))
    users.handlers.planted["BatchGetUsers"] = hanging
    users.handlers.calls.clear()

    await refused(users_of(graph).BatchGetUsers(ask(1), timeout=0.5))
    assert len(users.handlers.calls) == 1
    assert graph.repeats("users", "hedge") == 0


async def test_a_late_write_is_never_raced(ships: Fleet) -> None:
    def suspend(node: Node) -> Awaitable[Message]:
        stub = AdminServiceStub(node.channels.to("users", name="operator"))
        return stub.SuspendUser(admin_pb2.SuspendUserRequest(id=1), timeout=1.0)

    graph, first, second = await hedging_pair(ships, suspend)
    arrived = len(first.handlers.calls) + len(second.handlers.calls)
    outcomes = await asyncio.gather(*(suspend(graph) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(outcome, DeadlineExceeded) for outcome in outcomes) == 2
    assert len(first.handlers.calls) + len(second.handlers.calls) == arrived + 4
    assert graph.repeats("users", "hedge") == 0


async def test_racing_is_within_the_budget(ships: Fleet) -> None:
    graph, first, second = await hedging_pair(ships, lambda node: users_of(node).BatchGetUsers(ask(1)))
    outcomes = await asyncio.gather(
        *(users_of(graph).BatchGetUsers(ask(1), timeout=3.0) for _ in range(60)), return_exceptions=True
    )

    hedges = graph.repeats("users", "hedge")
    # Ten were saved up; sixty calls earn six more.
    assert 1 <= hedges <= 16
    # A hedge may be overtaken by the first answer before it is sent.
    assert 100 <= len(first.handlers.calls) + len(second.handlers.calls) <= 100 + hedges
    # Half of the calls came to the one that hangs, and most of those found the budget spent.
    assert sum(isinstance(outcome, DeadlineExceeded) for outcome in outcomes) >= 30 - hedges


async def test_an_answer_above_the_limit_of_a_message_is_an_internal_error(ships: Fleet) -> None:
    users, graph = await pair(ships)

    async def too_much(_request: Message, _call: Call) -> Message:
        return users_pb2.BatchGetUsersResponse(users=[users_pb2.User(bio="x" * 9_000_000)])

    users.handlers.planted["BatchGetUsers"] = too_much
    error = await refused(users_of(graph).BatchGetUsers(ask(1)))
    assert (type(error), error.message) == (AviaryError, "internal error")


async def test_a_call_that_its_caller_leaves_is_left_there_too(ships: Fleet) -> None:
    users, graph = await pair(ships)
    users.handlers.planted["BatchGetUsers"] = hanging
    call = asyncio.ensure_future(users_of(graph).BatchGetUsers(ask(1)))
    await until(lambda: bool(users.handlers.calls), what="it arrived")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: users.server._in_flight == 0, what="the handler ended")


async def test_a_peer_of_no_name_in_the_table_may_call_nothing(ships: Fleet) -> None:
    users, graph = await pair(ships)
    stranger = UserServiceStub(graph.channels.to("users", name="nobody"))

    error = await refused(stranger.BatchGetUsers(ask(1)))
    assert (type(error), error.message) == (Forbidden, "nobody may not call BatchGetUsers")
    assert not users.handlers.calls


async def test_a_service_may_not_make_a_call_that_is_not_its_own(ships: Fleet) -> None:
    _users, graph = await pair(ships)
    error = await refused(users_of(graph).ResolveUsernames(users_pb2.ResolveUsernamesRequest()))
    assert (type(error), error.message) == (Forbidden, "graph may not call ResolveUsernames")

    # In one process as well, so that nothing works there alone.
    both = await ships.node("users", "graph")
    error = await refused(users_of(both).ResolveUsernames(users_pb2.ResolveUsernamesRequest()))
    assert (type(error), error.message) == (Forbidden, "graph may not call ResolveUsernames")


async def test_no_service_calls_in_a_persons_place(ships: Fleet) -> None:
    tweets = await ships.node("tweets")
    users = await ships.node("users", knows=[tweets.address("tweets")])
    stub = TweetServiceStub(users.channels.channel("users"))

    error = await refused(stub.CreateTweet(tweets_pb2.CreateTweetRequest(content="hello")))
    assert isinstance(error, Forbidden)
    assert not tweets.handlers.calls


async def test_a_process_that_does_not_know_whom_it_calls_does_not_start(ships: Fleet) -> None:
    users, nowhere = await ships.node("users", "graph"), replace(ships.settings, services="")
    with pytest.raises(InvalidInput, match="AVIARY_SERVICES has no address of users, which graph calls"):
        Channels(users.dispatcher, served=["graph"], settings=nowhere, metrics=users.metrics)


async def test_two_who_ask_share_their_connections(ships: Fleet) -> None:
    _users, graph = await pair(ships)
    assert isinstance(graph.channels.to("users", name="graph"), RemoteChannel)
    assert graph.channels.to("users", name="graph") is graph.channels.to("users", name="graph")
