"""The fake platform, for every test its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.seed.fake_platform import Platform
from tests.seed.scene import Scene


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
async def scene(platform: Platform, tmp_path: Path) -> AsyncIterator[Scene]:
    async with platform.serving() as url:
        yield Scene(platform, url, tmp_path / "journal")
