"""A small fleet over the loopback: real servers, fronts and channels, with handlers that a test plants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.message import Message

from aviary import secrets
from aviary._native import DenyList, Miss
from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.rpc import boundary
from aviary.rpc.call import Call
from aviary.rpc.channels import Channels
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.front import FrontGate
from aviary.rpc.identity import Identity, TokenVerifier
from aviary.rpc.readiness import Check
from aviary.rpc.server import RpcServer
from aviary.rpc.telemetry import Telemetry
from aviary.rpc.tls import Certificates
from aviary.settings import Settings
from aviary.storage.native import front as native
from aviary.storage.native.limits import NativeRateLimits
from aviary.storage.native.timelines import NativeTimelines

FILES = {
    "users": [users_pb2, accounts_pb2, admin_pb2],
    "graph": [graph_pb2, relations_pb2, lists_pb2],
    "tweets": [tweets_pb2, engagement_pb2, drafts_pb2],
    "fanout": [fanout_pb2],
    "timelines": [timelines_pb2],
}
Handler = Callable[[Any, Call], Any]


class Handlers:
    """A servicer of every RPC: what a test planted answers, else an empty message; `calls` are all that came."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.planted: dict[str, Handler] = {}

    def __getattr__(self, name: str) -> Any:
        async def answer(request: Message, call: Call) -> Message:
            self.calls.append(call)
            if name in self.planted:
                found: Message = await self.planted[name](request, call)
                return found
            return call.method.response()

        async def stream(request: Message, call: Call) -> AsyncIterator[Message]:
            self.calls.append(call)
            async for each in self.planted[name](request, call):
                yield each

        return stream if name.startswith("Stream") else answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process of the fleet."""

    server: RpcServer
    channels: Channels
    handlers: Handlers
    dispatcher: Dispatcher
    metrics: Metrics
    front: FrontGate | None

    @property
    def port(self) -> int:
        return self.server.port

    def address(self, service: str) -> str:
        return f"{service}=127.0.0.1:{self.port}"

    def repeats(self, service: str, why: str) -> float:
        return (
            self.metrics.registry.get_sample_value("aviary_peer_repeats_total", {"service": service, "why": why}) or 0.0
        )


class Fleet:
    """Starts nodes that share their secrets, and stops them all; with `fronted` each has a front that holds nothing."""

    def __init__(self, settings: Settings, stack: AsyncExitStack, *, fronted: bool = False) -> None:
        self.settings = settings
        self.fronted = fronted
        self.secrets = secrets.load(settings.data_dir)
        self._stack = stack

    async def node(
        self,
        *served: str,
        knows: Sequence[str] = (),
        certificates: Certificates | None = None,
        ready_checks: Sequence[Check] = (),
        **changed: Any,
    ) -> Node:
        """A process that serves these services and knows those addresses; what it calls without one is nowhere."""
        missing = ",".join(f"{service}=127.0.0.1:9" for service in FILES if service not in {*served, *_named(knows)})
        # Nothing is late unless a test says so: a busy machine would race calls that tests count.
        changed = {"hedge_after_ms": 60_000} | changed
        chosen = replace(self.settings, services=",".join([*knows, missing]), **changed)
        metrics, handlers = Metrics(), Handlers()
        verifier = TokenVerifier({self.secrets.key_id: self.secrets.signing_key.public_key()}, DenyList())
        dispatcher = Dispatcher([Telemetry(metrics), boundary.errors, boundary.deadline, Identity(verifier)])
        for service in served:
            for file in FILES[service]:
                for each in file.DESCRIPTOR.services_by_name.values():
                    dispatcher.add(each, handlers)
        front = front_of(chosen, metrics, certificates) if self.fronted else None
        server = RpcServer(dispatcher, chosen, certificates=certificates, ready_checks=ready_checks, front=front)
        await server.start()
        self._stack.push_async_callback(server.stop)
        channels = Channels(
            dispatcher,
            served=served,
            settings=chosen,
            metrics=metrics,
            certificates=certificates,
            tokens=lambda name: secrets.service_token(self.secrets, name),
        )
        self._stack.push_async_callback(channels.close)
        await server.ready()
        return Node(
            server=server, channels=channels, handlers=handlers, dispatcher=dispatcher, metrics=metrics, front=front
        )


def front_of(settings: Settings, metrics: Metrics, certificates: Certificates | None) -> FrontGate:
    """A front that holds nothing and knows nobody's token, so that every call is the handlers'."""
    clock = Clock()
    lists = NativeTimelines(settings, clock, metrics).core
    return FrontGate(
        native.front(lists, settings, clock, secrets.load(settings.data_dir), metrics, is_shared=False),
        _nothing,
        settings,
        denied=DenyList(),
        limits=NativeRateLimits(),
        freshness=None,
        clock=clock.core,
        registry=metrics.registry,
        certificates=certificates,
    )


async def _nothing(_viewer_id: int, _miss: Miss) -> None:
    """Fill nothing: nothing is missed."""


def _named(knows: Sequence[str]) -> Collection[str]:
    return {each.partition("=")[0] for each in knows}


@asynccontextmanager
async def fleet(settings: Settings, *, fronted: bool = False) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        yield Fleet(settings, stack, fronted=fronted)
