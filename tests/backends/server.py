"""A real server as a child of the tests: started when it really serves, and killed, paused or restarted by a fault."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import aviary

HOST = "127.0.0.1"
_POLL_S = 0.02
_STOP_S = 30.0
_LAST_WORDS = 25
# Below the ports that the system gives to connections, so that none of them takes a server's while it is restarted.
_PORTS = range(12_000, 32_000)
# By its path: the gateway's package brings much that nobody here needs.
_TETHER = Path(aviary.__file__).with_name("gateway") / "tether.py"
# A child dies with the thread that made it, so all of them are made by one that lives as long as the process.
_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="backends")


class NotStarted(AssertionError):
    """A server that a test asked for is not there, with its own last words."""


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError:
                continue
        return port
    raise NotStarted("a hundred ports were tried and none of them is free")


class Server(ABC):
    """One server with its configuration, data and log in `folder`, on the same ports for life."""

    name: str
    # The slowest take 15 s on a machine that is idle; busy with other tests it is slow, not broken.
    start_s = 240.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def url(self) -> str:
        """What a setting names it by."""
        return self.address

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def log(self) -> str:
        """What it has said since it was last started."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    @property
    def all_log(self) -> str:
        """What it has said since there is its folder."""
        return self._log_file.read_text(errors="replace")

    def start(self) -> Self:
        """Start it and return when it serves. Raises NotStarted, and leaves nothing running, when it doesn't."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        self._log_from = self._log_file.stat().st_size if self._log_file.exists() else 0
        self._process = _SPAWNER.submit(self._spawn).result()
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Ask it to end and wait for that; harmless when it ended already."""
        if self._process is None or self._process.poll() is not None:
            return
        self.resume()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._running.kill()
        self._running.wait()

    def pause(self) -> None:
        """Let it hold its connections and answer nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        self._running.send_signal(signal.SIGCONT)

    def restart(self) -> Self:
        """Start it again, ended or not, with the data it had."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Write what the program reads; called before each start."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the program's path and its arguments."""

    @abstractmethod
    def _serves(self) -> bool:
        """Return whether it answers what a client would ask."""

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise NotStarted(f"{self.name} was not started")
        return self._process

    @property
    def _log_file(self) -> Path:
        return self.folder / "server.log"

    def _spawn(self) -> subprocess.Popen[bytes]:
        tethered = (sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()))
        with self._log_file.open("ab") as log:
            return subprocess.Popen(
                [*tethered, *self._command()],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is the tests' to answer; they stop their servers then.
                start_new_session=True,
            )

    def _wait(self) -> None:
        until = time.monotonic() + self.start_s
        while not self._serves():
            if (status := self._running.poll()) is not None:
                raise NotStarted(f"{self.name} ended with status {status}:\n{self._last_words()}")
            if time.monotonic() > until:
                raise NotStarted(f"{self.name} did not serve within {self.start_s:.0f} s:\n{self._last_words()}")
            time.sleep(_POLL_S)

    def _last_words(self) -> str:
        """Return the end of its log without the frames of stack traces."""
        lines = [each for each in self.log.splitlines() if not each.startswith("\tat ")]
        return "\n".join(lines[-_LAST_WORDS:])
