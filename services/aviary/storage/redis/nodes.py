"""The drivers behind the one way to Redis: a single node, or a cluster that knows which node holds a key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, cast
from urllib.parse import SplitResult, unquote, urlsplit

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot

from aviary.errors import InvalidInput

# To each node, which does one thing at a time anyway. redis-py's cluster client refuses what is beyond its own bound,
# so waiting is done before it.
CONNECTIONS = 16
# A script takes milliseconds; a Redis that needs longer is as good as down for a cache.
_TIMEOUT_S = 1.0
# Up to so many masters share the load evenly, and a batch is up to so many calls.
_CLUSTER_TAGS = 64
_SLOTS = 16_384
# Said of the way to a node, not of the command: the next call would fail as well.
DOWN = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.RedisClusterException,
    OSError,
    TimeoutError,
)
Command = Sequence[bytes | str | int]
# One node's ear for a command that names no key.
Execute = Callable[..., Awaitable[Any]]


class Nodes(Protocol):
    """What is asked of either driver. Errors are the driver's."""

    tags: Sequence[bytes]

    def holding(self, key: bytes) -> str:
        """Return the name of the node that holds a key, as far as is known."""

    async def execute(self, command: Command) -> Any:  # noqa: ANN401 - the command's answer
        """Send one command to the node that holds its key."""

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one go a node; a command that failed has its error for an answer."""

    async def each(self) -> Mapping[str, Execute]:
        """Return all masters by name."""

    async def close(self) -> None:
        """Close all connections."""


def nodes_at(url: str) -> Nodes:
    """Return the driver for `redis://host:port` or `redis+cluster://host:port,host:port`; not connected yet."""
    at = urlsplit(url)
    if at.scheme in {"redis", "rediss"} and at.netloc:
        return OneNode(url)
    if at.scheme in {"redis+cluster", "rediss+cluster"} and at.netloc:
        return ClusterNodes(at)
    raise InvalidInput(
        f"AVIARY_REDIS is {at.scheme}://{hosts(url)}; it must be redis://host:port or "
        "redis+cluster://host:port,host:port, with rediss for TLS"
    )


def hosts(url: str) -> str:
    """The part of an address that may be shown: no password."""
    return urlsplit(url).netloc.rpartition("@")[2]


class OneNode:
    """A single Redis."""

    tags: Sequence[bytes] = (b"0",)

    def __init__(self, url: str) -> None:
        try:
            self._client: Final = Redis.from_url(url, max_connections=CONNECTIONS, retry=_never(), **_bounds())
        except ValueError as error:
            raise InvalidInput(f"AVIARY_REDIS cannot be read: {error}") from None

    def holding(self, key: bytes) -> str:
        return ""

    async def execute(self, command: Command) -> Any:  # noqa: ANN401 - the command's answer
        return await self._client.execute_command(*command)  # type: ignore[no-untyped-call] # the driver's own

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            _ = pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    async def each(self) -> Mapping[str, Execute]:
        return {"": cast("Execute", self._client.execute_command)}

    async def close(self) -> None:
        await self._client.aclose()


class ClusterNodes:
    """A Redis Cluster."""

    def __init__(self, at: SplitResult) -> None:
        places = [place.rpartition(":") for place in hosts(at.geturl()).split(",")]
        if not all(host and port.isdecimal() for host, _, port in places):
            raise InvalidInput(f"AVIARY_REDIS is {at.scheme}://{hosts(at.geturl())}; each node is host:port")
        self.tags: Sequence[bytes] = _spread_tags(_CLUSTER_TAGS)
        self._client: Final = RedisCluster(
            startup_nodes=[ClusterNode(host, int(port)) for host, _, port in places],
            username=unquote(at.username) if at.username else None,
            password=unquote(at.password) if at.password else None,
            ssl=at.scheme == "rediss+cluster",
            max_connections=CONNECTIONS,
            # A part of the keys is better than none: each is a cache of its own.
            require_full_coverage=False,
            # A slot that moved is noted by itself; looking all of them up would cut off whoever else is being answered.
            reinitialize_steps=0,
            retry=_never(),
            **_bounds(),
        )

    def holding(self, key: bytes) -> str:
        with suppress(exceptions.RedisClusterException):
            if (node := self._client.get_node_from_key(key.decode())) is not None:
                return node.name
        return ""

    async def execute(self, command: Command) -> Any:  # noqa: ANN401 - the command's answer
        return await self._client.execute_command(*command)

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = await self._client.pipeline()
        for command in commands:
            _ = pipeline.execute_command(*command)
        try:
            return await pipeline.execute(raise_on_error=False)
        except DOWN:
            # The pipeline does not look for the node that took over; a lone command would.
            with suppress(*DOWN):
                await self._client.nodes_manager.initialize()
            raise

    async def each(self) -> Mapping[str, Execute]:
        _ = await self._client.initialize()
        return {master.name: cast("Execute", master.execute_command) for master in self._client.get_primaries()}

    async def close(self) -> None:
        await self._client.aclose()


def _never() -> Retry:
    """What may be sent again is known by who calls: spending is not."""
    return Retry(NoBackoff(), 0)


def _bounds() -> dict[str, Any]:
    # Without the driver telling its name, which costs each new connection two more round trips.
    return {
        "socket_timeout": _TIMEOUT_S,
        "socket_connect_timeout": _TIMEOUT_S,
        "protocol": 2,
        "driver_info": None,
    }


def _spread_tags(count: int) -> Sequence[bytes]:
    """Hash tags whose slots divide all slots evenly, as masters do; the first numbers would not."""
    tags: dict[int, bytes] = {}
    number = 0
    while len(tags) < count:
        tag = b"%d" % number
        tags.setdefault(key_slot(tag) * count // _SLOTS, tag)
        number += 1
    return [tags[place] for place in range(count)]
