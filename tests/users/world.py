"""A users service that is real but for its clock."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aviary._native import DenyList
from aviary.clock import Clock
from aviary.events.v1.events_pb2 import Event
from aviary.metrics import Metrics
from aviary.rpc.call import Claim
from aviary.rpc.limits import Limit, Usage, limits_of
from aviary.secrets import Secrets
from aviary.settings import Settings
from aviary.storage.native.limits import NativeRateLimits
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.failures import LoginFailures
from aviary.users.passwords import Passwords
from aviary.users.service import Application, SignedIn, UserService
from aviary.users.tokens import Tokens

PASSWORD = "correct horse battery"


@dataclass(slots=True)
class Time:
    """Real time as the service sees it; a test moves it."""

    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The service with all that it stands on."""

    database: Database
    store: SqliteUserStore
    service: UserService
    log: SqliteEventLog
    tokens: Tokens
    denied: DenyList
    settings: Settings
    time: Time
    told: list[Usage] = field(default_factory=list)

    async def register(self, username: str = "ada", *, key: str | None = None, email: str = "") -> SignedIn:
        application = Application(username=username, email=email or f"{username}@example.com", password=PASSWORD)
        return await self.service.register(application, claim=claim("Register", key, username))

    async def login(
        self, name: str = "ada", password: str = PASSWORD, *, key: str | None = None, address: str = "192.0.2.1"
    ) -> SignedIn:
        wanted = claim("Login", key, f"{name} {password}")
        return await self.service.login(name, password, address=address, claim=wanted, tell=self.tell)

    async def refresh(self, refresh_token: str, *, key: str | None = None) -> str:
        pair = await self.service.refresh(refresh_token, claim=claim("RefreshToken", key, refresh_token))
        return pair.refresh_token

    async def suspend(self, user_id: int) -> None:
        await self.database.write(lambda tx: tx.execute("UPDATE users SET suspended = 1 WHERE id = ?", (user_id,)))

    async def events(self) -> list[Event]:
        return [record.event for record in await self.log.read(0, limit=1_000)]

    def tell(self, _limit: Limit, usage: Usage) -> None:
        self.told.append(usage)


def claim(rpc: str, key: str | None, body: str) -> Claim | None:
    """The claim that a call with this key and body carries; None without a key."""
    return Claim(caller="", rpc=rpc, key=key, body=hashlib.sha256(body.encode()).digest()) if key else None


def database(folder: Path, name: str = "users") -> Database:
    return Database(folder / f"{name}.db", clock=Clock(), metrics=Metrics(), queue_size=1_000, group=64, readers=2)


@asynccontextmanager
async def opened(
    folder: Path, deployment: Secrets, *, limits: str = "on", time: Time | None = None
) -> AsyncIterator[World]:
    """Run a service on the files in `folder`."""
    time = time or Time()
    settings = Settings(data_dir=folder, bcrypt_cost=4, limits=limits)
    users, passwords, denied = database(folder), Passwords(cost=4, workers=2, queue=200), DenyList()
    store, tokens = SqliteUserStore(users), Tokens(deployment, access_ttl_s=settings.access_token_ttl_s)
    service = UserService(
        store,
        passwords,
        tokens,
        settings=settings,
        denied=denied,
        failures=LoginFailures(NativeRateLimits(), limits_of(settings).get("login_failures")),
        real_time=time,
    )
    try:
        yield World(
            database=users,
            store=store,
            service=service,
            log=SqliteEventLog(users),
            tokens=tokens,
            denied=denied,
            settings=settings,
            time=time,
        )
    finally:
        users.close()
        passwords.close()
