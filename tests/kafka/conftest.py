"""Topics of a test's own on a real broker."""

from __future__ import annotations

import gc
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.kafka.rig import Rig, chosen, opened

from aviary.settings import Settings


@pytest.fixture
async def rig(settings: Settings, kafka: str) -> AsyncIterator[Rig]:
    async with opened(chosen(settings, kafka)) as rig:
        yield rig


@pytest.fixture(autouse=True)
def dropped_connections() -> Iterator[None]:
    """What kafka-python drops without closing, as a broker dies or a client ends, is found here, by no later test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
