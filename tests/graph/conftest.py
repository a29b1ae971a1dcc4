"""A platform behind its real gRPC server, whose business time a test may move, and the stores alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.graph.stores import StoppedClock, Stores, opened
from tests.rpc.serving import Serving, serving

from aviary.clock import Clock
from aviary.settings import Settings


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    async with serving(settings, clock=clock, workers=False) as running:
        yield running


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    with opened(tmp_path, StoppedClock()) as stores:
        yield stores
