"""The users service on a file of its own, with a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.users.world import World, opened

from aviary import secrets
from aviary.secrets import Secrets


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return secrets.load(tmp_path_factory.mktemp("deployment"))


@pytest.fixture
async def world(tmp_path: Path, deployment: Secrets) -> AsyncIterator[World]:
    async with opened(tmp_path, deployment) as world:
        yield world
