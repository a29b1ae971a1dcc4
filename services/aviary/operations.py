"""What an operator does to the platform that runs on this machine: drop caches, recount, suspend, verify."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
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
from aviary.rpc.status import from_rpc_error
from aviary.seed import invention, loader

_ADDRESS = "grpc.address"
Metadata = tuple[tuple[str, str], ...]


def publish_address(data_dir: Path, address: str) -> None:
    """Leave the gRPC address where the commands of this machine find it."""
    (data_dir / _ADDRESS).write_text(address + "\n")


async def drop_cache(data_dir: Path) -> int:
    """Make every timeline of the running platform absent; returns how many there were."""
    async with _operator(data_dir, "cache-drop") as (channel, signed):
        answer = await TimelineServiceStub(channel).DropCache(DropCacheRequest(), metadata=signed, timeout=10)
        return answer.dropped_lists


async def suspend(data_dir: Path, username: str) -> None:
    """Hide an account and end its sessions."""
    async with _operator(data_dir, "suspend") as (channel, signed):
        request = SuspendUserRequest(id=await _id_of(channel, signed, username))
        await AdminServiceStub(channel).SuspendUser(request, metadata=signed, timeout=10)


async def unsuspend(data_dir: Path, username: str) -> None:
    """Lift a suspension."""
    async with _operator(data_dir, "unsuspend") as (channel, signed):
        request = UnsuspendUserRequest(id=await _id_of(channel, signed, username))
        await AdminServiceStub(channel).UnsuspendUser(request, metadata=signed, timeout=10)


async def set_verified(data_dir: Path, username: str, *, verified: bool) -> None:
    """Give or take the verified mark."""
    async with _operator(data_dir, "verify") as (channel, signed):
        request = SetVerifiedRequest(id=await _id_of(channel, signed, username), verified=verified)
        await AdminServiceStub(channel).SetVerified(request, metadata=signed, timeout=10)


async def reconcile(data_dir: Path, *, repair: bool) -> AsyncIterator[Drift]:
    """Recount every counter of the running platform and yield what differs; the last says only how many there are."""
    examined = 0
    async with _operator(data_dir, "reconcile") as (channel, signed):
        for stub in (TweetServiceStub(channel), GraphServiceStub(channel)):
            seen = 0
            async for found in stub.Reconcile(ReconcileRequest(repair=repair), metadata=signed):
                seen = max(seen, found.examined)
                if found.counter:
                    yield found
            examined += seen
    yield Drift(examined=examined)


@asynccontextmanager
async def _operator(data_dir: Path, command: str) -> AsyncIterator[tuple[grpc.aio.Channel, Metadata]]:
    """A channel to the running platform and what signs an operator's calls on it; a refusal leaves as Aviary's own."""
    try:
        address = (data_dir / _ADDRESS).read_text().strip()
    except OSError:
        raise Unavailable(f"no Aviary was ever started on the data folder {data_dir}") from None
    token = secrets.operator_token(secrets.load(data_dir), command)
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            yield channel, (("authorization", f"Bearer {token}"),)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None


async def _id_of(channel: grpc.aio.Channel, signed: Metadata, username: str) -> int:
    request = ResolveUsernamesRequest(usernames=[username])
    found = (await UserServiceStub(channel).ResolveUsernames(request, metadata=signed, timeout=10)).ids
    if username.lower() not in found:
        raise NotFound(f"there is no user called {username!a}")
    return found[username.lower()]


async def fill_with_demo(url: str, journal: Path) -> None:
    """Load a small made-up world through the public API; `journal` keeps everybody's password."""
    await loader.load(invention.invent(30), url, journal, tweets_per_user=5, concurrency=8)
