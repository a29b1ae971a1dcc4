"""How Kafka is reached, and its errors in our words."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from kafka import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError, UnknownTopicOrPartitionError
from kafka.structs import OffsetAndMetadata, TopicPartition

from aviary.errors import Unavailable
from aviary.settings import Settings
from aviary.storage.kafka import places
from aviary.storage.kafka.driver import OffsetSpec
from aviary.storage.trust import trusting

_log = logging.getLogger("aviary.kafka")
# A broker that is busy takes its time to refuse a login; till then it looks like one that is away.
_CONNECT_MS = 10_000
T = TypeVar("T")


class _Complaints(logging.Handler):
    """Hears that a login was refused, which the driver logs, and then says only that it could not connect.

    It complains at every attempt while Kafka is away: to standard error, if nobody listened.
    """

    def __init__(self) -> None:
        super().__init__()
        self._refused_at = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        if "SaslAuthenticationFailedError" in record.getMessage():
            self._refused_at = time.monotonic()

    @property
    def is_refused(self) -> bool:
        """Whether that was while a client could be trying to connect."""
        return time.monotonic() - self._refused_at < 2 * _CONNECT_MS / 1000


_complaints = _Complaints()
logging.getLogger("kafka").addHandler(_complaints)


def options(settings: Settings) -> dict[str, Any]:
    """Return what every client of the driver is made with."""
    trust = trusting(settings.kafka_ca, "AVIARY_KAFKA_CA")
    return {
        "security_protocol": ("SASL_" if settings.kafka_user else "") + ("SSL" if trust else "PLAINTEXT"),
        "ssl_context": trust,
        "sasl_mechanism": "SCRAM-SHA-512" if settings.kafka_user else None,
        "sasl_plain_username": settings.kafka_user or None,
        "sasl_plain_password": settings.kafka_password or None,
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": "aviary",
        "bootstrap_timeout_ms": _CONNECT_MS,
        "request_timeout_ms": 10_000,
        "retry_backoff_ms": 50,
        # A broker that comes back is found again within a second.
        "reconnect_backoff_max_ms": 1_000,
    }


def topic_of(settings: Settings, log: str) -> str:
    """Return the topic of a service's events."""
    return f"{settings.kafka_prefix}.{log}"


@contextlib.contextmanager
def translated(settings: Settings) -> Iterator[None]:
    """Turn the driver's errors into ours; what it says goes to the log."""
    try:
        yield
    except KafkaError as error:
        _log.info("kafka_failed", extra={"error": f"{type(error).__name__}: {error}"[:500]})
        raise ours(settings, error) from error


def ours(settings: Settings, error: KafkaError) -> Unavailable:
    """Return what the driver's error means, in a sentence."""
    if _complaints.is_refused:
        return Unavailable(f"Kafka at {settings.kafka} refuses this user; check AVIARY_KAFKA_USER and its password")
    if isinstance(error, AuthorizationError):
        return Unavailable(f"Kafka at {settings.kafka} refuses what was asked: {type(error).__name__}")
    if isinstance(error, UnknownTopicOrPartitionError):
        return Unavailable(f"Kafka at {settings.kafka} lacks a topic; run aviary migrate")
    return Unavailable(f"Kafka at {settings.kafka} cannot be reached", retry_after_s=1)


class Broker:
    """What is asked of Kafka besides reading and writing; connects when first asked, and again when it must."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # The driver's client is for one thread.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-broker")
        self._client: Any = None

    async def ask(self, question: Callable[[Any], T]) -> T:
        """Return what `question` makes of the driver's admin client, asked in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, question)

    def close(self) -> None:
        self._thread.submit(self._drop)
        self._thread.shutdown()

    async def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 for one that is not there."""
        found = await self.ask(lambda client: client.describe_topics([topic]))
        return len(found[0]["partitions"]) if found and not found[0]["error_code"] else 0

    async def ends(self, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        """Return the position of the newest event of each partition."""
        return await self._edges(topic, partitions, OffsetSpec.LATEST)

    async def beginnings(self, topic: str, partitions: Sequence[int]) -> Mapping[int, int]:
        """Return the position before the oldest event that is kept of each partition."""
        return await self._edges(topic, partitions, OffsetSpec.EARLIEST)

    async def since(self, topic: str, partitions: Sequence[int], time_ms: int) -> Mapping[int, int]:
        """Return the position before the first event of a time or later, of each partition."""
        found = await self.ask(
            lambda client: client.list_partition_offsets({TopicPartition(topic, each): time_ms for each in partitions})
        )
        ends = await self.ends(topic, partitions)
        # Nothing that late: the partition's end.
        return {
            at.partition: places.before(edge.offset) if edge.offset >= 0 else ends[at.partition]
            for at, edge in found.items()
        }

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return the position that a group has committed for each partition where it has."""
        found = await self.ask(lambda client: client.list_group_offsets(group))
        return {
            at.partition: places.before(held.offset) + int(held.metadata or 0)
            for at, held in found.get(group, {}).items()
            if at.topic == topic and held.offset >= 0
        }

    async def commit(self, group: str, topic: str, position: int) -> None:
        """Store the position of a group that has no members, for the first partition."""
        held = {TopicPartition(topic, 0): OffsetAndMetadata(places.offset_of(position), "", -1)}
        await self.ask(lambda client: client.alter_group_offsets(group, held))

    async def _edges(self, topic: str, partitions: Sequence[int], edge: Any) -> Mapping[int, int]:
        asked = {TopicPartition(topic, each): edge for each in partitions}
        found = await self.ask(lambda client: client.list_partition_offsets(asked))
        return {at.partition: places.before(held.offset) for at, held in found.items()}

    def _ask(self, question: Callable[[Any], T]) -> T:
        with translated(self._settings):
            try:
                if self._client is None:
                    self._client = KafkaAdminClient(**options(self._settings))
                return question(self._client)
            except KafkaError:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._client is not None:
            with contextlib.suppress(KafkaError):
                self._client.close()
            self._client = None
