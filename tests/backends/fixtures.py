"""Real servers for tests, each started when the first test of the run asks for it.

They are shared by all tests of all workers: one that kills, pauses or fills a
server starts its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import pytest
from tests.backends.s3 import ACCESS_KEY, SECRET_KEY
from tests.backends.shared import SERVERS, Backends, Remote, Shared
from tests.backends.toxiproxy import Links

if TYPE_CHECKING:
    from tests.backends.keyspaces import Keyspaces

_BACKENDS = pytest.StashKey[Backends]()


def pytest_configure(config: pytest.Config) -> None:
    door = getattr(config, "workerinput", {}).get("backends")
    config.stash[_BACKENDS] = Remote(door) if door else Shared()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell a worker where its controller is."""
    shared = node.config.stash[_BACKENDS]  # type: ignore[attr-defined]  # xdist has no types
    node.workerinput["backends"] = shared.door()  # type: ignore[attr-defined]  # as above


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let all servers start now that the collected tests will ask for, side by side."""
    if not session.config.option.collectonly:
        asked = {name for item in session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
        for name in sorted(asked & SERVERS.keys()):
            session.config.stash[_BACKENDS].begin(name)


def pytest_unconfigure(config: pytest.Config) -> None:
    shared = config.stash.get(_BACKENDS, None)
    if isinstance(shared, Shared):
        shared.close()


@pytest.fixture(scope="session")
def backends(pytestconfig: pytest.Config) -> Backends:
    return pytestconfig.stash[_BACKENDS]


@pytest.fixture(scope="session")
def cassandra(backends: Backends) -> str:
    """Its address, as AVIARY_TABLES has it."""
    return backends.url("cassandra")


@pytest.fixture(scope="session")
def keyspaces(cassandra: str) -> Iterator[Keyspaces]:
    """Keyspaces of this worker alone, which are emptied without being made anew."""
    from tests.backends.keyspaces import Keyspaces  # noqa: PLC0415 - the driver, which most runs don't need

    with Keyspaces(cassandra) as own:
        yield own


@pytest.fixture(scope="session")
def kafka(backends: Backends) -> str:
    """Its address, as AVIARY_KAFKA has it."""
    return backends.url("kafka")


@pytest.fixture(scope="session")
def redis(backends: Backends) -> str:
    """Its address, as AVIARY_REDIS has it."""
    return backends.url("redis")


@pytest.fixture(scope="session")
def redis_cluster(backends: Backends) -> str:
    """The addresses of its nodes, as AVIARY_REDIS has them."""
    return backends.url("redis_cluster")


@pytest.fixture(scope="session")
def s3(backends: Backends) -> Mapping[str, str]:
    """An empty bucket and who may use it, as the settings of that name."""
    return {"objects": backends.url("s3"), "objects_key_id": ACCESS_KEY, "objects_secret": SECRET_KEY}


@pytest.fixture(scope="session")
def toxiproxy(backends: Backends) -> Links:
    """Makes links that a test may cut; each is the test's own."""
    return Links(backends.url("toxiproxy"))
