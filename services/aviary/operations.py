"""What an operator does to the platform that runs on this machine: drop caches, recount, suspend, verify."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import grpc.aio

from aviary import secrets
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.reconcile.v1.reconcile_pb2 import Drift, ReconcileRequest
from aviary.api.timelines.v1.timelines_pb2 import DropCacheRequest
from aviary.api.timelines.v1.timelines_pb2_grpc import TimelineServiceStub
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1.admin_pb2 import SetVerifiedRequest, SuspendUserRequest, UnsuspendUserRequest
from aviary.api.users.v1.admin_pb2_grpc import AdminServiceStub
from aviary.api.users.v1.users_pb2 import ResolveUsernamesRequest
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.errors import NotFound, Unavailable
from aviary.metrics import Metrics
from aviary.rpc.callers import OPERATOR, SERVICES
from aviary.rpc.channels import Channels
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.tls import Certificates
from aviary.seed import invention, loader
from aviary.settings import Settings

_ADDRESS = "grpc.address"


def publish_address(data_dir: Path, addresses: str) -> None:
    """Leave where the services answer, as AVIARY_SERVICES has it, where the commands of this machine find it."""
    (data_dir / _ADDRESS).write_text(addresses + "\n")


def everywhere(address: str) -> str:
    """All services at one address, as AVIARY_SERVICES has it."""
    return ",".join(f"{service}={address}" for service in SERVICES)


async def drop_cache(settings: Settings) -> int:
    """Make every timeline of the running platform absent; returns how many there were."""
    async with _operator(settings, "cache-drop") as channel:
        answer = await TimelineServiceStub(channel).DropCache(DropCacheRequest(), timeout=10)
        return answer.dropped_lists


async def suspend(settings: Settings, username: str) -> None:
    """Hide an account and end its sessions."""
    async with _operator(settings, "suspend") as channel:
        request = SuspendUserRequest(id=await _id_of(channel, username))
        await AdminServiceStub(channel).SuspendUser(request, timeout=10)


async def unsuspend(settings: Settings, username: str) -> None:
    """Lift a suspension."""
    async with _operator(settings, "unsuspend") as channel:
        request = UnsuspendUserRequest(id=await _id_of(channel, username))
        await AdminServiceStub(channel).UnsuspendUser(request, timeout=10)


async def set_verified(settings: Settings, username: str, *, verified: bool) -> None:
    """Give or take the verified mark."""
    async with _operator(settings, "verify") as channel:
        request = SetVerifiedRequest(id=await _id_of(channel, username), verified=verified)
        await AdminServiceStub(channel).SetVerified(request, timeout=10)


async def reconcile(settings: Settings, *, repair: bool) -> AsyncIterator[Drift]:
    """Recount every counter of the running platform and yield what differs; the last says only how many there are."""
    examined = 0
    async with _operator(settings, "reconcile") as channel:
        for stub in (TweetServiceStub(channel), GraphServiceStub(channel)):
            seen = 0
            async for found in stub.Reconcile(ReconcileRequest(repair=repair)):
                seen = max(seen, found.examined)
                if found.counter:
                    yield found
            examined += seen
    yield Drift(examined=examined)


@asynccontextmanager
async def _operator(settings: Settings, command: str) -> AsyncIterator[grpc.aio.Channel]:
    """The way to the running platform for an operator's command; a refusal leaves as Aviary's own."""
    reached = replace(settings, services=settings.services or _published(settings.data_dir))
    held = secrets.load(settings.data_dir)
    certificates = Certificates(Path(settings.tls_dir), [OPERATOR]) if settings.tls_dir else None
    channels = Channels(
        Dispatcher([]),
        served=(),
        settings=reached,
        metrics=Metrics(),
        certificates=certificates,
        tokens=lambda _name: secrets.operator_token(held, command),
    )
    try:
        yield channels.channel(OPERATOR)
    finally:
        await channels.close()


def _published(data_dir: Path) -> str:
    try:
        return (data_dir / _ADDRESS).read_text().strip()
    except OSError:
        raise Unavailable(f"no Aviary was ever started on the data folder {data_dir}") from None


async def _id_of(channel: grpc.aio.Channel, username: str) -> int:
    request = ResolveUsernamesRequest(usernames=[username])
    found = (await UserServiceStub(channel).ResolveUsernames(request, timeout=10)).ids
    if username.lower() not in found:
        raise NotFound(f"there is no user called {username!a}")
    return found[username.lower()]


async def fill_with_demo(url: str, journal: Path) -> None:
    """Load a small made-up world through the public API; `journal` keeps everybody's password."""
    await loader.load(invention.invent(30), url, journal, tweets_per_user=5, concurrency=8)
