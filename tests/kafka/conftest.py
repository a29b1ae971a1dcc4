"""Topics of a test's own on a real broker."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.kafka.rig import Rig, chosen, opened

from aviary.settings import Settings


@pytest.fixture
async def rig(settings: Settings, kafka: str) -> AsyncIterator[Rig]:
    async with opened(chosen(settings, kafka)) as rig:
        yield rig


@pytest.fixture
def refusals() -> Iterator[None]:
    """Warnings of sockets that were dropped come with the test that they belong to, not with the next one."""
    yield
    gc.collect()
