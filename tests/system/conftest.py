"""The platform that most system tests share, and people on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.system.client import Client, Person, register
from tests.system.process import Launcher, Running, launcher

# Many tests call from one address as a few people: the limits are on, and far away.
GENEROUS = {"limit_requests": 1_000_000, "limit_address_requests": 1_000_000, "limit_tweets": 100_000}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with launcher() as starter:
        yield starter.up(tmp_path_factory.mktemp("shared") / "data", **GENEROUS)


@pytest.fixture
def starter() -> Iterator[Launcher]:
    """Starts platforms of the test's own."""
    with launcher() as made:
        yield made


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="session")
def anybody(platform: Running) -> Client:
    """A caller without a token."""
    return Client(platform.url)


@pytest.fixture
def newcomer(anybody: Client) -> Callable[[], Person]:
    """Registers somebody new at each call."""
    return lambda: register(anybody)


@pytest.fixture
def ada(anybody: Client) -> Person:
    return register(anybody)


@pytest.fixture
def bob(anybody: Client) -> Person:
    return register(anybody)
