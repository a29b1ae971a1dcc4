"""What is wrong with a fleet's servers is one sentence, from the doctor and at the start; nothing is left running."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.backends.server import free_port
from tests.system.cluster.conftest import cluster_settings, must_be_refused
from tests.system.process import run

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def migrated(cassandra: str, kafka: str, redis: str) -> Mapping[str, Any]:
    settings = cluster_settings(tables=cassandra, kafka=kafka, redis=redis, name="starts")
    assert run("migrate", timeout_s=240, **settings).returncode == 0
    return settings


def test_a_fleet_that_lacks_nothing_is_told_so(migrated: Mapping[str, Any], tmp_path: Path) -> None:
    doctor = run("doctor", "--data-dir", tmp_path, port=free_port(), **migrated)
    assert doctor.returncode == 0, doctor.stdout


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"tables": "127.0.0.1:1"}, "the tables at 127.0.0.1:1 cannot be reached"),
        ({"tables_keyspace": "test_nowhere"}, "have no keyspace test_nowhere_"),
        ({"kafka": "127.0.0.1:1"}, "Kafka at 127.0.0.1:1 cannot be reached"),
        ({"kafka_prefix": "test-nowhere"}, "run aviary migrate"),
        ({"kafka_partitions": 7}, "has 2 partitions and the settings say 7"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    migrated: Mapping[str, Any], tmp_path: Path, wrong: Mapping[str, Any], sentence: str
) -> None:
    must_be_refused(tmp_path, {**migrated, **wrong}, sentence)


@pytest.mark.parametrize(("held", "sentence"), [(0, "run aviary migrate"), (99, "run a newer Aviary")])
def test_a_schema_of_another_version_is_refused(
    migrated: Mapping[str, Any], tmp_path: Path, held: int, sentence: str
) -> None:
    from cassandra.cluster import Cluster  # noqa: PLC0415 - the driver, which most runs don't need
    from cassandra.io.libevreactor import LibevConnection  # noqa: PLC0415 - as above

    host, _, port = str(migrated["tables"]).rpartition(":")
    cluster = Cluster([host], port=int(port), connection_class=LibevConnection, protocol_version=4)
    try:
        session = cluster.connect(f"{migrated['tables_keyspace']}_users")
        (before,) = session.execute("SELECT version FROM schema_version WHERE name = 'schema'").one()
        session.execute(f"INSERT INTO schema_version (name, version) VALUES ('schema', {held})")
        try:
            must_be_refused(tmp_path, migrated, sentence)
        finally:
            session.execute(f"INSERT INTO schema_version (name, version) VALUES ('schema', {before})")
    finally:
        cluster.shutdown()
