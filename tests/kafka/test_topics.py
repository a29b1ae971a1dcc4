"""The topics of a cluster, and what is said about them."""

from __future__ import annotations

import dataclasses
import secrets

import pytest
from tests.kafka.rig import Rig

from aviary.errors import FailedPrecondition
from aviary.storage.kafka import topics

pytestmark = pytest.mark.cluster


async def test_what_was_made_is_as_the_settings_say_and_made_once(rig: Rig) -> None:
    assert await topics.migrate(rig.settings, rig.broker) == []
    await topics.must_be_there(rig.settings, rig.broker)
    assert await rig.broker.partitions(rig.topic) == 4
    assert await rig.broker.partitions(topics.dead_topic(rig.settings)) == 1


async def test_other_partitions_than_the_settings_say_are_refused_in_a_sentence(rig: Rig) -> None:
    other = dataclasses.replace(rig.settings, kafka_partitions=8)
    for refused in (topics.migrate, topics.must_be_there):
        with pytest.raises(FailedPrecondition, match=r"has 4 partitions and the settings say 8; set AVIARY_KAFKA_PART"):
            await refused(other, rig.broker)


async def test_missing_topics_are_said_with_what_to_do(rig: Rig) -> None:
    other = dataclasses.replace(rig.settings, kafka_prefix=f"t{secrets.token_hex(6)}")
    with pytest.raises(FailedPrecondition, match=r"Kafka has no topic t[0-9a-f]+\.users; run aviary migrate"):
        await topics.must_be_there(other, rig.broker)


async def test_more_replicas_than_brokers_are_refused_in_a_sentence(rig: Rig) -> None:
    other = dataclasses.replace(rig.settings, kafka_prefix=f"t{secrets.token_hex(6)}", kafka_replication=3)
    with pytest.raises(FailedPrecondition, match="Kafka has fewer brokers than AVIARY_KAFKA_REPLICATION, 3"):
        await topics.migrate(other, rig.broker)
