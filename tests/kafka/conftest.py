"""Topics of a test's own on a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.kafka.rig import Rig, chosen, opened

from aviary.settings import Settings


@pytest.fixture
async def rig(settings: Settings, kafka: str) -> AsyncIterator[Rig]:
    async with opened(chosen(settings, kafka)) as rig:
        yield rig
