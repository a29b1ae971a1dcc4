"""A topic as one process reads it alone: every partition, from wherever it likes, without a group."""

from __future__ import annotations

from collections.abc import Sequence

from aviary.eventlog import Record
from aviary.settings import Settings
from aviary.storage.kafka.connection import Broker
from aviary.storage.kafka.packs import Raw
from aviary.storage.kafka.partitions import PartitionLog, as_event
from aviary.storage.kafka.poller import Poller


class Reader:
    """The partitions of a topic as event logs; they bring something while `run` does."""

    def __init__(self, settings: Settings, broker: Broker, topic: str, *, partitions: int) -> None:
        self._broker = broker
        self._topic = topic
        self._poller = Poller(settings, topic, self)
        self.logs: Sequence[PartitionLog[Record]] = [
            PartitionLog(self._poller, partition, as_event, self._end_of) for partition in range(partitions)
        ]

    async def run(self) -> None:
        """Read until cancelled."""
        await self._poller.run(range(len(self.logs)))

    def deliver(self, partition: int, epoch: int, records: Sequence[Raw]) -> None:
        self.logs[partition].deliver(epoch, records)

    async def assigned(self, partitions: Sequence[int]) -> None:
        """Without a group nothing is assigned."""

    async def revoked(self, partitions: Sequence[int]) -> None:
        """As `assigned`."""

    async def lost(self, partitions: Sequence[int]) -> None:
        """As `assigned`."""

    async def _end_of(self, partition: int) -> int:
        return (await self._broker.ends(self._topic, [partition]))[partition]
