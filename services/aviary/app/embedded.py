"""The embedded profile: a file a service, one process, no servers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aviary._native import DenyList
from aviary.app.scrubbing import scrub
from aviary.app.stores import FanoutStores, Fronting, GraphStores, TweetStores, UserStores
from aviary.clock import Clock
from aviary.errors import InvalidInput
from aviary.eventlog import Consumer, Consumption, Following, insist
from aviary.metrics import Metrics
from aviary.secrets import Secrets
from aviary.settings import Settings
from aviary.storage.native import front as native
from aviary.storage.native.front import NativeFront
from aviary.storage.native.limits import NativeRateLimits
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.objects.vault import FolderVault
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore
from aviary.storage.sqlite.graph.counters import SqliteCounterStore as SqliteGraphCounterStore
from aviary.storage.sqlite.graph.follows import SqliteGraphStore
from aviary.storage.sqlite.graph.lists import SqliteListStore
from aviary.storage.sqlite.graph.personal import SqlitePersonalStore
from aviary.storage.sqlite.graph.relations import SqliteRelationStore
from aviary.storage.sqlite.graph.removal import SqliteRemovalStore as SqliteGraphRemovalStore
from aviary.storage.sqlite.outbox import SqliteEventLog, SqliteOffsets
from aviary.storage.sqlite.tweets.agenda import SqliteAgendaStore
from aviary.storage.sqlite.tweets.conversations import SqliteConversationStore
from aviary.storage.sqlite.tweets.counters import SqliteCounterStore
from aviary.storage.sqlite.tweets.drafts import SqliteDraftStore
from aviary.storage.sqlite.tweets.engagement import SqliteEngagementStore
from aviary.storage.sqlite.tweets.indices import SqliteIndexStore
from aviary.storage.sqlite.tweets.own import SqliteOwnStore
from aviary.storage.sqlite.tweets.polls import SqlitePollStore
from aviary.storage.sqlite.tweets.removal import SqliteRemovalStore
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.storage.sqlite.users.accounts import SqliteAccountStore
from aviary.storage.sqlite.users.exports import SqliteExportStore
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.worker import feed_deny_list

_PRUNE_EVERY_S = 60.0


class Embedded:
    """Keeps Stores' promises in the data folder."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, secrets: Secrets) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._secrets = secrets
        self._databases: dict[str, Database] = {}
        self._consumers_of: dict[str, list[Consumer]] = {}
        self.timelines = self.held = self.warm = NativeTimelines(settings, clock, metrics)
        self._front = _front(settings, clock, metrics, secrets, self.timelines) if settings.front_on else None
        self.told_at_once = self._front.core if self._front else None
        self.fronting = Fronting(front=self.told_at_once) if self.told_at_once else None
        self.limits = NativeRateLimits()
        # Its one process refuses such writes from the moment that it erases.
        self.straggle_s = 0.0
        self.background = [self._keep_house, self._scrub]

    def users(self) -> UserStores:
        database = self.database("users")
        return UserStores(
            users=SqliteUserStore(database),
            accounts=SqliteAccountStore(database),
            exports=SqliteExportStore(database),
            vault=FolderVault(self._settings.data_dir / "exports", self._secrets.derive("exports")),
        )

    def graph(self) -> GraphStores:
        database = self.database("graph")
        return GraphStores(
            follows=SqliteGraphStore(database, self._clock),
            relations=SqliteRelationStore(database, self._clock),
            lists=SqliteListStore(database),
            removal=SqliteGraphRemovalStore(database),
            personal=SqlitePersonalStore(database),
            counters=SqliteGraphCounterStore(database),
        )

    def tweets(self) -> TweetStores:
        database = self.database("tweets")
        return TweetStores(
            tweets=SqliteTweetStore(database),
            conversations=SqliteConversationStore(database),
            indices=SqliteIndexStore(database),
            engagement=SqliteEngagementStore(database),
            polls=SqlitePollStore(database),
            drafts=SqliteDraftStore(database),
            agenda=SqliteAgendaStore(database),
            removal=SqliteRemovalStore(database),
            own=SqliteOwnStore(database),
            counters=SqliteCounterStore(database),
        )

    def fanout(self) -> FanoutStores:
        database = self.database("fanout")
        return FanoutStores(
            tiers=SqliteTierStore(database, changed=self.told_at_once.tiers_changed if self.told_at_once else None),
            dead_letters=SqliteDeadLetters(database),
        )

    def consume(self, log: str, what: Consumption, *, service: str) -> Following:
        """Follow the events of one service, keeping the offset in the file of another."""
        consumer = Consumer(SqliteEventLog(self.database(log)), SqliteOffsets(self.database(service)), what)
        self._consumers_of.setdefault(log, []).append(consumer)
        return consumer

    def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """One process has the data folder, so it is alone."""
        return work

    def worker(self, name: str) -> Sequence[Callable[[], Awaitable[None]]]:
        raise InvalidInput(f"the embedded profile has no worker {name!r}; all that there is to do, `aviary up` does")

    async def feed_deny_list(self, denied: DenyList, loaded: asyncio.Event) -> None:
        database = self.database("users")
        log, store = SqliteEventLog(database), SqliteUserStore(database)
        await feed_deny_list([log], store, denied, for_s=self._settings.access_token_ttl_s, loaded=loaded)

    async def open(self) -> None:
        """The files are open from the moment that they were asked for."""

    def checks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return ()

    async def close(self) -> None:
        for database in self._databases.values():
            database.close()

    def database(self, name: str) -> Database:
        """The file of the service `name`."""
        if name not in self._databases:
            self._databases[name] = Database(
                self._settings.data_dir / f"{name}.db",
                clock=self._clock,
                metrics=self._metrics,
                queue_size=self._settings.write_queue,
                group=self._settings.group_commit,
                readers=self._settings.readers,
                cache_bytes=self._settings.sqlite_cache_bytes,
                tell=self._front.tell if self._front else None,
            )
            if self.told_at_once:
                self.told_at_once.know_newest(self._databases[name].newest)
        return self._databases[name]

    def databases(self) -> Sequence[Database]:
        """Every file that is open."""
        return list(self._databases.values())

    async def skip_events(self) -> None:
        """Take all that is in the logs for done: whoever wrote it has had the effects as well. Before they start."""
        for consumers in self._consumers_of.values():
            for consumer in consumers:
                await consumer.skip()

    async def _scrub(self) -> None:
        await scrub(SqliteEventLog(self.database("users")), self._consumers_of.get("users", ()), self.databases())

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            self.timelines.forget_idle()
            for database in self.databases():
                await insist(partial(SqliteEventLog(database).prune), what=f"prune {database.name}")


def _front(
    settings: Settings, clock: Clock, metrics: Metrics, secrets: Secrets, timelines: NativeTimelines
) -> NativeFront:
    core = native.front(timelines.core, settings, clock, secrets, metrics, is_shared=False)
    return NativeFront(core, clock)
