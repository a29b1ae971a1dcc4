"""The composition root: the services on the adapters of a profile, and nobody else knows which."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aviary import secrets
from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.clock import Clock
from aviary.eventlog import Consumer, insist
from aviary.fanout.rpc import FanoutRpc, GraphFollowers
from aviary.fanout.worker import FanoutWorker
from aviary.graph.rpc import GraphRpc, UserDirectory
from aviary.graph.service import GraphService
from aviary.metrics import Metrics
from aviary.paging import Cursors
from aviary.rpc import boundary
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.idempotency import IdempotencyKeys
from aviary.rpc.identity import DenyList, Identity, TokenVerifier
from aviary.rpc.limits import Limits, limits_of
from aviary.rpc.local import LocalChannel
from aviary.rpc.telemetry import Telemetry
from aviary.settings import Settings
from aviary.storage.memory.limits import MemoryRateLimits
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore
from aviary.storage.sqlite.graph import SqliteGraphStore
from aviary.storage.sqlite.outbox import SqliteEventLog, SqliteOffsets
from aviary.storage.sqlite.tweets import SqliteTweetStore
from aviary.storage.sqlite.users import SqliteUserStore
from aviary.timelines.home import Home
from aviary.timelines.lists import HomeLists
from aviary.timelines.rpc import FanoutTiers, GraphOfSources, TimelineRpc, TweetsById, UsersWhoExist
from aviary.timelines.service import TimelineService
from aviary.timelines.sources import SourcesByViewer
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.hydrate import UserDirectory as AuthorDirectory
from aviary.tweets.rpc import TweetRpc
from aviary.tweets.service import TweetService
from aviary.users.passwords import Passwords
from aviary.users.rpc import UserCounts, UserRpc
from aviary.users.service import UserService
from aviary.users.tokens import Tokens
from aviary.users.worker import feed_deny_list

_PRUNE_EVERY_S = 60.0


class Platform:
    """Every service in one process on the embedded profile."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.secrets = secrets.load(settings.data_dir)
        self._cursors = Cursors(self.secrets.derive("cursors"))
        self._denied = DenyList()
        self._limits_store = MemoryRateLimits()
        self._limits = limits_of(settings)
        self._databases: dict[str, Database] = {}
        self.dispatcher = self._make_dispatcher()
        self._build()

    def _make_dispatcher(self) -> Dispatcher:
        verifier = TokenVerifier({self.secrets.key_id: self.secrets.signing_key.public_key()}, self._denied)
        return Dispatcher(
            [
                Telemetry(self.metrics),
                boundary.errors,
                boundary.deadline,
                Identity(verifier),
                IdempotencyKeys(self.secrets.derive("idempotency")),
                Limits(self._limits_store, self._limits),
            ]
        )

    def _build(self) -> None:
        self._build_users()
        self._build_graph()
        self._build_tweets()
        self._build_fanout()
        self._build_timelines()

    def _build_users(self) -> None:
        self.passwords = Passwords(cost=self.settings.bcrypt_cost)
        channel = self._channel("users")
        service = UserService(
            SqliteUserStore(self._database("users")),
            self.passwords,
            Tokens(self.secrets, access_ttl_s=self.settings.access_token_ttl_s),
            settings=self.settings,
            denied=self._denied,
            limits=self._limits_store,
            login_failures=self._limits.get("login_failures"),
        )
        counts = UserCounts(GraphServiceStub(channel), TweetServiceStub(channel))
        self.dispatcher.add(users_pb2.DESCRIPTOR.services_by_name["UserService"], UserRpc(service, counts))

    def _build_graph(self) -> None:
        directory = UserDirectory(UserServiceStub(self._channel("graph")))
        service = GraphService(SqliteGraphStore(self._database("graph")), directory)
        rpc = GraphRpc(service, directory, self._cursors)
        self.dispatcher.add(graph_pb2.DESCRIPTOR.services_by_name["GraphService"], rpc)

    def _build_tweets(self) -> None:
        directory = AuthorDirectory(UserServiceStub(self._channel("tweets")))
        service = TweetService(SqliteTweetStore(self._database("tweets")), directory)
        rpc = TweetRpc(service, Hydrator(service, directory), self._cursors)
        self.dispatcher.add(tweets_pb2.DESCRIPTOR.services_by_name["TweetService"], rpc)

    def _build_fanout(self) -> None:
        database = self._database("fanout")
        self.timelines = NativeTimelines(self.settings, self.clock, self.metrics)
        tiers, dead_letters = SqliteTierStore(database), SqliteDeadLetters(database)
        worker = FanoutWorker(
            followers=GraphFollowers(GraphServiceStub(self._channel("fanout"))),
            timelines=self.timelines,
            tiers=tiers,
            dead_letters=dead_letters,
            metrics=self.metrics,
            settings=self.settings,
            clock=self.clock,
        )
        log = SqliteEventLog(self._database("tweets"))
        self.fan_out = Consumer(log, SqliteOffsets(database), worker.consumption())
        self.metrics.fanout_lag_events.set_function(lambda: self.fan_out.pending)
        rpc = FanoutRpc(tiers, dead_letters, self.fan_out, worker)
        self.dispatcher.add(fanout_pb2.DESCRIPTOR.services_by_name["FanoutService"], rpc)

    def _build_timelines(self) -> None:
        channel = self._channel("timelines")
        tweets = TweetsById(TweetServiceStub(channel))
        sources = SourcesByViewer(GraphOfSources(GraphServiceStub(channel)), FanoutTiers(FanoutServiceStub(channel)))
        lists = HomeLists(self.timelines, tweets, entries_kept=self.settings.timeline_entries)
        people = UsersWhoExist(UserServiceStub(channel))
        service = TimelineService(Home(sources, lists, tweets), tweets, people, self.timelines)
        rpc = TimelineRpc(service, self._cursors)
        self.dispatcher.add(timelines_pb2.DESCRIPTOR.services_by_name["TimelineService"], rpc)

    def _channel(self, name: str) -> LocalChannel:
        return LocalChannel(self.dispatcher, name=name, deadline_s=self.settings.deadline_ms / 1000)

    def _database(self, name: str) -> Database:
        if name not in self._databases:
            self._databases[name] = Database(
                self.settings.data_dir / f"{name}.db",
                clock=self.clock,
                metrics=self.metrics,
                queue_size=self.settings.write_queue,
                group=self.settings.group_commit,
                readers=self.settings.readers,
            )
        return self._databases[name]

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Run the consumers and the housekeeping while the body runs."""
        await self.fan_out.start()
        users, ttl_s = self._database("users"), self.settings.access_token_ttl_s
        log, store, loaded = SqliteEventLog(users), SqliteUserStore(users), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self.fan_out.run()),
                tasks.create_task(self._keep_house()),
                tasks.create_task(feed_deny_list(log, store, self._denied, for_s=ttl_s, loaded=loaded)),
            ]
            try:
                await loaded.wait()
                yield
            finally:
                for task in running:
                    task.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            self.timelines.forget_idle()
            for database in self._databases.values():
                await insist(SqliteEventLog(database).prune, what=f"prune {database.name}")

    def close(self) -> None:
        """Finish accepted writes and close the stores."""
        for database in self._databases.values():
            database.close()
        self.passwords.close()

    def jwks(self) -> str:
        """The public keys as `/.well-known/jwks.json` gives them."""
        public = secrets.public_x(self.secrets.signing_key.public_key())
        key = {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": self.secrets.key_id, "alg": "EdDSA", "use": "sig"}
        return json.dumps({"keys": [key]})
