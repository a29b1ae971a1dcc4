"""Servers that want TLS and a login: what lets a fleet in, and the sentence about each thing that doesn't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster
from cassandra.io.libevreactor import LibevConnection
from tests.backends import certificates
from tests.backends import kafka as brokers
from tests.backends.cassandra import SUPERUSER, Cassandra
from tests.backends.kafka import Kafka
from tests.system.cluster.conftest import cluster_settings, must_be_refused
from tests.system.process import run

from aviary.storage.trust import trusting

pytestmark = pytest.mark.cluster

ROLES = {"aviary": "ALL", "stranger": ""}


def make_roles(settings: Mapping[str, Any]) -> None:
    host, _, port = str(settings["tables"]).rpartition(":")
    cluster = Cluster(
        [host],
        port=int(port),
        connection_class=LibevConnection,
        protocol_version=4,
        auth_provider=PlainTextAuthProvider(*SUPERUSER),
        ssl_context=trusting(settings["tables_ca"], "tables_ca"),
    )
    try:
        session = cluster.connect()
        for role, rights in ROLES.items():
            session.execute(f"CREATE ROLE {role} WITH PASSWORD = 'of {role}' AND LOGIN = true")
            for name in ("users", "graph", "tweets", "fanout") if rights else ():
                session.execute(f"GRANT {rights} ON KEYSPACE {settings['tables_keyspace']}_{name} TO {role}")
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, redis: str) -> Iterator[Mapping[str, Any]]:
    """Servers with keyspaces and topics, whose disks have since become too full for all but the superuser."""
    folder = tmp_path_factory.mktemp("secured")
    authority, shown = certificates.make(folder)
    encryption = {
        "enabled": True,
        "ssl_context_factory": {"class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"},
        "keystore": str(shown),
    }
    (folder / "tables").mkdir()
    tables = Cassandra(folder / "tables", passwords=True, full=True, settings={"client_encryption_options": encryption})
    with ExitStack() as stack:
        kafka = stack.enter_context(Kafka(folder / "kafka", keystore=shown))
        stack.enter_context(tables)
        settings: dict[str, Any] = cluster_settings(tables=tables.url, kafka=kafka.url, redis=redis, name="secured") | {
            "tables_user": SUPERUSER[0],
            "tables_password": SUPERUSER[1],
            "tables_ca": authority,
            "kafka_user": brokers.USER[0],
            "kafka_password": brokers.USER[1],
            "kafka_ca": authority,
        }
        migrated = run("migrate", timeout_s=240, **settings)
        assert migrated.returncode == 0, migrated.stderr
        make_roles(settings)
        yield settings


def test_a_fleet_with_its_logins_lacks_nothing(secured: Mapping[str, Any], tmp_path: Path) -> None:
    doctor = run("doctor", "--data-dir", tmp_path, port=0, **secured)
    assert doctor.returncode == 0, doctor.stdout


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"tables_password": "wrong"}, "refuse this user; check AVIARY_TABLES_USER and its rights"),
        ({"tables_user": "stranger", "tables_password": "of stranger"}, "refuse this user; check AVIARY_TABLES_USER"),
        ({"tables_user": "aviary", "tables_password": "of aviary"}, "disk usage exceeds failure threshold"),
        ({"tables_ca": ""}, "cannot be reached"),
        ({"tables_ca": "/nowhere.pem"}, "the authority /nowhere.pem of AVIARY_TABLES_CA cannot be read: No such file"),
        ({"kafka_password": "wrong"}, "refuses this user; check AVIARY_KAFKA_USER and its password"),
        ({"kafka_ca": "/nowhere.pem"}, "the authority /nowhere.pem of AVIARY_KAFKA_CA cannot be read: No such file"),
    ],
)
def test_whoever_is_not_let_in_is_told_why(
    secured: Mapping[str, Any], tmp_path: Path, wrong: Mapping[str, Any], sentence: str
) -> None:
    must_be_refused(tmp_path, {**secured, **wrong}, sentence)
