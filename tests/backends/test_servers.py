"""The servers under the cluster tests: they serve, keep what they should, and say themselves why they don't start."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cassandra import AuthenticationFailed, InvalidRequest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.io.libevreactor import LibevConnection
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store
from redis import RedisCluster as ClusterClient
from redis.exceptions import RedisError
from tests.backends.cassandra import SUPERUSER, Cassandra
from tests.backends.kafka import Kafka
from tests.backends.redis import Redis, RedisCluster
from tests.backends.s3 import ACCESS_KEY, BUCKET, REGION, S3, SECRET_KEY
from tests.backends.server import HOST, NotStarted, Server, free_port
from tests.backends.toxiproxy import Links, Toxiproxy

pytestmark = pytest.mark.cluster


@contextmanager
def session(address: str, *, login: tuple[str, str] | None = None) -> Iterator[Any]:
    host, _, port = address.rpartition(":")
    cluster = Cluster(
        [host],
        port=int(port),
        auth_provider=PlainTextAuthProvider(*login) if login else None,
        connection_class=LibevConnection,
        protocol_version=4,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def bucket(server: S3, *, secret: str = SECRET_KEY) -> S3Store:
    return S3Store(
        BUCKET,
        endpoint=server.endpoint,
        region=REGION,
        access_key_id=ACCESS_KEY,
        secret_access_key=secret,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def topic(address: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        admin.create_topics({"t": {"num_partitions": 1, "replication_factor": 1}})
    finally:
        admin.close()


def produce(address: str, value: bytes) -> None:
    patience = {"max_block_ms": 5_000, "request_timeout_ms": 5_000, "delivery_timeout_ms": 10_000}
    producer = KafkaProducer(bootstrap_servers=address, acks="all", **patience)
    try:
        producer.send("t", value, partition=0).get(timeout=15)
    finally:
        producer.close(timeout=1)


def consumed(address: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, consumer_timeout_ms=2_000)
    try:
        consumer.assign([TopicPartition("t", 0)])
        consumer.seek_to_beginning()
        return [record.value for record in consumer]
    finally:
        consumer.close()


def runs(pid: int) -> bool:
    """Whether it lives; a dead one that nobody has waited for doesn't."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def keyspace(opened: Any) -> None:
    opened.execute("CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    opened.execute("CREATE TABLE k.t (id int PRIMARY KEY, text text)")


class TestCassandra:
    def test_a_row_that_was_acknowledged_outlives_a_kill(self, tmp_path: Path) -> None:
        with Cassandra(tmp_path) as server:
            with session(server.address) as opened:
                keyspace(opened)
                for each in range(100):
                    opened.execute("INSERT INTO k.t (id, text) VALUES (%s, 'kept')", (each,))
                server.kill()

            with session(server.restart().address) as opened:
                assert opened.execute("SELECT count(*) FROM k.t").one()[0] == 100

    def test_it_lets_in_only_whom_it_knows(self, tmp_path: Path) -> None:
        with Cassandra(tmp_path, passwords=True) as server:
            with session(server.address, login=SUPERUSER) as opened:
                opened.execute("CREATE ROLE reader WITH PASSWORD = 'reader' AND LOGIN = true")
            with pytest.raises(NoHostAvailable) as refused, session(server.address, login=("reader", "wrong")):
                pass
            with session(server.address, login=("reader", "reader")) as opened:
                assert opened.execute("SELECT key FROM system.local").one() is not None

        assert isinstance(next(iter(refused.value.errors.values())), AuthenticationFailed)

    def test_a_full_one_refuses_rows_and_answers_reads(self, tmp_path: Path) -> None:
        with Cassandra(tmp_path, passwords=True, full=True) as server:
            with session(server.address, login=SUPERUSER) as opened:
                keyspace(opened)
                opened.execute("CREATE ROLE writer WITH PASSWORD = 'writer' AND LOGIN = true")
                opened.execute("GRANT ALL ON KEYSPACE k TO writer")
            with session(server.address, login=("writer", "writer")) as opened:
                with pytest.raises(InvalidRequest, match="disk usage"):
                    opened.execute("INSERT INTO k.t (id, text) VALUES (1, 'lost')")
                assert opened.execute("SELECT count(*) FROM k.t").one()[0] == 0

    def test_a_wrong_setting_is_told_in_its_own_words(self, tmp_path: Path) -> None:
        with pytest.raises(NotStarted, match="commit_log_flavour"):
            Cassandra(tmp_path, settings={"commit_log_flavour": "vanilla"}).start()


class TestKafka:
    def test_a_record_that_was_acknowledged_outlives_a_kill(self, tmp_path: Path) -> None:
        with Kafka(tmp_path) as server:
            topic(server.address)
            produce(server.address, b"kept")
            server.kill()

            assert consumed(server.restart().address) == [b"kept"]

    def test_a_wrong_setting_is_told_in_its_own_words(self, tmp_path: Path) -> None:
        with pytest.raises(NotStarted, match=r"num\.partitions"):
            Kafka(tmp_path, settings={"num.partitions": "many"}).start()


class TestRedis:
    def test_after_a_kill_it_serves_again_and_knows_nothing(self, tmp_path: Path) -> None:
        with Redis(tmp_path) as server, server.client() as client:
            client.set("a", "1")
            server.kill()
            with pytest.raises(RedisError):
                client.get("a")
            server.restart()

            assert client.get("a") is None

    def test_a_paused_one_answers_nothing_until_it_goes_on(self, tmp_path: Path) -> None:
        with Redis(tmp_path) as server, server.client() as client:
            client.set("a", "1")
            server.pause()
            with server.client(timeout_s=0.2) as hasty, pytest.raises(RedisError):
                hasty.get("a")
            server.resume()

            assert client.get("a") == "1"

    def test_a_wrong_setting_is_told_in_its_own_words(self, tmp_path: Path) -> None:
        with pytest.raises(NotStarted, match="maxmemory-policy"):
            Redis(tmp_path, settings={"maxmemory-policy": "whatever"}).start()


class TestRedisCluster:
    def test_all_slots_are_served_by_three(self, tmp_path: Path) -> None:
        with RedisCluster(tmp_path) as server, ClusterClient(host="127.0.0.1", port=server.nodes[0].port) as client:
            for each in range(300):
                client.set(f"key:{each}", each)

            assert all(int(node.client().dbsize()) > 50 for node in server.nodes)

    def test_a_node_comes_back_to_its_slots(self, tmp_path: Path) -> None:
        with RedisCluster(tmp_path) as server:
            server.nodes[1].kill()
            server.nodes[1].restart()
            server.agree()

            with ClusterClient(host="127.0.0.1", port=server.nodes[0].port) as client:
                for each in range(300):
                    client.set(f"key:{each}", each)
                assert sum(int(node.client().dbsize()) for node in server.nodes) == 300


class TestS3:
    def test_an_object_outlives_a_kill(self, tmp_path: Path) -> None:
        with S3(tmp_path) as server:
            bucket(server).put("folder/name", b"kept")
            server.kill()
            server.restart()

            assert bytes(bucket(server).get("folder/name").bytes()) == b"kept"

    def test_a_wrong_signature_is_refused(self, tmp_path: Path) -> None:
        with S3(tmp_path) as server, pytest.raises(PermissionDeniedError):
            bucket(server, secret="wrong").put("name", b"lost")

    def test_a_wrong_argument_is_told_in_its_own_words(self, tmp_path: Path) -> None:
        with pytest.raises(NotStarted, match="flavour"):
            S3(tmp_path, arguments=["--flavour", "vanilla"]).start()


class TestToxiproxy:
    @pytest.fixture
    def links(self, tmp_path: Path) -> Iterator[Links]:
        with Toxiproxy(tmp_path / "toxiproxy") as server:
            yield server.links

    @pytest.fixture
    def upstream(self, tmp_path: Path) -> Iterator[Redis]:
        with Redis(tmp_path / "redis") as server:
            yield server

    def test_a_link_is_cut_slowed_and_healed(self, links: Links, upstream: Redis) -> None:
        link = links.to(upstream.address)
        through = upstream.client()
        through.connection_pool.connection_kwargs["port"] = int(link.address.rpartition(":")[2])
        with through:
            assert through.ping()
            link.cut()
            with pytest.raises(RedisError):
                through.ping()
            link.heal()
            link.slow(300)
            start = time.monotonic()
            assert through.ping()
            assert time.monotonic() - start >= 0.3
            link.heal()
            link.remove()

    def test_kafkas_clients_come_through_the_link_that_it_advertises(self, links: Links, tmp_path: Path) -> None:
        port = free_port()
        with Kafka(tmp_path / "kafka", advertised=f"{HOST}:{port}") as server:
            link = links.to(server.address, port=port)
            topic(link.address)
            produce(link.address, b"kept")
            assert consumed(link.address) == [b"kept"]

            # Met at its own address, it sends its clients to the link.
            admin = KafkaAdminClient(bootstrap_servers=server.address)
            brokers = admin.describe_cluster()["brokers"]
            admin.close()
            assert [broker["port"] for broker in brokers] == [port]
            link.cut()
            with pytest.raises(ConnectionRefusedError), socket.create_connection((HOST, port)):
                pass


def test_a_server_dies_with_whoever_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.backends.redis import Redis;"
        " print(Redis(Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        server = int(starter.stdout.readline())
        assert runs(server)
        starter.kill()

    until = time.monotonic() + 10
    while runs(server) and time.monotonic() < until:
        time.sleep(0.02)
    assert not runs(server)


def test_a_program_that_never_serves_is_ended(tmp_path: Path) -> None:
    class Deaf(Redis):
        start_s = 0.5

        def _serves(self) -> bool:
            return False

    server: Server = Deaf(tmp_path)
    with pytest.raises(NotStarted, match="did not serve"):
        server.start()
    assert not runs(server.pid)
