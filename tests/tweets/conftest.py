"""A platform behind its real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.rpc.serving import Serving, serving

from aviary.clock import Clock
from aviary.settings import Settings


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    async with serving(settings, clock=clock, workers=False) as running:
        yield running


@pytest.fixture
async def working(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    """With what happens behind the calls."""
    async with serving(settings, clock=clock) as running:
        yield running
