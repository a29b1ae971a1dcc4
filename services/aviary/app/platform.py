"""Every service in one process on the embedded profile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from google.protobuf.descriptor import FileDescriptor

from aviary import secrets
from aviary.app import fanout, graph, timelines, tweets, users
from aviary.clock import Clock
from aviary.eventlog import Consumer, Consumption, insist
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
from aviary.storage.sqlite.outbox import SqliteEventLog, SqliteOffsets
from aviary.users.passwords import Passwords

_PRUNE_EVERY_S = 60.0


class Platform:
    """What the services share; each adds itself in its own module of this package."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.secrets = secrets.load(settings.data_dir)
        self.cursors = Cursors(self.secrets.derive("cursors"))
        self.denied = DenyList()
        self.limits_store = MemoryRateLimits()
        self.limits = limits_of(settings)
        self.passwords = Passwords(cost=settings.bcrypt_cost)
        self.timelines = NativeTimelines(settings, self.clock, self.metrics)
        # Whoever follows a log; all of them run while the platform does.
        self.consumers: list[Consumer] = []
        self._consumers_of: dict[str, list[Consumer]] = {}
        # Whatever else runs for ever; it must outlive a store that is down.
        self.background: list[Callable[[], Awaitable[None]]] = [self._keep_house]
        # What must be true before the process may serve.
        self.preparations: list[asyncio.Event] = []
        self._databases: dict[str, Database] = {}
        self.dispatcher = self._make_dispatcher()
        for service in (users, graph, tweets, fanout, timelines):
            service.build(self)

    def channel(self, name: str) -> LocalChannel:
        """The way from the service `name` to all others."""
        return LocalChannel(self.dispatcher, name=name, deadline_s=self.settings.deadline_ms / 1000)

    def database(self, name: str) -> Database:
        """The file of the service `name`."""
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

    def serve(self, file: FileDescriptor, service: str, rpc: object) -> None:
        """Serve a gRPC service that `file` declares, to the network and to the services of this process."""
        self.dispatcher.add(file.services_by_name[service], rpc)

    def consume(self, log: str, what: Consumption, *, offsets: str) -> Consumer:
        """Follow the events of one service, keeping the offset in the file of another."""
        consumer = Consumer(SqliteEventLog(self.database(log)), SqliteOffsets(self.database(offsets)), what)
        self.consumers.append(consumer)
        self._consumers_of.setdefault(log, []).append(consumer)
        return consumer

    def consumers_of(self, log: str) -> Sequence[Consumer]:
        """Whoever follows the events of one service."""
        return self._consumers_of.get(log, [])

    def databases(self) -> Sequence[Database]:
        """Every file that is open."""
        return list(self._databases.values())

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Run the consumers and the background while the body runs."""
        for consumer in self.consumers:
            await consumer.start()
        async with asyncio.TaskGroup() as tasks:
            endless = [consumer.run for consumer in self.consumers] + self.background
            running = [tasks.create_task(_forever(work)) for work in endless]
            try:
                for prepared in self.preparations:
                    await prepared.wait()
                yield
            finally:
                for task in running:
                    task.cancel()

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

    def _make_dispatcher(self) -> Dispatcher:
        verifier = TokenVerifier({self.secrets.key_id: self.secrets.signing_key.public_key()}, self.denied)
        return Dispatcher(
            [Telemetry(self.metrics), boundary.errors, boundary.deadline, Identity(verifier)],
            at_entry=[IdempotencyKeys(self.secrets.derive("idempotency")), Limits(self.limits_store, self.limits)],
        )

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_EVERY_S)
            self.timelines.forget_idle()
            for database in self._databases.values():
                await insist(SqliteEventLog(database).prune, what=f"prune {database.name}")


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    await work()
