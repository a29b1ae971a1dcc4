"""A Redis of a test's own, which it may pause, kill and start again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.backends.redis import Redis

from aviary.storage.redis.connection import RedisServers


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path) as started:
        yield started


@pytest.fixture
async def servers(server: Redis) -> AsyncIterator[RedisServers]:
    reached = RedisServers(server.url)
    yield reached
    await reached.close()
