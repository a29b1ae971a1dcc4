"""A platform behind its real gRPC server, whose business time a test may move, and the stores alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.conftest import ADAPTERS, tables_address
from tests.graph.stores import StoppedClock, Stores, opened, opened_in_tables
from tests.rpc.serving import Serving, serving

from aviary.clock import Clock
from aviary.settings import Settings

__all__ = ["tables_address"]


@pytest.fixture
async def served(settings: Settings, clock: Clock) -> AsyncIterator[Serving]:
    async with serving(settings, clock=clock, workers=False) as running:
        yield running


@pytest.fixture(params=ADAPTERS)
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    if request.param == "sqlite":
        with opened(tmp_path, StoppedClock()) as in_file:
            yield in_file
        return
    async with opened_in_tables(request.getfixturevalue("tables_address"), StoppedClock()) as in_tables:
        yield in_tables
