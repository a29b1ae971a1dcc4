"""A whole fleet on one machine: each service in a process of its own, started again when it dies, behind one Envoy."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aviary import logs, secrets
from aviary.errors import InvalidInput, Unavailable
from aviary.gateway import fleet_config, tether
from aviary.lifecycle import prepare_folder, run_envoy
from aviary.rpc.callers import SERVICES, WORKERS
from aviary.settings import Settings

_START_S = 150.0
_PAUSE_S = 0.5
_log = logging.getLogger("aviary.fleet")


@dataclass(slots=True)
class Member:
    """One process of the fleet, and what runs in it."""

    name: str
    parts: Sequence[str]
    grpc_port: int
    metrics_port: int
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """0 while it is down."""
        return self.process.pid if self.process and self.process.returncode is None else 0


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet that serves; `addresses` is what AVIARY_SERVICES of whoever joins it must say."""

    http: str
    addresses: str
    members: Sequence[Member]


def layout_of(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Return what runs in each process, by its name; InvalidInput unless every service and every worker is in some."""
    layout = [group.split("+") for group in settings.fleet.split(",")]
    named = {part for group in layout for part in group}
    if unknown := named - {*SERVICES, *WORKERS}:
        raise InvalidInput(f"AVIARY_FLEET names {', '.join(sorted(unknown))}, no service and no worker")
    if twice := ["+".join(group) for group in layout if len(set(group)) < len(group)]:
        raise InvalidInput(f"AVIARY_FLEET names a part twice in one process, {twice[0]}")
    if missing := [part for part in (*SERVICES, *WORKERS) if part not in named]:
        raise InvalidInput(f"AVIARY_FLEET leaves out {', '.join(missing)}")
    names = ["+".join(group) for group in layout]
    # A second one like it is its #2.
    return {
        name if name not in names[:at] else f"{name}#{names[:at].count(name) + 1}": group
        for at, (name, group) in enumerate(zip(names, layout, strict=True))
    }


@asynccontextmanager
async def run(settings: Settings) -> AsyncIterator[Fleet]:
    """Run the fleet while the body runs; the stores that the settings name must be there and migrated.

    Raises Unavailable with the sentence of the first process that cannot
    start; nothing is left running then.
    """
    layout = layout_of(settings)
    async with AsyncExitStack() as stack:
        prepare_folder(settings.data_dir)
        listener = logs.start(settings.log_level, settings.data_dir / "logs" / "fleet.log")
        stack.callback(listener.stop)
        # Made before the processes look for them, all of which would make some.
        held = secrets.load(settings.data_dir)
        ports = _free_ports(2 * len(layout))
        members = [
            Member(name, parts, grpc_port, metrics_port)
            for (name, parts), grpc_port, metrics_port in zip(layout.items(), ports[::2], ports[1::2], strict=True)
        ]
        addresses = ",".join(
            f"{part}=127.0.0.1:{each.grpc_port}" for each in members for part in each.parts if part in SERVICES
        )
        fleet = dataclasses.replace(settings, services=addresses)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        watching = [tasks.create_task(_keep(each, members, fleet)) for each in members]
        stack.push_async_callback(_stop, watching, members)
        await _all_ready(members)
        http = await run_envoy(fleet_config(fleet, jwks=secrets.jwks(held)), settings, stack)
        yield Fleet(http, addresses, members)


async def _keep(member: Member, members: Sequence[Member], settings: Settings) -> None:
    """Start the process, and start it again whenever it dies; what dies before it was ever ready ends the fleet."""
    while True:
        member.process = await asyncio.create_subprocess_exec(
            sys.executable,
            tether.__file__,
            str(os.getpid()),
            sys.executable,
            *("-m", "aviary", "serve", *member.parts),
            env=_environment(settings, member),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _publish(settings.data_dir, members)
        status, last_words = await _watch(member)
        if not member.ready.is_set():
            raise Unavailable(last_words.removeprefix("aviary: ") or f"{member.name} ended with status {status}")
        _log.warning("process_died", extra={"member": member.name, "status": status, "said": last_words})
        await asyncio.sleep(_PAUSE_S)


async def _watch(member: Member) -> tuple[int, str]:
    """Wait for the process's end; return its status and the last line that it complained with."""
    process = member.process
    assert process is not None and process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - piped
    said = asyncio.create_task(_last_line(process.stderr))
    async for line in process.stdout:
        if line.startswith(b"ready"):
            member.ready.set()
    return await process.wait(), await said


async def _last_line(stream: asyncio.StreamReader) -> str:
    last = ""
    async for line in stream:
        last = line.decode(errors="replace").strip() or last
    return last


async def _all_ready(members: Sequence[Member]) -> None:
    """Wait for all; one that cannot start ends the wait, and the fleet, with its sentence."""
    try:
        async with asyncio.timeout(_START_S):
            for member in members:
                await member.ready.wait()
    except TimeoutError:
        late = ", ".join(each.name for each in members if not each.ready.is_set())
        raise Unavailable(f"not ready within {_START_S:.0f} s: {late}; their logs are in the data folder") from None


async def _stop(watching: Sequence[asyncio.Task[None]], members: Sequence[Member]) -> None:
    """End the processes as an operator does: those that are called last."""
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for member in members:
        if member.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGTERM)
    await asyncio.gather(*(each.process.wait() for each in members if each.process))


def _environment(settings: Settings, member: Member) -> Mapping[str, str]:
    """The settings as the process's environment, with its own ports."""
    own = dataclasses.replace(settings, grpc_port=member.grpc_port, metrics_port=member.metrics_port)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVIARY_")}
    return kept | {f"AVIARY_{spec.name.upper()}": str(getattr(own, spec.name)) for spec in dataclasses.fields(own)}


def _publish(data_dir: Path, members: Sequence[Member]) -> None:
    """Leave the processes' numbers and addresses where an operator, and the commands of this machine, find them."""
    found = {each.name: {"pid": each.pid, "grpc": each.grpc_port, "metrics": each.metrics_port} for each in members}
    draft = data_dir / ".fleet.json"
    draft.write_text(json.dumps(found, indent=1) + "\n")
    draft.rename(data_dir / "fleet.json")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different; each process takes its own at once."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
