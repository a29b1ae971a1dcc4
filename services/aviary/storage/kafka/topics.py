"""The topics of a cluster: made explicitly, and refused when they are other than the settings say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from kafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError

from aviary.errors import FailedPrecondition
from aviary.settings import Settings
from aviary.storage.kafka.connection import Broker, topic_of
from aviary.storage.scylla.outbox import shard_of

# Whose events are in a log of their own.
LOGS = ("users", "graph", "tweets")
# The logs with a second topic, of what is to be counted.
COUNTED = ("graph", "tweets")
RETENTION_MS = 7 * 86_400_000


def counts_topic(settings: Settings, log: str) -> str:
    """Return the topic of what a service's events change in the counters."""
    return f"{topic_of(settings, log)}.counts"


def dead_topic(settings: Settings) -> str:
    """Return the topic of the events whose effect was given up."""
    return f"{settings.kafka_prefix}.dead"


def partition_of(settings: Settings, key: int) -> int:
    """Return where the events of a key are: shards are not divided, for a relay reads them one by one."""
    return shard_of(key) % settings.kafka_partitions


def topics(settings: Settings) -> dict[str, int]:
    """Return every topic and how many partitions it has."""
    logs = [topic_of(settings, log) for log in LOGS] + [counts_topic(settings, log) for log in COUNTED]
    return dict.fromkeys(logs, settings.kafka_partitions) | {dead_topic(settings): 1}


async def migrate(settings: Settings, broker: Broker) -> Sequence[str]:
    """Make the topics that are missing and return their names; safe to repeat and to run in several places at once.

    Raises FailedPrecondition when one that exists has another number of partitions.
    """
    made: list[str] = []
    for topic, partitions in topics(settings).items():
        held = await broker.partitions(topic)
        if not held:
            await broker.ask(partial(_make, settings, topic, partitions))
            made.append(topic)
        else:
            _must_be(topic, held, partitions)
    return made


async def must_be_there(settings: Settings, broker: Broker) -> None:
    """Raise FailedPrecondition, in a sentence that says what to do, when a topic is missing or not as it should be."""
    for topic, partitions in topics(settings).items():
        _must_be(topic, await broker.partitions(topic), partitions)


def _must_be(topic: str, held: int, partitions: int) -> None:
    if not held:
        raise FailedPrecondition(f"Kafka has no topic {topic}; run aviary migrate")
    if held != partitions:
        # More partitions would send a key's events to another one, past those that wait in the first.
        raise FailedPrecondition(
            f"the topic {topic} has {held} partitions and the settings say {partitions};"
            " set AVIARY_KAFKA_PARTITIONS to what there is"
        )


def _make(settings: Settings, topic: str, partitions: int, client: Any) -> None:
    config = {
        "retention.ms": str(RETENTION_MS),
        "min.insync.replicas": str(settings.kafka_min_insync),
        "unclean.leader.election.enable": "false",
    }
    replicas = settings.kafka_replication
    wanted = {"num_partitions": partitions, "replication_factor": replicas, "configs": config}
    try:
        client.create_topics({topic: wanted})
    except TopicAlreadyExistsError:
        return
    except InvalidReplicationFactorError:
        raise FailedPrecondition(
            f"Kafka has fewer brokers than AVIARY_KAFKA_REPLICATION, {replicas}; start more or lower it"
        ) from None
    client.wait_for_topics([topic])
