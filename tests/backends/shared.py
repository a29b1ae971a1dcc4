"""One server of each kind for all tests of a run, whichever process runs them; nobody may harm these."""

from __future__ import annotations

import json
import os
import pkgutil
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, cast

from tests.backends.server import NotStarted


class Startable(Protocol):
    """What all servers have in common."""

    @property
    def url(self) -> str: ...

    def start(self) -> Startable: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...


# What makes each, by the name of its fixture; imported when it is asked for, which most runs never do.
SERVERS: Mapping[str, str] = {
    "cassandra": "tests.backends.cassandra:forgetful",
    "kafka": "tests.backends.kafka:Kafka",
    "redis": "tests.backends.redis:Redis",
    "redis_cluster": "tests.backends.redis:RedisCluster",
    "s3": "tests.backends.s3:S3",
    "toxiproxy": "tests.backends.toxiproxy:Toxiproxy",
}
# Names one that runs already, so that a test that is run again and again needn't wait for its start.
_ELSEWHERE = {"cassandra": "AVIARY_TEST_TABLES", "kafka": "AVIARY_TEST_KAFKA", "redis": "AVIARY_TEST_REDIS"}
# The fetching of what is not in the cache yet included.
_PATIENCE_S = 1_800.0


class Backends(Protocol):
    """Where a run's servers are."""

    def begin(self, name: str) -> None:
        """Let a server start that will be asked for; its failure is told to who asks."""

    def url(self, name: str) -> str:
        """Return where it answers, once it does. Raises NotStarted with its last words."""


class Shared:
    """Starts each server at most once, several at the same time, and ends them with the run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts: dict[str, Future[Startable]] = {}
        self._folder: Path | None = None
        self._threads = ThreadPoolExecutor(len(SERVERS), thread_name_prefix="backends-start")
        self._door: _Door | None = None

    def begin(self, name: str) -> None:
        """As `Backends`."""
        if not _elsewhere(name):
            self._start(name)

    def url(self, name: str) -> str:
        """As `Backends`."""
        return _elsewhere(name) or self._start(name).result(_PATIENCE_S).url

    def door(self) -> str:
        """Return the path of a socket at which other processes find the same servers."""
        if self._door is None:
            self._door = _Door(self._place() / "door", self)
            threading.Thread(target=self._door.serve_forever, name="backends-door", daemon=True).start()
        return str(self._place() / "door")

    def close(self) -> None:
        """End all of them and throw away what they hold."""
        if self._door is not None:
            self._door.shutdown()
            self._door.server_close()
        self._threads.shutdown(cancel_futures=True)
        for start in self._starts.values():
            if not start.cancelled() and start.exception() is None:
                start.result().kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, name: str) -> Future[Startable]:
        with self._lock:
            if name not in self._starts:
                make: Callable[[Path], Startable] = pkgutil.resolve_name(SERVERS[name])
                server = make(self._place() / name)
                self._starts[name] = self._threads.submit(server.start)
            return self._starts[name]

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="aviary-backends-"))
        return self._folder


class Remote:
    """The servers of the process behind a door."""

    def __init__(self, door: str) -> None:
        self._at = door

    def begin(self, name: str) -> None:
        """As `Backends`."""
        self._ask(name, wait=False)

    def url(self, name: str) -> str:
        """As `Backends`."""
        answer = self._ask(name, wait=True)
        if "url" not in answer:
            raise NotStarted(answer["error"])
        return answer["url"]

    def _ask(self, name: str, *, wait: bool) -> Mapping[str, str]:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(_PATIENCE_S)
            door.connect(self._at)
            with door.makefile("rw", encoding="utf-8") as lines:
                lines.write(json.dumps({"name": name, "wait": wait}) + "\n")
                lines.flush()
                return cast("Mapping[str, str]", json.loads(lines.readline()))


class _Door(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, shared: Shared) -> None:
        self.shared = shared
        super().__init__(str(path), _Visit)


class _Visit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        asked = json.loads(self.rfile.readline())
        self.wfile.write(json.dumps(self._answer(**asked)).encode() + b"\n")

    def _answer(self, name: str, wait: Any) -> Mapping[str, str]:
        shared = cast("_Door", self.server).shared
        try:
            if wait:
                return {"url": shared.url(name)}
            shared.begin(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that asked fails with it
            return {"error": f"{error}"}
        return {}


def _elsewhere(name: str) -> str:
    return os.environ.get(_ELSEWHERE.get(name, ""), "")
