"""What any test may stand on: settings with a folder of their own, and business time that a test moves."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
from tests.switches import FRONT

from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.settings import Settings

pytest_plugins = ["tests.backends.fixtures"]

# A busy machine is no reason for a red test; what takes too long is stopped by its own bounds.
hypothesis.settings.register_profile("aviary", deadline=None)
hypothesis.settings.load_profile("aviary")


@pytest.fixture(autouse=True)
def switches_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run of the tests is told is nothing that a command knows."""
    monkeypatch.delenv("AVIARY_TEST_FRONT", raising=False)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An operator's choice for tests: the cheapest passwords, no limits."""
    return Settings(data_dir=tmp_path / "data", bcrypt_cost=4, limits="off", front=FRONT, fanout_retries=2, drain_s=5.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()
