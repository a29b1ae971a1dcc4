"""One echo platform behind one real Envoy for most tests; those that break or limit it start their own.

All of them run on one event loop: while another ran, the shared server could not answer its health checks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.gateway.echo import Platform, platform

from aviary.settings import Settings

# Short, so that a handler that hangs is given up soon; no limits, so that tests don't spend each other's.
SETTINGS = Settings(limits="off", deadline_ms=300, drain_s=5.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with platform(tmp_path_factory.mktemp("gateway"), SETTINGS) as running:
        yield running
