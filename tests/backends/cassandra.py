"""Cassandra, one node: the stand-in for ScyllaDB, whose protocol and CQL it shares."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from tests.backends.cache import SOON, jars, tool
from tests.backends.server import HOST, Server, free_port

VERSION = "5.0.5"
# What PasswordAuthenticator begins with.
SUPERUSER = ("cassandra", "cassandra")
_HEAP = "640m"
# What it needs of Java's insides.
_OPENED = Path(__file__).with_name("cassandra.options").absolute()
_READY = "Starting listening for CQL clients"
# Said once in the life of its data, some time after it listens.
_SUPERUSER_MADE = "Created default superuser role"
_FULL_NOW = "will stop accepting writes"

_LOGBACK = """<configuration>
  <appender name="C" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <logger name="org.apache.cassandra.config.Config" level="WARN"/>
  <root level="INFO"><appender-ref ref="C"/></root>
</configuration>
"""
_SMALL = {
    "num_tokens": 1,
    "allocate_tokens_for_local_replication_factor": 1,
    "commitlog_segment_size": "8MiB",
    "commitlog_total_space": "128MiB",
    "memtable_heap_space": "64MiB",
    "memtable_offheap_space": "64MiB",
    # By default each table that was written to has a megabyte to itself; the tests write to hundreds.
    "memtable_allocation_type": "unslabbed_heap_buffers",
    "file_cache_enabled": False,
    "key_cache_size": "8MiB",
    "concurrent_reads": 8,
    "concurrent_writes": 16,
    "concurrent_counter_writes": 8,
    "concurrent_compactors": 1,
    # A conditional write is two rounds instead of four.
    "paxos_variant": "v2",
    # ScyllaDB's own; a thread is one batch.
    "batch_size_fail_threshold": "1MiB",
    "auto_snapshot": False,
    "hinted_handoff_enabled": False,
}
# A machine that is busy with tests is slow, not broken; how long a call may take is the client's to say.
_PATIENT = {
    "read_request_timeout": "10000ms",
    "write_request_timeout": "10000ms",
    "cas_contention_timeout": "5000ms",
    "counter_write_request_timeout": "10000ms",
    "range_request_timeout": "20000ms",
    "truncate_request_timeout": "60000ms",
    "request_timeout": "20000ms",
}
# Measured against a group of 1 ms: as many writes a second, and each alone in two thirds of the time.
_DURABLE = {"commitlog_sync": "batch"}
_FULL = {
    "data_disk_usage_percentage_warn_threshold": 1,
    "data_disk_usage_percentage_fail_threshold": 2,
    # A new node's data is over it already.
    "data_disk_usage_max_disk_size": "1MiB",
}
_FORGETFUL = {"commitlog_sync": "periodic", "commitlog_sync_period": "10000ms"}


def forgetful(folder: Path) -> Cassandra:
    """Return a node that nobody will start again."""
    return Cassandra(folder, durable=False)


class Cassandra(Server):
    """One node that answers at `address`.

    `durable` syncs its commit log before it acknowledges, so that a kill loses
    nothing; without it the node is only for tests that never restart it, whose
    changes of the schema and truncations are then many times faster. With
    `passwords` it lets in whom it knows, and `SUPERUSER` to begin with. A
    `full` one takes its disk for full, as an operator's limit has it, and
    writes for its superuser alone. It serves `soon` rather than fast.
    """

    name = "cassandra"

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        passwords: bool = False,
        full: bool = False,
        soon: bool = True,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(folder)
        self._durable = durable
        self._passwords = passwords
        self._full = full
        self._soon = soon
        self._settings = settings or {}
        self._storage_port = free_port()

    @staticmethod
    def program() -> Path:
        """Return the folder of its jars, fetched first where they are missing."""
        return jars(f"cassandra-{VERSION}", f"org.apache.cassandra:cassandra-all:{VERSION}")

    def _prepare(self) -> None:
        (self.folder / "tmp").mkdir(exist_ok=True)
        (self.folder / "logback.xml").write_text(_LOGBACK)
        (self.folder / "cassandra.yaml").write_text(yaml.safe_dump(self._configuration()))

    def _configuration(self) -> Mapping[str, object]:
        seeds = [{"seeds": f"{HOST}:{self._storage_port}"}]
        who = (
            ("PasswordAuthenticator", "CassandraAuthorizer")
            if self._passwords
            else ("AllowAllAuthenticator", "AllowAllAuthorizer")
        )
        return {
            "cluster_name": "aviary",
            "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
            "endpoint_snitch": "SimpleSnitch",
            "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": seeds}],
            "listen_address": HOST,
            "rpc_address": HOST,
            "storage_port": self._storage_port,
            "native_transport_port": self.port,
            "data_file_directories": [str(self.folder / "data")],
            "commitlog_directory": str(self.folder / "commitlog"),
            "saved_caches_directory": str(self.folder / "saved_caches"),
            "hints_directory": str(self.folder / "hints"),
            "authenticator": who[0],
            "authorizer": who[1],
            "storage_compatibility_mode": "NONE",
            **_SMALL,
            **_PATIENT,
            **(_DURABLE if self._durable else _FORGETFUL),
            **(_FULL if self._full else {}),
            **self._settings,
        }

    def _command(self) -> Sequence[str]:
        lib = self.program()
        return [
            tool("java"),
            *(f"-Xms{_HEAP}", f"-Xmx{_HEAP}", "-Xss512k", "-XX:+UseSerialGC", "-XX:MaxDirectMemorySize=256m"),
            f"-javaagent:{next(lib.glob('jamm-*.jar'))}",
            *(SOON if self._soon else ()),
            f"@{_OPENED}",
            *(f"-D{key}={value}" for key, value in self._properties().items()),
            *("-cp", f"{self.folder}:{lib}/*", "org.apache.cassandra.service.CassandraDaemon"),
        ]

    def _properties(self) -> Mapping[str, object]:
        return {
            "jdk.attach.allowAttachSelf": "true",
            "java.security.manager": "allow",
            "io.netty.tryReflectionSetAccessible": "true",
            "java.io.tmpdir": self.folder / "tmp",
            "jna.tmpdir": self.folder / "tmp",
            "logback.configurationFile": self.folder / "logback.xml",
            "cassandra.config": f"file://{self.folder}/cassandra.yaml",
            "cassandra.storagedir": self.folder,
            "cassandra.logdir": self.folder,
            "cassandra-foreground": "yes",
            # There are no other nodes to wait for.
            "cassandra.skip_wait_for_gossip_to_settle": 0,
            "cassandra.ring_delay_ms": 100,
            "cassandra.superuser_setup_delay_ms": 0,
            "cassandra.disk_usage.monitor_interval_ms": 100,
            "cassandra.consistent.rangemovement": "false",
            # Don't sync what only a restart would read.
            "cassandra.unsafesystem": str(not self._durable).lower(),
        }

    def _serves(self) -> bool:
        said = self.log
        if _READY not in said or (self._full and _FULL_NOW not in said):
            return False
        if self._passwords and _SUPERUSER_MADE not in self.all_log:
            return False
        with socket.socket() as tried:
            return tried.connect_ex((HOST, self.port)) == 0
