"""A peer under test: filled with a world, started, and stopped when the body ends."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.backends.redis import Redis
from tests.backends.server import Server

from aviary import secrets
from aviary.settings import Settings
from benchmarks.peers import feeding, filling, gateway
from benchmarks.peers.limits import LIMIT
from benchmarks.peers.source import Source

PEERS = ("fastapi_sqlite", "fastapi_sqlite_ready", "sorted_sets")
_ROOT = Path(__file__).parents[2]
_SERVE = (
    f"import sys; sys.path[:0] = [{str(_ROOT)!r}, {str(_ROOT / 'services')!r}];"
    " from benchmarks.peers.serve import main; main(sys.argv[1:])"
)
# Nothing is evicted, and no rewriting falls into a load. Once filled, each command is on disk before it is answered.
_DURABLE = {
    "appendonly": "yes",
    "appendfsync": "no",
    "auto-aof-rewrite-percentage": 0,
    "maxmemory": 0,
    "maxmemory-policy": "noeviction",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Whoever serves the same world: where it answers through the gateway and without, and its process ids by part.

    `metrics` tells how far its fan-out is; "" where an acknowledged post is delivered. `grpc` is where it answers
    gRPC, if it does.
    """

    name: str
    url: str
    direct: str = ""
    metrics: str = ""
    grpc: str = ""
    processes: Mapping[str, Sequence[int]]


class Api(Server):
    """One of the apps in a process of its own."""

    name = "peer"
    start_s = 60.0

    def __init__(self, folder: Path, *, app: str, store: str, jwks: str) -> None:
        super().__init__(folder)
        self._app, self._store, self._jwks = app, store, jwks

    def _prepare(self) -> None:
        self._keys.write_text(self._jwks, encoding="utf-8")

    def _command(self) -> Sequence[str]:
        return [sys.executable, "-c", _SERVE, self._app, self._store, str(self._keys), str(self.port)]

    def _serves(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    @property
    def _keys(self) -> Path:
        return self.folder / "jwks.json"


@contextmanager
def running(name: str, world: Path, folder: Path, *, port: int = 0) -> Iterator[Contender]:
    """The peer of that name with the world of an Aviary's data folder, behind a gateway at `port` and without."""
    folder.mkdir(parents=True, exist_ok=True)
    jwks = secrets.jwks(secrets.load(world))
    with ExitStack() as stack:
        store, servers = stack.enter_context(_filled(name, Source(world), folder))
        api = stack.enter_context(Api(folder / "api", app=name, store=store, jwks=jwks))
        config = gateway.config(api.port, port=port, jwks=jwks, settings=Settings(limit_address_requests=LIMIT))
        envoy = stack.enter_context(gateway.running(config, folder / "gateway"))
        yield Contender(
            name=name,
            url=f"http://127.0.0.1:{envoy.port}",
            direct=f"http://{api.address}",
            processes={"peer": [api.pid], **servers, "envoy": [envoy.pid]},
        )


@contextmanager
def _filled(name: str, source: Source, folder: Path) -> Iterator[tuple[str, Mapping[str, Sequence[int]]]]:
    """Where the peer finds its data, and the processes that keep it."""
    if name != "sorted_sets":
        file = folder / "feed.db"
        filling.fill(file, source, ready=name == "fastapi_sqlite_ready")
        yield str(file), {}
        return
    with Redis(folder / "redis", settings=_DURABLE) as redis:
        with redis.client(timeout_s=60) as client:
            feeding.fill(client, source)
            client.config_set("appendfsync", "always")
        yield redis.url, {"redis": [redis.pid]}
