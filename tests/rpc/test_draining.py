"""How a process of a fleet says what it can do, and how it leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc.aio
import pytest
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from tests.rpc.fleet import Fleet, Node, fleet
from tests.rpc.waiting import until
from tests.rpc.wire import Wire

from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.errors import Unavailable
from aviary.rpc.call import Call
from aviary.rpc.server import LIVE
from aviary.settings import Settings

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
USERS = "aviary.api.users.v1.UserService"


@pytest.fixture(params=[False, True], ids=["handlers", "front"])
async def ships(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    async with fleet(settings, fronted=request.param) as running:
        yield running


async def health(node: Node, *services: str) -> list[int]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answers = [await check(health_pb2.HealthCheckRequest(service=service)) for service in services]
        return [answer.status for answer in answers]


async def test_a_process_without_its_stores_is_alive_and_not_ready(ships: Fleet) -> None:
    sick: list[bool] = []

    async def check() -> None:
        if sick:
            raise Unavailable("the tables don't answer")

    users = await ships.node("users", ready_checks=[check])
    users.server._readiness._every_s = 0.01
    assert await health(users, "", USERS, LIVE) == [SERVING, SERVING, SERVING]

    sick.append(True)
    await until(lambda: not users.server.is_ready, what="the probe saw it")
    assert await health(users, "", USERS, LIVE) == [NOT_SERVING, NOT_SERVING, SERVING]
    # Whoever asks all the same is answered: it may need no store.
    async with grpc.aio.insecure_channel(f"127.0.0.1:{users.port}") as channel:
        await UserServiceStub(channel).GetJwks(users_pb2.GetJwksRequest())

    sick.clear()
    await until(lambda: users.server.is_ready, what="the probe saw it")
    assert await health(users, "", USERS, LIVE) == [SERVING, SERVING, SERVING]


async def test_twenty_slow_calls_are_all_answered_by_a_process_that_leaves(ships: Fleet) -> None:
    leaving = await ships.node("users", profile="cluster", drain_notice_s=0.3)
    staying = await ships.node("users")
    graph = await ships.node("graph", knows=[leaving.address("users"), staying.address("users")])
    opened = asyncio.Event()

    async def slow(_request: Message, call: Call) -> Message:
        await opened.wait()
        return call.method.response()

    stub = UserServiceStub(graph.channels.channel("graph"))
    for node in (leaving, staying):
        node.handlers.planted["BatchGetUsers"] = slow
    under_way = [asyncio.ensure_future(stub.BatchGetUsers(users_pb2.BatchGetUsersRequest())) for _ in range(40)]
    await until(lambda: len(leaving.handlers.calls) == 20, what="twenty were in flight on it")
    started = time.monotonic()
    stopping = asyncio.ensure_future(leaving.server.stop())
    await until(lambda: not leaving.server.is_ready, what="it said so")

    # Heard of at once by whoever watches, and told to whoever asks.
    assert await health(leaving, "", LIVE) == [NOT_SERVING, SERVING]
    await asyncio.sleep(0.1)
    more = [asyncio.ensure_future(stub.BatchGetUsers(users_pb2.BatchGetUsersRequest())) for _ in range(10)]
    await until(lambda: len(staying.handlers.calls) == 30, what="new calls went to the other")
    assert not stopping.done()
    opened.set()
    await asyncio.gather(*under_way, *more)
    await stopping

    assert len(leaving.handlers.calls) == 20
    assert 0.3 <= time.monotonic() - started < 5


async def test_new_calls_are_served_as_long_as_balancers_may_not_have_heard(ships: Fleet) -> None:
    users = await ships.node("users", profile="cluster", drain_notice_s=0.5)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{users.port}") as channel:
        stub = UserServiceStub(channel)
        stopping = asyncio.ensure_future(users.server.stop())
        await until(lambda: not users.server.is_ready, what="it said so")
        for _ in range(5):
            await stub.GetJwks(users_pb2.GetJwksRequest())
        await stopping
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetJwks(users_pb2.GetJwksRequest())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_connections_are_renewed_without_losing_a_call(ships: Fleet) -> None:
    users = await ships.node("users", profile="cluster", connection_age_s=1, drain_notice_s=0.0)
    async with Wire(users.port) as wire:
        graph = await ships.node("graph", knows=[f"users=127.0.0.1:{wire.port}"])
        stub = UserServiceStub(graph.channels.channel("graph"))
        until_s = time.monotonic() + 3.5
        while time.monotonic() < until_s:
            await stub.BatchGetUsers(users_pb2.BatchGetUsersRequest(), timeout=2)

        assert wire.connections >= 3
    assert graph.repeats("users", "retry") == 0
