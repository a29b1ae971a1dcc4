"""Kafka, one broker that is its own controller."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.backends.cache import SOON, jars, run, tool
from tests.backends.server import HOST, Server, free_port

VERSION = "4.1.1"
_SCALA = "2.13"
_HEAP = "512m"
_READY = "Kafka Server started"
USER = ("aviary", "a-secret-of-tests")
_SCRAM = f"SCRAM-SHA-512=[name={USER[0]},password={USER[1]}]"


class Kafka(Server):
    """One broker that answers at `address`.

    Clients go where it says that it is: `advertised`, an address that leads
    here, lets them come through a link that a test cuts. With a `keystore`, a
    PEM file with its key and certificate, it speaks TLS and lets in `USER`
    alone. It serves `soon` rather than fast.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        *,
        advertised: str = "",
        keystore: Path | None = None,
        soon: bool = True,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(folder)
        self._advertised = advertised or self.address
        self._keystore = keystore
        self._settings = settings or {}
        self._soon = soon
        self._controller_port = free_port()

    @staticmethod
    def program() -> Path:
        """Return the folder of its jars, fetched first where they are missing."""
        # The other one is the logger that its log is written by.
        return jars(f"kafka-{VERSION}", f"org.apache.kafka:kafka_{_SCALA}:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")

    def _prepare(self) -> None:
        lines = (f"{key}={value}" for key, value in self._configuration().items())
        (self.folder / "server.properties").write_text("\n".join(lines))
        if not (self.folder / "data" / "meta.properties").exists():
            # Not url-safe base64 of any sixteen bytes: one that begins with a dash would be taken for an option.
            identity = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
            run(
                *self._java("kafka.tools.StorageTool"),
                "format",
                "-t",
                identity,
                "-c",
                f"{self.folder}/server.properties",
                *(("--add-scram", _SCRAM) if self._keystore else ()),
            )

    def _configuration(self) -> Mapping[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self._advertised}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": self.folder / "data",
            # A topic that is written to before somebody chose its partitions is a mistake.
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            **(self._secured(self._keystore) if self._keystore else {}),
            **self._settings,
        }

    def _secured(self, keystore: Path) -> Mapping[str, object]:
        login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{USER[0]}"'
        return {
            "listeners": f"SASL_SSL://{self.address},CONTROLLER://{HOST}:{self._controller_port}",
            "advertised.listeners": f"SASL_SSL://{self._advertised}",
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f'{login} password="{USER[1]}";',
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": keystore,
            # Of itself, as a client among brokers.
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": keystore,
        }

    def _command(self) -> Sequence[str]:
        return [*self._java("kafka.Kafka"), f"{self.folder}/server.properties"]

    def _java(self, program: str) -> Sequence[str]:
        return [
            tool("java"),
            *(SOON if self._soon else ()),
            *(f"-Xms{_HEAP}", f"-Xmx{_HEAP}", "-XX:+UseSerialGC", f"-Dkafka.logs.dir={self.folder}"),
            *("-cp", f"{self.program()}/*", program),
        ]

    def _serves(self) -> bool:
        return _READY in self.log
