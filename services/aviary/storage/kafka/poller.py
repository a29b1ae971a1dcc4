"""One consumer of the driver in a thread of its own, and what it brings handed to the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from kafka import KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError, UnknownTopicOrPartitionError
from kafka.structs import OffsetAndMetadata, TopicPartition

from aviary.settings import Settings
from aviary.storage.kafka import packs, places
from aviary.storage.kafka.connection import options, translated
from aviary.storage.kafka.driver import AsyncConsumerRebalanceListener, Future, MemberState
from aviary.storage.kafka.packs import Raw

_log = logging.getLogger("aviary.kafka")
# Records end a poll at once; what waits for its end are seeks, pauses and a stop.
_POLL_MS = 250
_TAKEN_S = 0.05
# While it joins its group: the driver forgets a join that is answered between two polls, and begins again.
_JOIN_MS = 500
# At most so many at a time, each with up to `packs.MOST` events: what a buffer may hold beyond its bound.
RECORDS_A_POLL = 16
_PAUSE_S = 0.5
_COMMIT_MS = 5_000
_CLOSE_MS = 3_000


class Sink(Protocol):
    """Who takes what a poller brings; called in the event loop."""

    def deliver(self, partition: int, epoch: int, records: Sequence[Raw]) -> None:
        """Take records in order; `epoch` is that of the seek that they came after."""

    async def assigned(self, partitions: Sequence[int]) -> None:
        """Begin with these partitions."""

    async def revoked(self, partitions: Sequence[int]) -> None:
        """Let go of these partitions; nobody else begins with them before this returns."""

    async def lost(self, partitions: Sequence[int]) -> None:
        """These partitions may have another owner already."""


class Poller:
    """Reads a topic: with a `group` the partitions that it assigns, else those that it is told to.

    While Kafka is away it goes on asking, and nothing that it brought is lost by that.
    """

    def __init__(self, settings: Settings, topic: str, sink: Sink, *, group: str = "") -> None:
        self._settings = settings
        self._topic = topic
        self._sink = sink
        self._group = group
        self._consumer: Any = None
        self._commands: deque[Callable[[Any], None]] = deque()
        # Of each partition's last seek: as asked for, and as the thread has done it.
        self._epochs: dict[int, int] = {}
        self._applied: dict[int, int] = {}
        self._is_stopping = threading.Event()
        self._is_taken = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        # What group membership asks of the event loop, in order.
        self._asked: asyncio.Queue[tuple[Callable[[Sequence[int]], Any], Sequence[int], Any]] = asyncio.Queue()
        self._aside = ThreadPoolExecutor(1, thread_name_prefix=f"kafka-{group or 'reader'}")

    async def run(self, partitions: Sequence[int] = ()) -> None:
        """Poll until cancelled; then leave the group, so that the others need not wait until this one is missed."""
        self._loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = self._loop.create_future()
        thread = threading.Thread(target=self._main, args=(partitions, ended), daemon=True, name=f"kafka-{self._topic}")
        thread.start()
        answering = asyncio.ensure_future(self._answer())
        try:
            await asyncio.wait({ended, answering}, return_when=asyncio.FIRST_COMPLETED)
            answering.result() if answering.done() else ended.result()
        finally:
            self._is_stopping.set()
            # Whoever is asked for something now is told at once that nothing is held any more.
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            self._refuse_questions()
            await asyncio.shield(ended)
            self._aside.shutdown(wait=False)

    def seek(self, partition: int, position: int) -> int:
        """Go on with the record that holds the first event above `position`; returns the epoch of what comes then."""
        self._epochs[partition] = epoch = self._epochs.get(partition, 0) + 1
        self._commands.append(partial(self._seek, partition, places.offset_of(position), epoch))
        return epoch

    def pause(self, partition: int) -> None:
        self._commands.append(partial(self._toggle, "pause", partition))

    def resume(self, partition: int) -> None:
        self._commands.append(partial(self._toggle, "resume", partition))

    async def commit(self, positions: Mapping[int, int]) -> None:
        """Store how far the group is. Raises Unavailable when Kafka is away or the partitions aren't held any more."""
        held = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(
                places.offset_of(position), str(places.within(position)) if places.within(position) else "", -1
            )
            for partition, position in positions.items()
        }
        await self._ask(lambda consumer: consumer.commit(held, timeout_ms=_COMMIT_MS))

    async def committed(self, partition: int) -> int | None:
        """Return the position that the group has committed, None for none."""
        at = TopicPartition(self._topic, partition)
        held = await self._ask(lambda consumer: consumer.committed(at, metadata=True, timeout_ms=_COMMIT_MS))
        return None if held is None or held.offset < 0 else places.before(held.offset) + int(held.metadata or 0)

    async def _ask(self, question: Callable[[Any], Any]) -> Any:
        """Ask beside the polling: the driver's network thread takes calls from any thread."""

        def ask() -> Any:
            with translated(self._settings):
                if self._consumer is None:
                    raise KafkaError("not connected")
                return question(self._consumer)

        return await asyncio.get_running_loop().run_in_executor(self._aside, ask)

    async def _answer(self) -> None:
        while True:
            what, partitions, done = await self._asked.get()
            try:
                await what(partitions)
            finally:
                self._settle(done)

    def _refuse_questions(self) -> None:
        while not self._asked.empty():
            self._settle(self._asked.get_nowait()[2])

    def _settle(self, done: Any) -> None:
        if done is not None:
            # Resolved beside the loop, and the driver's network thread woken by a question without content.
            self._aside.submit(self._wake, done)

    def _wake(self, done: Any) -> None:
        done.success(None)
        with contextlib.suppress(Exception):
            self._consumer.commit({})

    def _main(self, partitions: Sequence[int], ended: asyncio.Future[None]) -> None:
        """The thread's life."""
        failure: BaseException | None = None
        try:
            while not self._is_stopping.is_set():
                self._live(partitions)
        except BaseException as error:  # noqa: BLE001 - raised again in the event loop
            failure = error
        self._call(self._end, ended, failure)

    def _live(self, partitions: Sequence[int]) -> None:
        try:
            self._consumer = KafkaConsumer(**self._options())
        except KafkaError as error:
            self._note(error)
            return
        try:
            if self._group and not self._knows_topic(self._consumer):
                return
            if self._group:
                self._consumer.subscribe([self._topic], listener=_Listener(self._queue, self._sink))
            else:
                self._consumer.assign([TopicPartition(self._topic, each) for each in partitions])
            while not self._is_stopping.is_set():
                self._poll(self._consumer)
        finally:
            with contextlib.suppress(KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    def _knows_topic(self, consumer: Any) -> bool:
        """Ask before joining: a leader that does not know the topic yet assigns nothing, and may leave it at that."""
        try:
            if consumer.partitions_for_topic(self._topic):
                return True
            raise UnknownTopicOrPartitionError(self._topic)
        except KafkaError as error:
            self._note(error)
            return False

    def _poll(self, consumer: Any) -> None:
        try:
            while self._commands:
                self._commands[0](consumer)
                self._commands.popleft()
            is_joining = bool(self._group) and consumer.group_metadata().state != MemberState.STABLE
            _unstick(consumer, is_joining=is_joining)
            found = consumer.poll(timeout_ms=_JOIN_MS if is_joining else _POLL_MS, max_records=RECORDS_A_POLL)
        except KafkaError as error:
            self._note(error)
            return
        for at, records in found.items():
            raw = [Raw(each.offset, packs.count(each.headers), each.key, each.value) for each in records]
            self._call(self._sink.deliver, at.partition, self._applied.get(at.partition, 0), raw)
        if found:
            self._hold()

    def _hold(self) -> None:
        """Poll again only when the loop has taken what was brought, and has said which partitions to pause."""
        self._is_taken.clear()
        self._call(self._is_taken.set)
        while not self._is_taken.wait(_TAKEN_S) and not self._is_stopping.is_set():
            pass

    def _seek(self, partition: int, offset: int, epoch: int, consumer: Any) -> None:
        at = TopicPartition(self._topic, partition)
        if at in consumer.assignment():
            consumer.seek(at, offset)
            self._applied[partition] = epoch

    def _toggle(self, verb: str, partition: int, consumer: Any) -> None:
        at = TopicPartition(self._topic, partition)
        if at in consumer.assignment():
            getattr(consumer, verb)(at)

    def _queue(self, what: Callable[[Sequence[int]], Any], partitions: Sequence[TopicPartition], done: Any) -> None:
        if self._is_stopping.is_set() and done is not None:
            done.success(None)
        else:
            self._call(self._asked.put_nowait, (what, sorted(each.partition for each in partitions), done))

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            # The loop is closed when its process is on the way out.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(partial(function, *arguments))

    @staticmethod
    def _end(ended: asyncio.Future[None], failure: BaseException | None) -> None:
        if not ended.done():
            ended.set_result(None) if failure is None else ended.set_exception(failure)

    def _note(self, error: KafkaError) -> None:
        _log.warning("poll_failed", extra={"topic": self._topic, "error": f"{type(error).__name__}: {error}"[:500]})
        self._is_stopping.wait(_PAUSE_S)

    def _options(self) -> dict[str, Any]:
        return options(self._settings) | {
            "group_id": self._group or None,
            "metrics_enabled": False,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "partition_assignment_strategy": (CooperativeStickyAssignor,),
            "session_timeout_ms": self._settings.kafka_session_ms,
            "heartbeat_interval_ms": self._settings.kafka_session_ms // 5,
            "max_poll_records": RECORDS_A_POLL,
        }


def _unstick(consumer: Any, *, is_joining: bool) -> None:
    """Get the driver (kafka-python 3.0.12) out of two states that it would stay in for ever."""
    # A join is taken for no longer needed when the topic's partitions were read anew in its midst: it is not ended, and
    # no heartbeat is sent.
    if is_joining:
        consumer._coordinator.request_rejoin()  # noqa: SLF001
    # What was fetched of a partition before it was paused is not given out after it was resumed, while the records
    # before them stay in the way, used up.
    fetcher = consumer._fetcher  # noqa: SLF001
    if not fetcher._next_partition_records:  # noqa: SLF001
        fetcher._next_partition_records = None  # noqa: SLF001


class _Listener:
    """Hands changes of the assignment over; the driver's network thread goes on meanwhile."""

    def __init__(self, queue: Callable[..., None], sink: Sink) -> None:
        self._queue = queue
        self._sink = sink

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._queue(self._sink.assigned, assigned, None)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        done = Future()
        self._queue(self._sink.revoked, revoked, done)
        await done

    async def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        self._queue(self._sink.lost, lost, None)


# Not by inheritance: type checkers don't know the class.
AsyncConsumerRebalanceListener.register(_Listener)
