"""The services of one process, on the adapters of a profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc.aio
from google.protobuf.descriptor import FileDescriptor

from aviary import secrets
from aviary._native import DenyList
from aviary.app import fanout, graph, profiles, timelines, tweets, users
from aviary.app.stores import Fronting
from aviary.clock import Clock
from aviary.eventlog import Consumption, Following
from aviary.metrics import Metrics
from aviary.paging import Cursors
from aviary.rpc import boundary
from aviary.rpc.call import User
from aviary.rpc.callers import SERVICES
from aviary.rpc.channels import Channels
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.front import Fill, FrontGate
from aviary.rpc.idempotency import IdempotencyKeys
from aviary.rpc.identity import Identity, TokenVerifier
from aviary.rpc.limits import Limits, limits_of
from aviary.rpc.telemetry import Telemetry
from aviary.rpc.tls import Certificates
from aviary.settings import Settings
from aviary.users.passwords import Passwords

_SERVICES = {"users": users, "graph": graph, "tweets": tweets, "fanout": fanout, "timelines": timelines}


class Platform:
    """What the services share; each adds itself in its own module of this package."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, services: Sequence[str] = SERVICES) -> None:
        self.settings = settings
        # Those that answer calls; the others are workers of the profile, which nobody calls.
        self.services = [each for each in services if each in _SERVICES]
        self.clock = clock or Clock()
        self.metrics = Metrics()
        self.secrets = secrets.load(settings.data_dir)
        self.cursors = Cursors(self.secrets.derive("cursors"))
        self.denied = DenyList()
        self.limits = limits_of(settings)
        self.passwords = Passwords(cost=settings.bcrypt_cost)
        self.stores = profiles.stores_of(settings, self.clock, self.metrics, self.secrets)
        # Whoever follows a log; all of them run while the platform does.
        self.consumers: list[Following] = []
        # Whatever else runs for ever; it must outlive a store that is down.
        self.background: list[Callable[[], Awaitable[None]]] = []
        self.dispatcher = self._make_dispatcher()
        # Answers hot reads before the handlers; None where every call is theirs.
        self.front: FrontGate | None = None
        # Who this process is to others; None where nobody asks.
        self.certificates = Certificates(Path(settings.tls_dir), services) if settings.tls_dir else None
        self._channels = Channels(
            self.dispatcher,
            served=self.services,
            settings=settings,
            metrics=self.metrics,
            certificates=self.certificates,
            tokens=partial(secrets.service_token, self.secrets),
        )
        for service in self.services:
            _SERVICES[service].build(self)
        for worker in services:
            if worker not in _SERVICES:
                self.background.extend(self.stores.worker(worker))

    def channel(self, name: str) -> grpc.aio.Channel:
        """The way from the service `name` to all others."""
        return self._channels.channel(name)

    def serve(self, file: FileDescriptor, service: str, rpc: object) -> None:
        """Serve a gRPC service that `file` declares, to the network and to the services of this process."""
        self.dispatcher.add(file.services_by_name[service], rpc)

    def put_in_front(self, fronting: Fronting, fill: Fill) -> None:
        """Let the front answer hot reads, which `fill` gives it what it misses for."""
        self.front = FrontGate(
            fronting.front,
            fill,
            self.settings,
            denied=self.denied,
            limits=self.stores.limits,
            freshness=fronting.freshness,
            clock=self.clock.core,
            registry=self.metrics.registry,
            certificates=self.certificates,
        )

    def consume(self, log: str, what: Consumption, *, service: str) -> Following:
        """Follow the events of one service on behalf of another."""
        self.consumers.append(self.stores.consume(log, what, service=service))
        return self.consumers[-1]

    def run_alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run what must run in one process of the fleet at a time."""
        self.background.append(self.stores.alone(name, work))

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Connect the stores, and run the consumers and the background while the body runs."""
        await self.stores.open()
        for consumer in self.consumers:
            await consumer.start()
        loaded = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            endless = [consumer.run for consumer in self.consumers] + [*self.background, *self.stores.background]
            running = [tasks.create_task(_forever(work)) for work in endless]
            running.append(tasks.create_task(self.stores.feed_deny_list(self.denied, loaded)))
            try:
                # Not before the process knows which sessions have ended may it serve.
                await loaded.wait()
                yield
            finally:
                for task in running:
                    task.cancel()

    async def close(self) -> None:
        """Finish accepted writes and close the stores."""
        await self._channels.close()
        await self.stores.close()
        self.passwords.close()

    def jwks(self) -> str:
        """The public keys as `/.well-known/jwks.json` gives them."""
        return secrets.jwks(self.secrets)

    def _make_dispatcher(self) -> Dispatcher:
        verifier = TokenVerifier(
            {self.secrets.key_id: self.secrets.signing_key.public_key()}, self.denied, self._know_token
        )
        return Dispatcher(
            [Telemetry(self.metrics), boundary.errors, boundary.deadline, Identity(verifier)],
            at_entry=[IdempotencyKeys(self.secrets.derive("idempotency")), Limits(self.stores.limits, self.limits)],
        )

    def _know_token(self, token: str, user: User, expires_s: float) -> None:
        if self.front is not None:
            self.front.know(token, user, expires_s)


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    await work()
