"""What a fleet does while one of its stores is away or slow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.backends.kafka import Kafka
from tests.backends.redis import Redis
from tests.backends.toxiproxy import Links
from tests.system.client import Client, register
from tests.system.cluster.conftest import cluster_settings, start
from tests.system.conditions import eventually
from tests.system.process import Launcher

pytestmark = pytest.mark.cluster


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    with Kafka(tmp_path / "kafka") as server:
        yield server


def test_without_redis_homes_come_from_the_tables_and_say_so(
    cassandra: str, kafka: str, own_redis: Redis, starter: Launcher, tmp_path: Path
) -> None:
    settings = cluster_settings(tables=cassandra, kafka=kafka, redis=own_redis.url, name="noredis")
    fleet = start(starter, tmp_path / "data", settings)
    ada, bob = register(Client(fleet.url)), register(Client(fleet.url))
    bob.follow(ada)
    first = ada.tweet("one")["id"]
    eventually(lambda: bob.home() == [first], within_s=10)
    assert "x-aviary-degraded" not in bob.get("/timeline/home").headers

    own_redis.kill()
    second = ada.tweet("two")["id"]
    assert bob.home() == [second, first]
    degraded = bob.get("/timeline/home")
    assert "timelines" in degraded.headers["x-aviary-degraded"].split(",")

    own_redis.start()
    third = ada.tweet("three")["id"]
    eventually(lambda: "x-aviary-degraded" not in bob.get("/timeline/home").headers, within_s=10)
    eventually(lambda: bob.home() == [third, second, first], within_s=10)


def test_without_kafka_writes_are_acknowledged_and_arrive_later(
    cassandra: str, own_kafka: Kafka, redis: str, starter: Launcher, tmp_path: Path
) -> None:
    settings = cluster_settings(tables=cassandra, kafka=own_kafka.url, redis=redis, name="nokafka")
    fleet = start(starter, tmp_path / "data", settings)
    ada, bob = register(Client(fleet.url)), register(Client(fleet.url))
    bob.follow(ada)
    first = ada.tweet("one")["id"]
    eventually(lambda: bob.home() == [first], within_s=10)

    own_kafka.kill()
    second = ada.tweet("two")["id"]
    assert bob.post(f"/tweets/{second}/like").status == 200
    assert ada.home() == [second, first]

    own_kafka.start()
    eventually(lambda: bob.home() == [second, first], within_s=60)
    eventually(lambda: bob.get(f"/tweets/{second}").body["like_count"] == 1, within_s=60)


def test_a_slow_table_node_is_shed_and_the_rest_keeps_its_deadlines(
    servers: Mapping[str, object], toxiproxy: Links, starter: Launcher, tmp_path: Path
) -> None:
    link = toxiproxy.to(str(servers["tables"]))
    own = {"tables": link.address, "tables_keyspace": "test_slow", "kafka_prefix": "test-slow", "deadline_ms": 2_000}
    settings = {**servers, **own}
    fleet = start(starter, tmp_path / "data", settings)
    ada = register(Client(fleet.url))
    ada.tweet("one")

    link.slow(6_000)
    statuses = {ada.get("/timeline/home").status for _ in range(3)}
    assert statuses <= {503, 504, 429}
    # What needs no tables is answered within its deadline, which is a third of what the tables take.
    assert ada.get("//.well-known/jwks.json").status == 200
    assert ada.get("//healthz").status in {200, 503}

    link.heal()
    eventually(lambda: ada.get("/timeline/home").status == 200, within_s=20)
