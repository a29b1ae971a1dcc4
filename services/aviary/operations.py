"""What an operator does to a platform on this machine: drop caches, recount, suspend, back up, restore, examine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
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
from aviary.settings import Settings

# Consumers before what they consume, and what is referred to last: a copy never names what it lacks.
STORES = ("fanout", "tweets", "graph", "users")
_ADDRESS = "grpc.address"
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    is_good: bool
    sentence: str


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


def backup(data_dir: Path, to: Path) -> None:
    """Copy each store as of one moment, and the secrets; `to` must be new or empty."""
    _must_be_empty(to)
    if not (data_dir / "users.db").exists():
        raise Unavailable(f"the data folder {data_dir} holds no stores")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(data_dir / "secrets", to / "secrets")
    for name in STORES:
        _copy_store(data_dir / f"{name}.db", to / f"{name}.db")


def restore(source: Path, data_dir: Path) -> None:
    """Copy a backup into an empty data folder after checking that each store in it is sound."""
    _must_be_empty(data_dir)
    missing = [name for name in STORES if not (source / f"{name}.db").is_file()]
    if missing or not (source / "secrets").is_dir():
        raise Unavailable(f"{source} is no backup of Aviary: it lacks {', '.join(missing) or 'the secrets'}")
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in STORES:
        _must_be_sound(source / f"{name}.db")
        _copy_store(source / f"{name}.db", data_dir / f"{name}.db")
    shutil.copytree(source / "secrets", data_dir / "secrets")


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a start needs; changes nothing that is there."""
    return list(_findings(settings))


async def fill_with_demo(url: str, journal: Path) -> None:
    """Load a small made-up world through the public API; `journal` keeps everybody's password."""
    await loader.load(invention.invent(30), url, journal, tweets_per_user=5, concurrency=8)


def _findings(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    writable = os.access(existing, os.W_OK | os.X_OK)
    yield Finding(writable, f"the data folder {folder} can{'' if writable else 'not'} be written")
    free = shutil.disk_usage(existing).free // 1_000_000
    yield Finding(free > 100, f"its disk has {free} MB free; at least 100 MB are needed")
    for name in STORES:
        if (folder / f"{name}.db").exists():
            yield _store_finding(folder / f"{name}.db")
    yield _port_finding(settings.port)
    has_envoy = importlib.util.find_spec("envoy") is not None
    yield Finding(has_envoy, f"Envoy is {'installed' if has_envoy else 'missing: run make setup'}")


def _store_finding(file: Path) -> Finding:
    try:
        _must_be_sound(file)
    except Unavailable as error:
        return Finding(is_good=False, sentence=error.message)
    return Finding(is_good=True, sentence=f"the {file.stem} store is sound")


def _port_finding(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding(is_good=False, sentence=f"port {port} cannot be used: {error.strerror}")
    return Finding(is_good=True, sentence=f"port {port} is free")


def _copy_store(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)
    except sqlite3.Error as error:
        raise Unavailable(f"the store {source} cannot be copied: {error}") from None


def _must_be_sound(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    if verdict != "ok":
        raise Unavailable(f"the store {file} is damaged: {verdict}")


def _must_be_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise Unavailable(f"the folder {folder} is not empty; name a new one")
