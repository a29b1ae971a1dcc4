"""Keyspaces that tests share one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cassandra.cluster import Cluster
from cassandra.io.libevreactor import LibevConnection
from tests.backends.keyspaces import Keyspaces

pytestmark = pytest.mark.cluster


@pytest.fixture
def own(cassandra: str) -> Iterator[Keyspaces]:
    """Keyspaces apart from those of other tests."""
    with Keyspaces(cassandra) as made:
        yield made


@pytest.fixture
def opened(cassandra: str, own: Keyspaces) -> Iterator[Any]:
    host, _, port = cassandra.rpartition(":")
    cluster = Cluster([host], port=int(port), connection_class=LibevConnection, protocol_version=4)
    session = cluster.connect()
    # A machine that is busy with tests is slow, not broken.
    session.default_timeout = 60
    keyspace = f"{own.prefix}_k"
    session.execute(
        f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    session.set_keyspace(keyspace)
    session.execute("CREATE TABLE written (id int PRIMARY KEY, text text)")
    session.execute("CREATE TABLE before (id int PRIMARY KEY, text text)")
    session.execute("CREATE TABLE schema_version (name text PRIMARY KEY, version int)")
    session.execute("INSERT INTO before (id) VALUES (1)")
    yield session
    session.execute(f"DROP KEYSPACE {keyspace}")
    cluster.shutdown()


def ids(opened: Any, table: str) -> list[int]:
    return sorted(row[0] for row in opened.execute(f"SELECT id FROM {table}"))


def test_what_was_written_since_is_gone_and_what_was_there_before_stays(own: Keyspaces, opened: Any) -> None:
    own.made()
    opened.execute("INSERT INTO written (id) VALUES (1)")
    opened.execute("INSERT INTO schema_version (name, version) VALUES ('schema', 7)")
    own.clean()

    assert ids(opened, "written") == []
    assert ids(opened, "before") == [1]
    assert opened.execute("SELECT version FROM schema_version").one()[0] == 7


def test_what_was_written_under_a_condition_is_gone(own: Keyspaces, opened: Any) -> None:
    own.made()
    for _ in range(2):
        assert opened.execute("INSERT INTO written (id) VALUES (1) IF NOT EXISTS").one()[0]
        own.clean()


def test_a_deletion_does_not_hide_rows_of_an_earlier_time_from_the_next_test(own: Keyspaces, opened: Any) -> None:
    own.made()
    opened.execute("DELETE FROM written USING TIMESTAMP 1000 WHERE id = 1")
    own.clean()
    opened.execute("INSERT INTO written (id) VALUES (1) USING TIMESTAMP 500")

    assert ids(opened, "written") == [1]


def test_another_ones_tables_are_left_alone(own: Keyspaces, opened: Any, cassandra: str) -> None:
    with Keyspaces(cassandra) as other:
        other.made()
        opened.execute("INSERT INTO written (id) VALUES (1)")
        other.clean()

    assert ids(opened, "written") == [1]
