"""A platform behind its real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.rpc.serving import Serving, serving

from aviary.settings import Settings


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running
