"""Writes to Kafka: acknowledged by all replicas, in order within a partition, many events in one record."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.structs import TopicPartition

from aviary.eventlog import insist
from aviary.settings import Settings
from aviary.storage.kafka import packs
from aviary.storage.kafka.connection import options, translated
from aviary.storage.kafka.driver import RetriableError
from aviary.storage.kafka.packs import Item

_log = logging.getLogger("aviary.kafka")
_DELIVERY_MS = 12_000
_CLOSE_S = 5.0
# Later than the driver itself gives a delivery up.
_ANSWERS_S = _DELIVERY_MS / 1_000 + 2


class Producer:
    """Sends items; those that wait for the same partition travel together.

    One record of a partition is under way at a time, so that an item never
    overtakes one that was handed in before it, whatever fails on the way.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes: dict[TopicPartition, _Lane] = {}
        self._client: Any = None
        self._known: set[str] = set()
        self._connecting = asyncio.Lock()

    async def open(self) -> None:
        """Connect. Raises Unavailable in one sentence when Kafka can't be reached."""
        await self._connected()

    async def close(self) -> None:
        """Let go of the connection; what was not acknowledged may or may not be in the log."""
        if self._client is not None:
            client, self._client = self._client, None
            self._known.clear()
            with contextlib.suppress(KafkaError):
                await asyncio.to_thread(client.close, _CLOSE_S)

    async def send(self, topic: str, partition: int, items: Sequence[Item]) -> None:
        """Return once all of them are in the log, after all that was handed in before; waits while Kafka is away.

        What was cancelled may be in the log all the same, and more than once.
        """
        await self.hand_in(topic, partition, items)()

    def hand_in(self, topic: str, partition: int, items: Sequence[Item]) -> Callable[[], Awaitable[None]]:
        """Give them their place in the order at once; what is returned does `send`'s waiting."""
        lane = self._lanes.setdefault(TopicPartition(topic, partition), _Lane())
        lane.waiting.extend(items)
        lane.taken += len(items)
        return partial(self._sent, topic, partition, lane, lane.taken)

    async def _sent(self, topic: str, partition: int, lane: _Lane, mine: int) -> None:
        async with lane.turn:
            while lane.sent < mine:
                await self._send_some(topic, partition, lane)

    async def _send_some(self, topic: str, partition: int, lane: _Lane) -> None:
        some = list(islice(lane.waiting, packs.MOST))
        some = some[: packs.share(some)]
        await insist(partial(self._deliver, topic, partition, some), what=f"produce {topic}")
        # Only now: had this been cancelled, the next in turn would send them again.
        for _ in some:
            lane.waiting.popleft()
        lane.sent += len(some)

    async def _deliver(self, topic: str, partition: int, items: Sequence[Item]) -> None:
        key, value, headers = packs.pack(items)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(error: BaseException | None) -> None:
            if not done.done():
                done.set_result(None) if error is None else done.set_exception(error)

        def acknowledged(_place: object) -> None:
            loop.call_soon_threadsafe(settle, None)

        def refused(error: BaseException) -> None:
            loop.call_soon_threadsafe(settle, error)

        client: Any = None
        with translated(self._settings):
            try:
                client = await self._connected(topic)
                sent: Any = client.send(topic, value=value, key=key, headers=headers, partition=partition)
                sent.add_callback(acknowledged)
                sent.add_errback(refused)
                async with asyncio.timeout(_ANSWERS_S):
                    await done
            except KafkaError as error:
                # An idempotent producer that lost count refuses everything from then on.
                if not isinstance(error, RetriableError):
                    await self._drop(client)
                raise
            except TimeoutError:
                # A broker that died at the wrong moment leaves a batch that the driver never gives an end.
                await self._drop(client)
                raise KafkaTimeoutError("no end of a delivery") from None

    async def _drop(self, client: Any) -> None:
        """Close a client, unless another one is in its place by now."""
        if client is not None and self._client is client:
            await self.close()

    async def _connected(self, topic: str = "") -> Any:
        async with self._connecting:
            with translated(self._settings):
                if self._client is None:
                    self._client = await asyncio.to_thread(partial(KafkaProducer, **_options(self._settings)))
                # Asked for here, for `send` blocks while it does not know the topic.
                if topic and topic not in self._known:
                    await asyncio.to_thread(self._client.partitions_for, topic)
                    self._known.add(topic)
            return self._client


class _Lane:
    """What waits for one partition."""

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.turn = asyncio.Lock()
        self.taken = 0
        self.sent = 0


def _options(settings: Settings) -> dict[str, Any]:
    return options(settings) | {
        "metrics_enabled": False,
        "acks": "all",
        "enable_idempotence": True,
        "delivery_timeout_ms": _DELIVERY_MS,
        "max_block_ms": 5_000,
        # Records of several partitions come one right after the other, and each request costs three processes.
        "linger_ms": 5,
        "allow_auto_create_topics": False,
    }
