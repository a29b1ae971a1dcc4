"""The one way to Redis, alone or as a cluster: bounded connections, bounded waits, one error."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis import exceptions

from aviary.errors import Unavailable
from aviary.storage.redis.nodes import CONNECTIONS, DOWN, Command, hosts, nodes_at

# So long a node that failed is not asked again; then one call tries.
_CLOSED_S = 1.0
_LEAST_VERSION = 7
# In scripts, for the two clients give different answers to the commands themselves.
_SCAN = "return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 1000)"
_VERSION = "return string.match(redis.call('INFO', 'server'), 'redis_version:([%d.]+)')"


Arguments = Sequence[bytes | int]


@dataclass(frozen=True)
class Script:
    """A Lua script, which the servers know by its digest."""

    source: str

    @cached_property
    def digest(self) -> str:
        return hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script; its keys share a hash tag."""

    keys: Sequence[bytes]
    arguments: Arguments = ()


class RedisServers:
    """One Redis (`redis://host:port`) or a cluster (`redis+cluster://host:port,host:port`); `rediss` for TLS.

    Whatever goes wrong is Unavailable, within a second. A node that failed
    is left alone for a second, in which its calls fail at once. Nothing is sent
    twice.
    """

    def __init__(self, url: str) -> None:
        self._where = hosts(url)
        self._nodes = nodes_at(url)
        self._permits = asyncio.Semaphore(CONNECTIONS)
        self._closed_until: dict[str, float] = {}

    @property
    def tags(self) -> Sequence[bytes]:
        """The hash tags to keep keys together by: one where there is one node."""
        return self._nodes.tags

    async def run(self, script: Script, run: Run) -> Any:  # noqa: ANN401 - what the script returns
        """Run a script once."""
        async with self._permits:
            with self._judged([self._nodes.holding(run.keys[0])]):
                return await self._run(script, run)

    async def run_all(self, script: Script, runs: Sequence[Run]) -> list[Any]:
        """Run a script with each of these, in one go a node; returns the answers in order."""
        return await self.run_each([(script, run) for run in runs])

    async def run_each(self, runs: Sequence[tuple[Script, Run]]) -> list[Any]:
        """Do as `run_all`, each with a script of its own."""
        if len(runs) == 1:
            return [await self.run(*runs[0])]
        async with self._permits:
            with self._judged({self._nodes.holding(run.keys[0]) for _, run in runs}):
                answers = await self._nodes.execute_all([_by_digest(*each) for each in runs])
                for place, answer in enumerate(answers):
                    if isinstance(answer, exceptions.NoScriptError):
                        answers[place] = await self._run(*runs[place])
                    elif isinstance(answer, Exception):
                        raise answer
                return answers

    async def scan(self, pattern: bytes) -> AsyncIterator[Sequence[bytes]]:
        """Yield the keys that match, a page at a time, each from one node."""
        with self._judged(()):
            nodes = await self._nodes.each()
        for name, execute in nodes.items():
            cursor = b""
            while cursor != b"0":
                async with self._permits:
                    with self._judged([name]):
                        cursor, keys = await execute("EVAL", _SCAN, 0, cursor or b"0", pattern)
                yield keys

    async def check(self) -> None:
        """Raise Unavailable, in one sentence, unless every node answers and is new enough."""
        with self._judged(()):
            versions = [await execute("EVAL", _VERSION, 0) for execute in (await self._nodes.each()).values()]
        for version in versions:
            if int(version.split(b".")[0]) < _LEAST_VERSION:
                raise self._unavailable(f"is version {version.decode()}; it must be {_LEAST_VERSION}.0 or newer")

    async def close(self) -> None:
        with suppress(*DOWN):
            await self._nodes.close()

    async def _run(self, script: Script, run: Run) -> Any:  # noqa: ANN401 - what the script returns
        try:
            return await self._nodes.execute(_by_digest(script, run))
        except exceptions.NoScriptError:
            # It is known to this node from now on.
            return await self._nodes.execute(("EVAL", script.source, len(run.keys), *run.keys, *run.arguments))

    @contextmanager
    def _judged(self, nodes: Collection[str]) -> Iterator[None]:
        """Do the body unless a node of it is known to be down; learn from it whether they are."""
        now = time.monotonic()
        closed = [node for node in nodes if node in self._closed_until]
        if any(now < self._closed_until[node] for node in closed):
            raise self._unavailable("did not answer a moment ago")
        # Whoever comes first tries; the others need not wait for the outcome.
        self._closed_until |= dict.fromkeys(closed, now + _CLOSED_S)
        try:
            yield
        except DOWN as error:
            # Of several it is not known which; a call to that one alone will tell.
            if len(nodes) == 1:
                self._closed_until |= dict.fromkeys(nodes, time.monotonic() + _CLOSED_S)
            raise self._unavailable(f"does not answer: {str(error) or type(error).__name__}") from error
        except exceptions.RedisError as error:
            raise self._unavailable(f"refused: {error}") from error
        for node in nodes:
            self._closed_until.pop(node, None)

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(f"Redis at {self._where} {what}", retry_after_s=_CLOSED_S)


def _by_digest(script: Script, run: Run) -> Command:
    return ("EVALSHA", script.digest, len(run.keys), *run.keys, *run.arguments)
