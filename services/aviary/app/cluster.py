"""The cluster profile: tables on ScyllaDB or Cassandra, logs on Kafka, timelines and limits on Redis, files on S3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property, partial
from typing import Protocol

from aviary._native import DenyList, TimelineStore
from aviary.app.counting import ChangesOf, Counter
from aviary.app.stores import FanoutStores, Fronting, GraphStores, TweetStores, UserStores
from aviary.clock import Clock
from aviary.errors import InvalidInput
from aviary.eventlog import Consumer, Consumption, Following, Offsets, Record, insist
from aviary.events.v1.events_pb2 import Event
from aviary.metrics import Metrics
from aviary.rpc.limits import limits_of
from aviary.secrets import Secrets
from aviary.settings import Settings
from aviary.storage.kafka import topics
from aviary.storage.kafka.connection import Broker, topic_of
from aviary.storage.kafka.dead import KafkaDeadLetters
from aviary.storage.kafka.group import Group
from aviary.storage.kafka.partitions import PartitionLog, as_event
from aviary.storage.kafka.producer import Producer
from aviary.storage.kafka.reader import Reader
from aviary.storage.kafka.relay import Backlog, Relay
from aviary.storage.native import front as native
from aviary.storage.objects.vault import vault_of
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.degraded import DegradedRateLimits, DegradedTimelines, Marks, PatientTimelines
from aviary.storage.redis.front import COPIED_ROWS, RedisFreshness
from aviary.storage.redis.limits import RedisRateLimits
from aviary.storage.redis.news import Ear, RedisNews
from aviary.storage.redis.timelines import RedisTimelines
from aviary.storage.scylla import schema
from aviary.storage.scylla.counting import Change
from aviary.storage.scylla.fanout.tiers import ScyllaTierStore
from aviary.storage.scylla.graph import counting as graph_counting
from aviary.storage.scylla.graph.counters import ScyllaCounterStore as ScyllaGraphCounterStore
from aviary.storage.scylla.graph.follows import ScyllaGraphStore
from aviary.storage.scylla.graph.lists import ScyllaListStore
from aviary.storage.scylla.graph.personal import ScyllaPersonalStore
from aviary.storage.scylla.graph.relations import ScyllaRelationStore
from aviary.storage.scylla.graph.removal import ScyllaRemovalStore as ScyllaGraphRemovalStore
from aviary.storage.scylla.graph.repair import repairing
from aviary.storage.scylla.leases import Lease, LeasedIds
from aviary.storage.scylla.outbox import Outbox
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets import counting as tweet_counting
from aviary.storage.scylla.tweets.agenda import ScyllaAgendaStore
from aviary.storage.scylla.tweets.conversations import ScyllaConversationStore
from aviary.storage.scylla.tweets.counters import ScyllaCounterStore
from aviary.storage.scylla.tweets.drafts import ScyllaDraftStore
from aviary.storage.scylla.tweets.engagement import ScyllaEngagementStore
from aviary.storage.scylla.tweets.indices import ScyllaIndexStore
from aviary.storage.scylla.tweets.own import ScyllaOwnStore
from aviary.storage.scylla.tweets.polls import ScyllaPollStore
from aviary.storage.scylla.tweets.removal import ScyllaRemovalStore
from aviary.storage.scylla.tweets.tweets import ScyllaTweetStore
from aviary.storage.scylla.users.accounts import ScyllaAccountStore
from aviary.storage.scylla.users.exports import ScyllaExportStore
from aviary.storage.scylla.users.users import ScyllaUserStore
from aviary.storage.scylla.writes import Writer
from aviary.users.worker import Stretch, follow_revocations

RELAY, COUNTING = "relay", "counting"
# The longest that a process takes to read of a deletion, while it reads at all.
_NEWS_S = 5.0
# Tables that answered a statement so lately are there.
_ANSWERED_S = 1.0


class _ChangesOf(Protocol):
    async def __call__(self, tables: Tables, event: Event, *, now_ms: int) -> Sequence[Change]: ...


class Cluster:
    """Keeps Stores' promises on servers."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, secrets: Secrets) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._secrets = secrets
        self._tables: dict[str, Tables] = {}
        self._writers: dict[str, Writer] = {}
        self._ids: list[LeasedIds] = []
        self._broker = Broker(settings)
        self._producer = Producer(settings)
        self._redis = RedisServers(settings.redis)
        marks, prefix = Marks(metrics), settings.redis_prefix
        self._news = RedisNews(self._redis, marks, prefix=prefix)
        self._timelines = timelines = RedisTimelines(self._redis, settings, clock, metrics, prefix=prefix)
        self.held = DegradedTimelines(timelines, marks)
        self.warm = PatientTimelines(timelines, marks)
        self.told_at_once = None
        self._limits = RedisRateLimits(self._redis, prefix=prefix)
        self.limits = DegradedRateLimits(self._limits, marks)
        # Every process refuses once it has read of it, which is soon; a write that it let in before ends with its call.
        self.straggle_s = settings.deadline_ms / 1000 + _NEWS_S
        self.background: list[Callable[[], Awaitable[None]]] = []

    @cached_property
    def fronting(self) -> Fronting | None:
        settings = self._settings
        if not settings.front_on:
            return None
        copies = TimelineStore(
            capacity=COPIED_ROWS,
            idle_ttl_ms=settings.timeline_idle_s * 1000,
            max_bytes=settings.timeline_memory_bytes,
        )
        front = native.front(copies, settings, self._clock, self._secrets, self._metrics, is_shared=True)
        freshness = RedisFreshness(
            front,
            servers=self._redis,
            news=self._news,
            timelines=self._timelines,
            limits=self._limits,
            limit=limits_of(settings).get("requests"),
            clock=self._clock,
        )
        return Fronting(front=front, freshness=freshness, copies=freshness)

    def users(self) -> UserStores:
        writer = self._writer("users")
        accounts = ScyllaAccountStore(writer)
        self.background.append(self.alone("names", accounts.sweep))
        return UserStores(
            users=ScyllaUserStore(writer),
            accounts=accounts,
            exports=ScyllaExportStore(writer),
            vault=vault_of(self._settings, self._secrets.derive("exports")),
        )

    def graph(self) -> GraphStores:
        writer = self._writer("graph")
        return GraphStores(
            follows=ScyllaGraphStore(writer),
            relations=ScyllaRelationStore(writer),
            lists=ScyllaListStore(writer),
            removal=ScyllaGraphRemovalStore(writer),
            personal=ScyllaPersonalStore(writer),
            counters=ScyllaGraphCounterStore(writer),
            repair=repairing(writer),
        )

    def tweets(self) -> TweetStores:
        writer = self._writer("tweets")
        return TweetStores(
            tweets=ScyllaTweetStore(writer),
            conversations=ScyllaConversationStore(writer),
            indices=ScyllaIndexStore(writer),
            engagement=ScyllaEngagementStore(writer),
            polls=ScyllaPollStore(writer),
            drafts=ScyllaDraftStore(writer),
            agenda=ScyllaAgendaStore(writer),
            removal=ScyllaRemovalStore(writer),
            own=ScyllaOwnStore(writer),
            counters=ScyllaCounterStore(writer),
        )

    def fanout(self) -> FanoutStores:
        return FanoutStores(
            tiers=ScyllaTierStore(self._writer("fanout")),
            dead_letters=KafkaDeadLetters(self._settings, self._producer, self._broker),
        )

    def consume(self, log: str, what: Consumption, *, service: str) -> Following:
        """Follow a topic as one of a group; the group has the service's name, for each service has its own effects."""

        def worker(partition: PartitionLog[Record], offsets: Offsets) -> Consumer:
            return Consumer(partition, offsets, what)

        return Group(
            self._settings,
            self._broker,
            topic=topic_of(self._settings, log),
            name=f"{service} {what.name}",
            make=as_event,
            worker=worker,
            backlog=self._backlog(log).count,
        )

    def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        return partial(Lease(self._opened("fanout"), name).run, work)

    def worker(self, name: str) -> Sequence[Callable[[], Awaitable[None]]]:
        if name == RELAY:
            relays = {log: self._relay(log) for log in topics.LOGS}
            ear = Ear(self._news, {self._opened(log).keyspace: relay.hear for log, relay in relays.items()})
            return [ear.run, *(self.alone(f"relay {log}", relay.run) for log, relay in relays.items())]
        if name == COUNTING:
            return [each.run for counter in self._counters() for each in self._counted(counter)]
        raise InvalidInput(
            f"{name!r} is no service and no worker; there are {RELAY} and {COUNTING} beside the services"
        )

    async def feed_deny_list(self, denied: DenyList, loaded: asyncio.Event) -> None:
        """From the log alone: whoever denies a session need not know where sessions are kept."""
        for_s = self._settings.access_token_ttl_s
        topic, partitions = topic_of(self._settings, "users"), range(self._settings.kafka_partitions)
        since_ms = int((time.time() - for_s) * 1000)
        begins = await insist(partial(self._broker.since, topic, partitions, since_ms), what="deny list")
        ends = await insist(partial(self._broker.ends, topic, partitions), what="deny list")
        reader = Reader(self._settings, self._broker, topic, partitions=len(partitions))
        stretches = [Stretch(log, begins[partition], ends[partition]) for partition, log in enumerate(reader.logs)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reader.run())
            tasks.create_task(follow_revocations(stretches, denied, for_s=for_s, loaded=loaded, gone=self._forget))

    async def open(self) -> None:
        # One after the other: the first that is not there is what the sentence is about.
        for tables in self._tables.values():
            await tables.open()
            await schema.must_be_current(tables)
            await schema.must_take_writes(tables)
        await topics.must_be_there(self._settings, self._broker)
        for leased in self._ids:
            await leased.acquire()
            self.background.append(leased.keep)

    def checks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """The tables alone: without Kafka writes are acknowledged, without Redis reads are slower."""
        return [partial(_look, tables) for tables in self._tables.values()]

    async def close(self) -> None:
        for leased in self._ids:
            await leased.release()
        for tables in self._tables.values():
            await tables.close()
        await self._producer.close()
        await self._news.close()
        await self._redis.close()
        self._broker.close()

    def _opened(self, name: str) -> Tables:
        if name not in self._tables:
            self._tables[name] = Tables(self._settings, name)
        return self._tables[name]

    def _writer(self, name: str) -> Writer:
        if name not in self._writers:
            tables = self._opened(name)
            leased = LeasedIds(tables, self._clock)
            self._ids.append(leased)
            self._writers[name] = Writer(tables, leased, self._clock, news=self._news)
        return self._writers[name]

    def _backlog(self, log: str) -> Backlog:
        outbox = Outbox(self._opened(log))
        return Backlog(log, outbox, self._broker, settings=self._settings, clock=self._clock)

    def _relay(self, log: str) -> Relay:
        return Relay(
            log,
            Outbox(self._opened(log)),
            self._producer,
            self._broker,
            settings=self._settings,
            clock=self._clock,
            metrics=self._metrics,
            tell=self._news.events,
        )

    def _counters(self) -> Sequence[Counter]:
        make = partial(Counter, settings=self._settings, producer=self._producer, broker=self._broker)
        graph, tweets = self._opened("graph"), self._opened("tweets")
        return [
            make("graph", graph, changes_of=self._changes(graph_counting.changes_of, graph)),
            make(
                "tweets",
                tweets,
                changes_of=self._changes(tweet_counting.changes_of, tweets),
                following_of=partial(tweet_counting.following, tweets),
                tell=self._news.counted,
            ),
        ]

    def _changes(self, changes_of: _ChangesOf, tables: Tables) -> ChangesOf:
        return lambda event: changes_of(tables, event, now_ms=self._clock.now_ms())

    def _counted(self, counter: Counter) -> Sequence[Following]:
        return [self.consume(counter.log, counter.routing(), service=COUNTING), counter.group()]

    def _forget(self, user_id: int) -> None:
        for writer in self._writers.values():
            writer.erased.add(user_id)


async def migrate(settings: Settings) -> Sequence[str]:
    """Bring keyspaces and topics up to date; return a line about each."""
    found = await schema.migrate(settings)
    lines = [f"{settings.tables_keyspace}_{name}: {before} -> {after}" for name, (before, after) in found.items()]
    broker = Broker(settings)
    try:
        made = await topics.migrate(settings, broker)
    finally:
        broker.close()
    return [*lines, f"topics made: {', '.join(made) or 'none'}"]


async def _look(tables: Tables) -> None:
    if not tables.answered_within(_ANSWERED_S):
        await schema.version(tables)
