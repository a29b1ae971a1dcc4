"""Redis as it is used here: a cache that keeps nothing when it ends, alone or as a cluster."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from redis import Redis as Client
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from tests.backends.cache import tool
from tests.backends.server import HOST, NotStarted, Server, free_port

_SLOTS = 16_384
_AGREE_S = 30.0


class Redis(Server):
    """One node, at `url`."""

    name = "redis"
    start_s = 20.0

    def __init__(self, folder: Path, *, settings: Mapping[str, object] | None = None) -> None:
        super().__init__(folder)
        self._settings = settings or {}

    @property
    def url(self) -> str:
        return f"redis://{self.address}"

    def client(self, *, timeout_s: float = 5.0) -> Client:
        """A connection of its own, which neither waits for long nor tries again."""
        once = Retry(NoBackoff(), 0)
        return Client(host=HOST, port=self.port, socket_timeout=timeout_s, retry=once, decode_responses=True)

    @staticmethod
    def program() -> Path:
        """Return its program, installed first where it is missing."""
        return Path(tool("redis-server"))

    def _prepare(self) -> None:
        lines = (f"{key} {value}" for key, value in self._configuration().items())
        (self.folder / "redis.conf").write_text("\n".join(lines))

    def _configuration(self) -> Mapping[str, object]:
        return {
            "bind": HOST,
            "port": self.port,
            "dir": self.folder,
            "save": '""',
            "appendonly": "no",
            "maxmemory": "256mb",
            "maxmemory-policy": "allkeys-lru",
            **self._settings,
        }

    def _command(self) -> Sequence[str]:
        return [str(self.program()), str(self.folder / "redis.conf")]

    def _serves(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except RedisError:
                return False


class RedisNode(Redis):
    """One node of a cluster, which remembers the others in its folder."""

    def __init__(self, folder: Path) -> None:
        self.bus_port = free_port()
        cluster = {"cluster-enabled": "yes", "cluster-port": self.bus_port, "cluster-node-timeout": 2_000}
        super().__init__(folder, settings=cluster)

    def state(self) -> Mapping[str, str]:
        """What it knows of the cluster, in its own words."""
        with self.client() as client:
            found: Mapping[str, str] = client.execute_command("CLUSTER INFO")
            return found


class RedisCluster:
    """Three nodes that share the slots; keys of two slots don't meet in one command. Each is a server for itself."""

    name = "redis_cluster"

    def __init__(self, folder: Path) -> None:
        self.nodes = [RedisNode(folder / str(each)) for each in (1, 2, 3)]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(node.address for node in self.nodes)}"

    def start(self) -> Self:
        """Start the nodes and return when together they serve all slots."""
        try:
            for node in self.nodes:
                node.start()
            if not self._met():
                self._share()
            self.agree()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the nodes; harmless when they ended already."""
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End all of them at once."""
        for node in self.nodes:
            node.kill()

    def agree(self) -> None:
        """Wait until together they serve all slots, as after a node came back. Raises NotStarted when they don't."""
        until = time.monotonic() + _AGREE_S
        while not all(self._agrees(node) for node in self.nodes):
            if time.monotonic() > until:
                raise NotStarted(f"{self.name} did not agree within {_AGREE_S:.0f} s:\n{self.nodes[0].log}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _met(self) -> bool:
        return int(self.nodes[0].state()["cluster_known_nodes"]) > 1

    def _share(self) -> None:
        bounds = [_SLOTS * each // len(self.nodes) for each in range(len(self.nodes) + 1)]
        for number, node in enumerate(self.nodes):
            with node.client() as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        # Only now, for an epoch is given to nodes that know no other.
        with self.nodes[0].client() as client:
            for other in self.nodes[1:]:
                client.execute_command("CLUSTER", "MEET", HOST, other.port, other.bus_port)

    def _agrees(self, node: RedisNode) -> bool:
        state = node.state()
        return state["cluster_state"] == "ok" and int(state["cluster_known_nodes"]) == len(self.nodes)
