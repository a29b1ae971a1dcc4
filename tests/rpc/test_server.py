"""What the gRPC server does with calls that fail, wait, or are too many, and how it starts and ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tests.rpc.planting import GET_ME, SUMMARIES, Gate, planted
from tests.rpc.serving import Clients, Person, Serving, refusal, serving
from tests.rpc.waiting import until

from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2
from aviary.errors import AviaryError, InvalidInput, RateLimited, Unavailable
from aviary.rpc.call import Call
from aviary.rpc.server import RpcServer
from aviary.rpc.status import from_rpc_error
from aviary.settings import Settings

SECRET = "/home/someone/secret.py"


async def fail(_request: Message, _call: Call) -> Message:
    raise ValueError(SECRET)


async def get_me(person: Person, *, clients: Clients | None = None, timeout_s: float | None = None) -> users_pb2.User:
    users = (clients or person.clients).users
    return await users.GetMe(users_pb2.GetMeRequest(), metadata=person.signed, timeout=timeout_s)


@asynccontextmanager
async def another_connection(served: Serving) -> AsyncIterator[Clients]:
    """Else channels share one, and HTTP/2 keeps what is over its limit waiting in the client."""
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(served.address, options=options) as channel:
        yield Clients(channel)


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    (packed,) = (value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    assert isinstance(packed, bytes)
    return status_pb2.Status.FromString(packed)


def details(error: grpc.aio.AioRpcError) -> list[Message]:
    """The error's details, unpacked."""
    found: list[Message] = [error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()]
    assert [each.Unpack(message) for each, message in zip(status_of(error).details, found, strict=True)] == [True, True]
    return found


async def test_an_unknown_exception_leaves_as_internal_error_and_is_logged(
    served: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    (ada,) = await served.register("ada")
    with planted(served, GET_ME, fail), caplog.at_level(logging.ERROR, "aviary.rpc"):
        error = await refusal(get_me(ada))

    assert (error.code(), error.details()) == (StatusCode.INTERNAL, "internal error")
    assert SECRET not in repr(error)
    assert SECRET not in repr(status_of(error))
    assert SECRET in caplog.text


async def test_an_unknown_exception_of_an_inner_call_leaves_the_same_way(
    served: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    (ada,) = await served.register("ada")
    with planted(served, SUMMARIES, fail), caplog.at_level(logging.CRITICAL):
        error = await refusal(ada.tweet("hello"))

    assert (error.code(), error.details()) == (StatusCode.INTERNAL, "internal error")
    assert SECRET not in repr(error)


@pytest.mark.parametrize(
    "raised",
    [
        InvalidInput("limit is 0; it must be from 1 to 100", fields={"limit": "1 to 100"}),
        RateLimited("the queue is full", retry_after_s=1.5),
        Unavailable("the disk is full", retry_after_s=1),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_our_own_exceptions_arrive_whole(served: Serving, raised: AviaryError) -> None:
    async def refuse(_request: Message, _call: Call) -> Message:
        raise raised

    (ada,) = await served.register("ada")
    with planted(served, SUMMARIES, refuse):
        error = await refusal(ada.tweet("hello"))
    arrived = from_rpc_error(error)

    assert type(arrived) is type(raised)
    assert (arrived.message, arrived.retry_after_s) == (raised.message, raised.retry_after_s)
    assert getattr(arrived, "fields", None) == getattr(raised, "fields", None)


async def test_an_error_names_its_reason_its_domain_and_the_fields(served: Serving) -> None:
    (ada,) = await served.register("ada")
    info, bad = details(await refusal(ada.home_page(limit=101)))

    assert info == error_details_pb2.ErrorInfo(reason="INVALID_INPUT", domain="aviary")
    assert isinstance(bad, error_details_pb2.BadRequest)
    assert [violation.field for violation in bad.field_violations] == ["limit"]


async def test_an_inner_call_has_no_longer_than_its_outer_one(served: Serving) -> None:
    (ada,) = await served.register("ada")
    gate = Gate(served, SUMMARIES)
    gate.open()
    with planted(served, SUMMARIES, gate):
        request = tweets_pb2.CreateTweetRequest(content="hello")
        await ada.clients.tweets.CreateTweet(request, metadata=ada.signed, timeout=3)

    # Alone it would have five seconds; one is for the clocks, which the wire rounds.
    (inner,) = gate.inside
    assert inner.remaining_s() < 4


async def test_a_caller_cannot_ask_for_longer_than_the_server_allows(served: Serving) -> None:
    (ada,) = await served.register("ada")
    gate = Gate(served, GET_ME)
    gate.open()
    with planted(served, GET_ME, gate):
        await get_me(ada, timeout_s=1_000)

    assert gate.inside[0].remaining_s() <= served.platform.settings.deadline_ms / 1_000


async def test_a_call_that_takes_too_long_ends_and_its_commit_is_found_by_its_key(settings: Settings) -> None:
    async with serving(replace(settings, deadline_ms=300), workers=False) as served:
        (ada,) = await served.register("ada")
        gate = Gate(served, SUMMARIES)
        request = tweets_pb2.CreateTweetRequest(content="hello", request_id="k")
        with planted(served, SUMMARIES, gate):
            error = await refusal(ada.clients.tweets.CreateTweet(request, metadata=ada.signed))
        assert error.code() is StatusCode.DEADLINE_EXCEEDED
        assert error.details() == "CreateTweet ran out of time; repeat it under the same key"

        tweet = await ada.clients.tweets.CreateTweet(request, metadata=ada.signed)
        assert await ada.home() == [tweet.id]


async def test_a_caller_that_leaves_does_not_undo_its_commit(served: Serving) -> None:
    (ada,) = await served.register("ada")
    gate = Gate(served, SUMMARIES)
    with planted(served, SUMMARIES, gate):
        call = ada.clients.tweets.CreateTweet(
            tweets_pb2.CreateTweetRequest(content="hello", request_id="k"), metadata=ada.signed
        )
        await until(lambda: bool(gate.inside), what="the tweet was committed")
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    assert len(await ada.home()) == 1


async def test_calls_above_the_limit_are_refused_at_once_and_told_when_to_come_back(settings: Settings) -> None:
    async with (
        serving(replace(settings, max_concurrent_calls=2), workers=False) as served,
        another_connection(served) as others,
    ):
        (ada,) = await served.register("ada")
        gate = Gate(served, GET_ME)
        with planted(served, GET_ME, gate):
            waiting = [asyncio.ensure_future(get_me(ada)) for _ in range(2)]
            await until(lambda: len(gate.inside) == 2, what="both were let in")
            for _ in range(5):
                error = await refusal(get_me(ada, clients=others))
                assert error.code() is StatusCode.RESOURCE_EXHAUSTED
                assert error.details() == "2 calls are in flight, which is the limit"
                assert from_rpc_error(error).retry_after_s == 1
            gate.open()
            assert [user.id for user in await asyncio.gather(*waiting)] == [ada.id] * 2
            assert (await get_me(ada, clients=others)).id == ada.id


async def health_of(address: str, service: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer: health_pb2.HealthCheckResponse = await check(health_pb2.HealthCheckRequest(service=service))
        return answer.status


async def test_health_says_serving_for_the_whole_and_for_each_service(served: Serving) -> None:
    services = {method.service for method in served.platform.dispatcher.methods}

    assert len(services) == 11
    for service in ["", *services]:
        assert await health_of(served.address, service) == health_pb2.HealthCheckResponse.SERVING


async def test_a_server_that_is_not_ready_does_not_say_serving(served: Serving) -> None:
    server = RpcServer(served.platform.dispatcher, served.platform.settings)
    address = f"127.0.0.1:{await server.start()}"

    assert await health_of(address, "") == health_pb2.HealthCheckResponse.NOT_SERVING
    await server.ready()
    assert await health_of(address, "") == health_pb2.HealthCheckResponse.SERVING
    await server.stop()


async def test_reflection_names_every_service(served: Serving) -> None:
    async with grpc.aio.insecure_channel(served.address) as channel:
        reflect = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        answer: reflection_pb2.ServerReflectionResponse = await anext(aiter(reflect(asked)))
    named = {service.name for service in answer.list_services_response.service}

    assert named >= {method.service for method in served.platform.dispatcher.methods}
    assert "grpc.health.v1.Health" in named


async def test_stopping_lets_the_calls_under_way_finish_and_takes_no_more(served: Serving) -> None:
    (ada,) = await served.register("ada")
    gate = Gate(served, GET_ME)
    async with another_connection(served) as others:
        with planted(served, GET_ME, gate):
            under_way = asyncio.ensure_future(get_me(ada))
            await until(lambda: len(gate.inside) == 1, what="the call was let in")
            stopping = asyncio.ensure_future(served.server.stop())

            async def is_closed() -> bool:
                outcome = await asyncio.gather(others.users.GetJwks(users_pb2.GetJwksRequest()), return_exceptions=True)
                return isinstance(outcome[0], grpc.aio.AioRpcError) and outcome[0].code() is StatusCode.UNAVAILABLE

            await until(is_closed, what="new calls were refused")
            assert not under_way.done()
            gate.open()
            assert (await under_way).id == ada.id
            await stopping
