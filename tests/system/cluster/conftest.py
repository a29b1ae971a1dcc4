"""A fleet of the cluster profile over real servers, as an operator starts one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.system.conftest import GENEROUS
from tests.system.process import Launcher, Running, launcher, run

from aviary import certs

_HERE = Path(__file__).parent
_AWAY, _TRIES = "cannot be reached", 3
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker of a parallel run have all fleets, one after the other, and begin with them: they take longest."""
    here = [item for item in items if _HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.xdist_group("fleets"))
    items[:] = [*here, *(item for item in items if item not in here)]


@pytest.fixture(scope="session")
def servers(cassandra: str, kafka: str, redis: str, s3: Mapping[str, str]) -> Mapping[str, object]:
    """The settings of a fleet on the servers that all tests share, in keyspaces and topics of its own."""
    return cluster_settings(tables=cassandra, kafka=kafka, redis=redis, name="fleet") | dict(s3)


@pytest.fixture(scope="package")
def tls_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates that the fleet's processes, its gateway and its operator show each other."""
    folder = tmp_path_factory.mktemp("certificates") / "tls"
    certs.make(folder, days=2)
    return folder


# Not longer: an idle fleet costs every other test of the run.
@pytest.fixture(scope="package")
def fleet(servers: Mapping[str, object], tls_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with launcher() as starter:
        yield start(starter, tmp_path_factory.mktemp("fleet") / "data", {**servers, "tls_dir": tls_dir})


def cluster_settings(*, tables: str, kafka: str, redis: str, name: str) -> dict[str, object]:
    """What a fleet of one's own on single servers needs; no other worker of a parallel run has these names."""
    name = f"{name}{_WORKER}"
    return {
        "profile": "cluster",
        "tables": tables,
        "tables_keyspace": f"test_{name}",
        "tables_replication": 1,
        "kafka": kafka,
        "kafka_prefix": f"test-{name}",
        "kafka_partitions": 2,
        "kafka_replication": 1,
        "kafka_min_insync": 1,
        "redis": redis,
        "drain_notice_s": 0.1,
        **GENEROUS,
    }


def start(starter: Launcher, data_dir: Path, settings: Mapping[str, object]) -> Running:
    """Make the keyspaces and topics, and start a fleet."""
    migrated = run("migrate", timeout_s=180, **settings)
    assert migrated.returncode == 0, migrated.stderr[-2_000:]
    return starter.up(data_dir, **dict[str, Any](settings))


def must_be_refused(folder: Path, settings: Mapping[str, Any], sentence: str) -> None:
    """The doctor, and a process that starts, say what is wrong in this sentence and no other words."""
    doctor = _until_reached(lambda: run("doctor", "--data-dir", folder, **settings), sentence)
    assert doctor.returncode == 1
    assert [line for line in doctor.stdout.splitlines() if line.startswith("FAIL") and sentence in line], doctor.stdout
    started = _until_reached(lambda: run("serve", "relay", "--data-dir", folder, **settings), sentence)
    assert started.returncode == 1
    assert started.stdout == ""
    assert "Traceback" not in started.stderr
    assert sentence in started.stderr.splitlines()[-1]


def _until_reached(command: Callable[[], CompletedProcess[str]], sentence: str) -> CompletedProcess[str]:
    """Run a command again while it finds a server away that is only too busy to answer it in time."""
    for _ in range(_TRIES - 1):
        done = command()
        if sentence in done.stdout + done.stderr or _AWAY not in done.stdout + done.stderr:
            return done
    return command()
