"""One process's life: it locks its data folder, starts, serves, drains and lets go, in that order."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import prometheus_client
from aiohttp import web

from aviary import logs
from aviary.app import Platform
from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.gateway import Envoy, envoy_config
from aviary.gateway.xds import Json
from aviary.handover import must_be_whole
from aviary.rpc import telemetry
from aviary.rpc.callers import SERVICES
from aviary.rpc.server import RpcServer
from aviary.settings import Settings

_log = logging.getLogger("aviary.lifecycle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where a started process answers; `http` is empty without a gateway."""

    platform: Platform
    grpc: str
    http: str
    metrics: str


@asynccontextmanager
async def run(settings: Settings, *, clock: Clock | None = None, gateway: bool = True) -> AsyncIterator[Running]:
    """Run the whole platform in this process while the body runs, alone on its data folder.

    On the way out it takes no more calls, lets those under way finish, then
    stops the workers and closes the stores. Raises Unavailable with one
    sentence when it cannot start, and when Envoy dies.
    """
    async with AsyncExitStack() as stack:
        prepare_folder(settings.data_dir)
        stack.enter_context(locked(settings.data_dir))
        must_be_whole(settings.data_dir)
        running = await _start(settings, clock, SERVICES, "aviary", stack)
        if gateway:
            running = replace(running, http=await _start_gateway(running, settings, stack))
        yield running


@asynccontextmanager
async def serve(settings: Settings, services: Sequence[str], *, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Run some of the services, and workers of the profile, in a process of a fleet while the body runs.

    The data folder holds the deployment's secrets, which every process of it
    must have, and the log of this one.
    """
    async with AsyncExitStack() as stack:
        prepare_folder(settings.data_dir)
        yield await _start(settings, clock, services, "-".join(services), stack)


async def _start(
    settings: Settings, clock: Clock | None, services: Sequence[str], name: str, stack: AsyncExitStack
) -> Running:
    listener = logs.start(settings.log_level, settings.data_dir / "logs" / f"{name}.log")
    stack.callback(listener.stop)
    stack.callback(telemetry.export_to(settings.otlp_endpoint))
    platform = Platform(settings, clock=clock, services=services)
    stack.push_async_callback(platform.close)
    await stack.enter_async_context(platform.workers())
    server = RpcServer(
        platform.dispatcher,
        settings,
        certificates=platform.certificates,
        ready_checks=platform.stores.checks(),
        front=platform.front,
    )
    grpc_port = await server.start()
    stack.push_async_callback(server.stop)
    await server.ready()
    metrics_port = await _serve_metrics(platform, server, settings, stack)
    if not settings.limits_on:
        _log.warning("limits_off")
    host = settings.listen
    return Running(
        platform=platform, grpc=f"{host}:{grpc_port}", http="", metrics=f"http://{host}:{metrics_port}/metrics"
    )


def prepare_folder(folder: Path) -> None:
    """Make the data folder, readable by its owner alone; one sentence when that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Of a name of its own: the processes of a fleet try it at the same time.
        with tempfile.NamedTemporaryFile(prefix=".writable", dir=folder):
            pass
    except OSError as error:
        raise Unavailable(f"the data folder {folder} cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other process off the data folder while the body runs; Unavailable when one has it."""
    try:
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise Unavailable(f"the data folder {folder} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Unavailable(f"another Aviary runs on the data folder {folder}; stop it or name another folder") from None
    finally:
        os.close(lock)


async def _serve_metrics(platform: Platform, server: RpcServer, settings: Settings, stack: AsyncExitStack) -> int:
    """Answer what an operator's tools ask over HTTP: the metrics, and whether the process lives and is ready."""

    async def scrape(_request: web.Request) -> web.Response:
        text = prometheus_client.generate_latest(platform.metrics.registry)
        return web.Response(body=text, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})

    async def live(_request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="ready\n") if server.is_ready else web.Response(text="not ready\n", status=503)

    site_app = web.Application()
    site_app.add_routes([web.get("/metrics", scrape), web.get("/livez", live), web.get("/readyz", ready)])
    runner = web.AppRunner(site_app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    port = settings.metrics_port
    try:
        await web.TCPSite(runner, settings.listen, port).start()
    except OSError:
        raise Unavailable(f"port {port} for metrics is taken; choose another with AVIARY_METRICS_PORT") from None
    return int(runner.addresses[0][1])


async def _start_gateway(running: Running, settings: Settings, stack: AsyncExitStack) -> str:
    config = envoy_config(
        port=settings.port,
        grpc_port=int(running.grpc.rpartition(":")[2]),
        metrics_port=int(running.metrics.rpartition(":")[2].partition("/")[0]),
        jwks=running.platform.jwks(),
        settings=settings,
    )
    return await run_envoy(config, settings, stack)


async def run_envoy(config: Json, settings: Settings, stack: AsyncExitStack) -> str:
    """Start an Envoy that lives as long as the stack, and return where clients connect."""
    folder = settings.data_dir / "gateway"
    envoy = Envoy(config, folder=folder, drain_s=settings.drain_s, tls_dir=settings.tls_dir)
    port = await envoy.start()
    stack.push_async_callback(envoy.stop)
    await stack.enter_async_context(_watched(envoy))
    return f"http://127.0.0.1:{port}"


@asynccontextmanager
async def _watched(envoy: Envoy) -> AsyncIterator[None]:
    async def watch() -> None:
        status = await envoy.wait()
        raise Unavailable(f"Envoy ended by itself with status {status}; its log is in the data folder, under gateway")

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
