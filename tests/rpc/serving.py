"""A whole platform behind its real gRPC server, and people who call it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from tests.rpc.waiting import until

from aviary import secrets
from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.lists_pb2_grpc import ListServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.timelines.v1.timelines_pb2_grpc import TimelineServiceStub
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.drafts_pb2_grpc import DraftServiceStub
from aviary.api.tweets.v1.engagement_pb2_grpc import EngagementServiceStub
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.accounts_pb2_grpc import AccountServiceStub
from aviary.api.users.v1.admin_pb2_grpc import AdminServiceStub
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.app import Platform
from aviary.app.embedded import Embedded
from aviary.clock import Clock
from aviary.rpc.callers import GATEWAY, SERVICES
from aviary.rpc.server import RpcServer
from aviary.rpc.tls import Certificates, host_of
from aviary.settings import Settings
from aviary.storage.sqlite.database import Database

PASSWORD = "correct horse battery"
Metadata = tuple[tuple[str, str], ...]


def bearer(token: str) -> Metadata:
    """The metadata of a caller with this token."""
    return (("authorization", f"Bearer {token}"),)


class Clients:
    """Every service's generated stub on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.users = UserServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.admin = AdminServiceStub(channel)
        self.tweets = TweetServiceStub(channel)
        self.engagement = EngagementServiceStub(channel)
        self.drafts = DraftServiceStub(channel)
        self.graph = GraphServiceStub(channel)
        self.relations = RelationServiceStub(channel)
        self.lists = ListServiceStub(channel)
        self.timelines = TimelineServiceStub(channel)
        self.fanout = FanoutServiceStub(channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who is signed in, with what they most often do."""

    id: int
    name: str
    token: str
    clients: Clients

    @property
    def signed(self) -> Metadata:
        return bearer(self.token)

    async def tweet(self, content: str, *, reply_to: int | None = None, quoting: int | None = None) -> tweets_pb2.Tweet:
        request = tweets_pb2.CreateTweetRequest(content=content, reply_to_id=reply_to, quote_tweet_id=quoting)
        return await self.clients.tweets.CreateTweet(request, metadata=self.signed)

    async def retweet(self, tweet_id: int) -> tweets_pb2.Tweet:
        return await self.clients.tweets.Retweet(tweets_pb2.RetweetRequest(id=tweet_id), metadata=self.signed)

    async def delete(self, tweet_id: int) -> None:
        await self.clients.tweets.DeleteTweet(tweets_pb2.DeleteTweetRequest(id=tweet_id), metadata=self.signed)

    async def follow(self, *others: Person) -> None:
        for other in others:
            await self.clients.graph.Follow(graph_pb2.FollowRequest(id=other.id), metadata=self.signed)

    async def unfollow(self, other: Person) -> None:
        await self.clients.graph.Unfollow(graph_pb2.UnfollowRequest(id=other.id), metadata=self.signed)

    async def home_page(
        self, *, limit: int | None = None, cursor: str = "", since_id: int | None = None
    ) -> tweets_pb2.TweetList:
        request = timelines_pb2.GetHomeTimelineRequest(limit=limit, cursor=cursor, since_id=since_id)
        return await self.clients.timelines.GetHomeTimeline(request, metadata=self.signed)

    async def user_page(
        self, user_id: int, *, limit: int | None = None, cursor: str = "", only: str | None = None
    ) -> tweets_pb2.TweetList:
        request = timelines_pb2.GetUserTimelineRequest(id=user_id, limit=limit, cursor=cursor, filter=only)
        return await self.clients.timelines.GetUserTimeline(request, metadata=self.signed)

    async def home(self, *, limit: int = 20, since_id: int | None = None) -> list[int]:
        """The whole home, walked to its end."""
        found: list[int] = []
        cursor = ""
        while True:
            page = await self.home_page(limit=limit, cursor=cursor, since_id=since_id)
            found.extend(tweet.id for tweet in page.tweets)
            if not page.pagination.has_more:
                return found
            cursor = page.pagination.next_cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A platform that answers, and one channel to it."""

    platform: Platform
    server: RpcServer
    clients: Clients
    address: str

    @property
    def embedded(self) -> Embedded:
        assert isinstance(self.platform.stores, Embedded)
        return self.platform.stores

    def database(self, name: str) -> Database:
        """A service's file."""
        return self.embedded.database(name)

    async def register(self, *names: str) -> list[Person]:
        return [await self._register(name) for name in names]

    async def _register(self, name: str) -> Person:
        answer = await self.clients.users.Register(
            users_pb2.RegisterRequest(username=name, email=f"{name}@example.com", password=PASSWORD, display_name=name)
        )
        return Person(id=answer.user.id, name=name, token=answer.access_token, clients=self.clients)

    def as_operator(self) -> Metadata:
        return bearer(secrets.operator_token(self.platform.secrets, "test"))

    async def settle(self) -> None:
        """Return once every consumer has done everything that was committed."""

        async def has_settled() -> bool:
            followed = [await each.progress() for each in self.platform.consumers]
            return all(each.committed == each.end for each in followed)

        await until(has_settled, what="every consumer was done")


@asynccontextmanager
async def serving(settings: Settings, *, clock: Clock | None = None, workers: bool = True) -> AsyncIterator[Serving]:
    """Serve on a free port of the loopback; without `workers` nothing is fanned out."""
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        platform = Platform(settings, clock=clock)
        stack.push_async_callback(platform.close)
        if workers:
            await stack.enter_async_context(platform.workers())
        server = RpcServer(platform.dispatcher, settings, certificates=platform.certificates, front=platform.front)
        address = f"127.0.0.1:{await server.start()}"
        stack.push_async_callback(server.stop)
        await server.ready()
        channel = await stack.enter_async_context(_channel(settings, address))
        yield Serving(platform=platform, server=server, clients=Clients(channel), address=address)


def _channel(settings: Settings, address: str) -> grpc.aio.Channel:
    if not settings.tls_dir:
        return grpc.aio.insecure_channel(address)
    gateway = Certificates(Path(settings.tls_dir), [GATEWAY]).material(GATEWAY)
    credentials = grpc.ssl_channel_credentials(gateway.authority, gateway.key, gateway.chain)
    return grpc.aio.secure_channel(
        address, credentials, options=[("grpc.ssl_target_name_override", host_of(SERVICES[0]))]
    )


async def refusal(call: Awaitable[Message]) -> grpc.aio.AioRpcError:
    """The error that the call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value
