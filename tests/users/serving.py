"""The users service behind a real gRPC server, its neighbours' counts made up."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.message import Message
from tests.users.world import Time, World, opened

from aviary import secrets
from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.metrics import Metrics
from aviary.rpc import boundary
from aviary.rpc.call import Call
from aviary.rpc.dispatch import Dispatcher, UnaryHandler
from aviary.rpc.idempotency import IdempotencyKeys
from aviary.rpc.identity import Identity, TokenVerifier
from aviary.rpc.limits import Limits, limits_of
from aviary.rpc.local import LocalChannel
from aviary.rpc.server import RpcServer
from aviary.rpc.telemetry import Telemetry
from aviary.secrets import Secrets
from aviary.storage.native.limits import NativeRateLimits
from aviary.users.hydrate import Profiles
from aviary.users.peers import Peers
from aviary.users.rpc import UserRpc

# Every user's counts, so that a test can tell which is which.
FOLLOWERS, FOLLOWING, TWEETS, LIKES = 3, 5, 7, 11


class Neighbour:
    """The graph and the tweets, which know counts alone, and of no bonds and pins."""

    async def BatchGetCounts(
        self, request: graph_pb2.BatchGetCountsRequest, _call: Call
    ) -> graph_pb2.BatchGetCountsResponse:
        counts = graph_pb2.Counts(follower_count=FOLLOWERS, following_count=FOLLOWING)
        return graph_pb2.BatchGetCountsResponse(counts=[counts] * len(request.ids))

    async def BatchGetAuthorCounts(
        self, request: tweets_pb2.BatchGetAuthorCountsRequest, _call: Call
    ) -> tweets_pb2.BatchGetAuthorCountsResponse:
        counts = tweets_pb2.AuthorCounts(tweet_count=TWEETS, like_count=LIKES)
        return tweets_pb2.BatchGetAuthorCountsResponse(counts=[counts] * len(request.ids))

    async def GetStandings(self, request: relations_pb2.GetStandingsRequest, _call: Call) -> relations_pb2.Standings:
        return relations_pb2.Standings(bits=bytes(len(request.user_ids) // 8))

    async def BatchGetPins(
        self, request: tweets_pb2.BatchGetPinsRequest, _call: Call
    ) -> tweets_pb2.BatchGetPinsResponse:
        return tweets_pb2.BatchGetPinsResponse(tweet_ids=[0] * len(request.user_ids))

    def __getattr__(self, rpc: str) -> UnaryHandler:
        async def refuse(_request: Message, _call: Call) -> Message:
            raise NotImplementedError(rpc)

        return refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A client of a running server, and what stands behind that."""

    users: UserServiceStub
    world: World
    deployment: Secrets

    def as_operator(self) -> tuple[tuple[str, str], ...]:
        return bearer(secrets.operator_token(self.deployment, "test"))


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a caller with this token."""
    return (("authorization", f"Bearer {token}"),)


@asynccontextmanager
async def serving(folder: Path, deployment: Secrets) -> AsyncIterator[Serving]:
    """Serve on a free port of the loopback."""
    async with opened(folder, deployment, time=Time(now_s=time.time())) as world:
        dispatcher = _dispatcher(world, deployment)
        server = RpcServer(dispatcher, world.settings)
        port = await server.start()
        await server.ready()
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Serving(users=UserServiceStub(channel), world=world, deployment=deployment)
        finally:
            await server.stop()


def _dispatcher(world: World, deployment: Secrets) -> Dispatcher:
    verifier = TokenVerifier({deployment.key_id: deployment.signing_key.public_key()}, world.denied)
    dispatcher = Dispatcher(
        [
            Telemetry(Metrics()),
            boundary.errors,
            boundary.deadline,
            Identity(verifier),
            IdempotencyKeys(deployment.derive("idempotency")),
            Limits(NativeRateLimits(), limits_of(world.settings)),
        ]
    )
    channel: Any = LocalChannel(dispatcher, name="users", deadline_s=5)
    peers = Peers(GraphServiceStub(channel), RelationServiceStub(channel), TweetServiceStub(channel))
    for file, name, servicer in (
        (users_pb2, "UserService", UserRpc(world.service, Profiles(peers))),
        (graph_pb2, "GraphService", Neighbour()),
        (relations_pb2, "RelationService", Neighbour()),
        (tweets_pb2, "TweetService", Neighbour()),
    ):
        dispatcher.add(file.DESCRIPTOR.services_by_name[name], servicer)
    return dispatcher
