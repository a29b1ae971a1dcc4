"""The relay: what services left in their outboxes, into their topics."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aviary import ids
from aviary.clock import Clock
from aviary.errors import AviaryError
from aviary.eventlog import insist
from aviary.events.v1.events_pb2 import Event
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.storage.kafka import places
from aviary.storage.kafka.connection import Broker, topic_of
from aviary.storage.kafka.packs import Item
from aviary.storage.kafka.producer import Producer
from aviary.storage.scylla.outbox import Outbox, Pending, shard_of

_log = logging.getLogger("aviary.relay")
_MINUTE_MS = 60_000
# What an outbox keeps, by its TTL.
_KEPT_MS = 3 * 86_400_000
# How far the clocks of writers may be from this one's.
_SKEW_MS = 10_000
# What an id may become visible later than one that was minted after it; rarer cases are for the wide look.
_OVERLAP_MS = 500
_WIDE_EVERY_S = 1.0
# From look to look: while there is something, and at most when there was nothing for long.
_BUSY_S, _IDLE_S = 0.05, 0.2
_FIRST_MS = 60 * _MINUTE_MS
# How long back is swept again, and how often: late rows are rare, and the rarer the older they are.
_SETTLES_MS = 3 * _MINUTE_MS
_SWEEPS = ((_SETTLES_MS, 10.0), (60 * _MINUTE_MS, 300.0), (_KEPT_MS, 6 * 3_600.0))
_MINUTES_AT_ONCE = 16
_REMEMBERED = 20_000
# Events are marked some at a time. Till then nobody misses a mark but a successor, who publishes them again.
_MARK_EVERY_S = 0.5
_LAST_MARKS_S = 1.0
# What waits to be published when the tables, or Kafka, are away; what is beyond that is looked for.
_MOST_HEARD = 10_000


class Relay:
    """Publishes the events of one service that aren't marked as published, and marks them when Kafka has them.

    A shard's events go to one partition in the order of their ids, so those of a
    key stay in order. An event that becomes visible, or is told of, after a later
    one of its key is published after it: consumers ignore older versions. What
    was published and not marked is published again, by this relay or another one:
    effects are keyed. `tell` is told of each as well, encoded, but for those that
    their writers told of: `hear` takes these.
    """

    def __init__(
        self,
        log: str,
        outbox: Outbox,
        producer: Producer,
        broker: Broker,
        *,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        tell: Callable[[Sequence[bytes]], Awaitable[None]],
    ) -> None:
        # Set by writers of the same process: there is something to publish, don't wait for the next look.
        self.hint = asyncio.Event()
        self._name = log
        self._topic = topic_of(settings, log)
        self._partitions = settings.kafka_partitions
        self._outbox = outbox
        self._producer = producer
        self._tell = tell
        self._floor = Floor(broker, self._topic)
        self._clock = clock
        # Handed to the producer, and perhaps not marked yet where the next look sees it.
        self._taken: dict[int, None] = {}
        # In Kafka, and not marked yet.
        self._unmarked: dict[int, Pending] = {}
        # What writers told of, and when somebody listened last.
        self._heard: deque[Pending] = deque(maxlen=_MOST_HEARD)
        self._heard_at = -math.inf
        self._is_running = False
        # The oldest event of each batch that is under way.
        self._waiting: dict[int, int] = {}
        self._numbers = itertools.count()
        self._published = metrics.relay_published.labels(log)
        metrics.relay_lag.labels(log).set_function(self._lag_s)

    async def run(self) -> None:
        """Publish until cancelled."""
        self._heard.clear()
        self._is_running = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_marking())
                caught_up_ms = await self._catch_up()
                tasks.create_task(self._tail(caught_up_ms))
                for back_ms, every_s in _SWEEPS:
                    tasks.create_task(self._sweep(back_ms, every_s))
        finally:
            self._is_running = False
            with contextlib.suppress(AviaryError, TimeoutError):
                async with asyncio.timeout(_LAST_MARKS_S):
                    await self._mark()

    def hear(self, bodies: Sequence[bytes]) -> None:
        """Take encoded events of this log that their writers told of when they had committed them.

        While this is called again and again, be it with nothing, the outbox is
        looked through once a second, for what died untold.
        """
        self._heard_at = time.monotonic()
        if bodies and self._is_running:
            events = [Event.FromString(body) for body in bodies]
            told = zip(events, bodies, strict=True)
            self._heard.extend(Pending(shard_of(event.key), event.id, body, is_told=True) for event, body in told)
            self.hint.set()

    async def _catch_up(self) -> int:
        """Publish what relays before this one left, oldest first, so that nothing newer goes before it.

        Returns until when that was, ms since the Unix epoch.
        """
        now_ms = self._clock.now_ms()
        floor_ms = await insist(self._floor.minute, what="relay") * _MINUTE_MS
        # Where no relay has told anything, what is older than the last hour is left to the sweep.
        from_ms = max(floor_ms - _SETTLES_MS, now_ms - _KEPT_MS) if floor_ms else now_ms - _FIRST_MS
        await self._pass(from_ms, now_ms + _SKEW_MS)
        _log.info("relay_caught_up", extra={"log": self._name, "minutes": (now_ms - from_ms) // _MINUTE_MS})
        return now_ms

    async def _tail(self, looked_ms: int) -> None:
        looked_wide, pause_s = 0.0, _BUSY_S
        while True:
            self.hint.clear()
            if self._clock.now_ms() - looked_ms > _SETTLES_MS:
                # Kafka was away for long: what waits is too much for one look.
                looked_ms, from_ms = self._clock.now_ms(), looked_ms - _SKEW_MS
                await self._pass(from_ms, looked_ms)
            now_ms, is_wide = self._clock.now_ms(), time.monotonic() - looked_wide > _WIDE_EVERY_S
            heard = [self._heard.popleft() for _ in range(len(self._heard))]
            is_hearing = time.monotonic() - self._heard_at < _WIDE_EVERY_S
            found: Sequence[Pending] = ()
            if is_wide or not is_hearing:
                since_ms = min(looked_ms - _OVERLAP_MS, now_ms - _SKEW_MS if is_wide else now_ms)
                found = await insist(partial(self._look, since_ms, now_ms + _SKEW_MS), what="relay")
                looked_ms = now_ms
            if is_wide:
                looked_wide = time.monotonic()
            pause_s = _BUSY_S if await self._publish([*heard, *found]) else min(_IDLE_S, pause_s * 1.25)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_WIDE_EVERY_S if is_hearing else pause_s):
                    await self.hint.wait()

    async def _look(self, since_ms: int, until_ms: int) -> Sequence[Pending]:
        after = ids.first_at(since_ms) - 1
        minutes = range(since_ms // _MINUTE_MS, until_ms // _MINUTE_MS + 1)
        found = await asyncio.gather(*(self._outbox.recent(minute, after) for minute in minutes))
        return list(itertools.chain.from_iterable(found))

    async def _sweep(self, back_ms: int, every_s: float) -> None:
        pause_s = every_s * _MINUTES_AT_ONCE * _MINUTE_MS / back_ms if back_ms > _SETTLES_MS else 0.0
        while True:
            await asyncio.sleep(0.0 if pause_s else every_s)
            now_ms = self._clock.now_ms()
            is_clean = await self._pass(now_ms - back_ms, now_ms, pause_s=pause_s)
            if is_clean and not pause_s:
                await insist(partial(self._floor.raise_to, (now_ms - back_ms) // _MINUTE_MS), what="relay")

    async def _pass(self, from_ms: int, until_ms: int, *, pause_s: float = 0.0) -> bool:
        """Publish what is left in all minutes of a time, some minutes at once; True when nothing was."""
        is_clean = True
        minutes = range(from_ms // _MINUTE_MS, until_ms // _MINUTE_MS + 1)
        for start in range(0, len(minutes), _MINUTES_AT_ONCE):
            some = minutes[start : start + _MINUTES_AT_ONCE]
            marking = set(self._unmarked)
            found = await asyncio.gather(*(self._late(each) for each in some))
            late = list(itertools.chain.from_iterable(found))
            marking |= self._unmarked.keys()
            is_clean = is_clean and all(each.event_id in marking for each in late)
            await self._publish(late)
            await asyncio.sleep(pause_s)
        return is_clean

    async def _late(self, minute: int) -> Sequence[Pending]:
        return await insist(partial(self._outbox.late, minute), what="relay sweep")

    async def _publish(self, found: Sequence[Pending]) -> int:
        """Hand over what was not handed over before, and return how many once Kafka has them."""
        # Of two of an event the first: what was told of need not be told of again.
        events = {each.event_id: each for each in reversed(found) if each.event_id not in self._taken}
        new = [events[event_id] for event_id in sorted(events)]
        if not new:
            return 0
        self._taken |= dict.fromkeys(each.event_id for each in new)
        by_partition: defaultdict[int, list[Pending]] = defaultdict(list)
        for each in new:
            by_partition[each.shard % self._partitions].append(each)
        number = next(self._numbers)
        self._waiting[number] = ids.time_ms(new[0].event_id)
        await asyncio.gather(*(self._send(partition, events) for partition, events in by_partition.items()))
        del self._waiting[number]
        self._published.inc(len(new))
        self._forget()
        return len(new)

    async def _send(self, partition: int, events: Sequence[Pending]) -> None:
        await self._producer.send(self._topic, partition, [_item(each) for each in events])
        # The writer may have died between its commit and telling of it.
        await self._tell([each.body for each in events if not each.is_told])
        self._unmarked |= {each.event_id: each for each in events}

    async def _keep_marking(self) -> None:
        while True:
            await asyncio.sleep(_MARK_EVERY_S)
            if self._unmarked:
                await insist(self._mark, what="relay")

    async def _mark(self) -> None:
        some = list(self._unmarked.values())
        await self._outbox.mark(some)
        for each in some:
            del self._unmarked[each.event_id]

    def _forget(self) -> None:
        """Keep of what was taken only what a look that began before its mark could still see."""
        if len(self._taken) > _REMEMBERED:
            for event_id in list(itertools.islice(self._taken, len(self._taken) - _REMEMBERED // 2)):
                del self._taken[event_id]

    def _lag_s(self) -> float:
        return max(0.0, (self._clock.now_ms() - min(self._waiting.values())) / 1000) if self._waiting else 0.0


class Floor:
    """The minute before which every event of a topic was found published.

    Relays tell it as an offset of a group of their own, so that any process
    knows where to begin when it counts what is not published yet.
    """

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._group = f"{topic}.relay"

    async def raise_to(self, minute: int) -> None:
        await self._broker.commit(self._group, self._topic, places.before(minute))

    async def minute(self) -> int:
        """Return the minute, 0 when no relay has told one."""
        held = await self._broker.committed(self._group, self._topic)
        return places.offset_of(held.get(0, 0))


class Backlog:
    """Counts the events of a service that are acknowledged and not published yet."""

    def __init__(self, log: str, outbox: Outbox, broker: Broker, *, settings: Settings, clock: Clock) -> None:
        self._outbox = outbox
        self._floor = Floor(broker, topic_of(settings, log))
        self._clock = clock

    async def count(self) -> int:
        """Return how many there are; one that becomes visible minutes after it was minted may be missed for a while."""
        now_ms = self._clock.now_ms()
        floor = max(await self._floor.minute() or (now_ms - _FIRST_MS) // _MINUTE_MS, (now_ms - _KEPT_MS) // _MINUTE_MS)
        minutes = range(floor, (now_ms + _SKEW_MS) // _MINUTE_MS + 1)
        waiting = 0
        for start in range(0, len(minutes), _MINUTES_AT_ONCE):
            some = minutes[start : start + _MINUTES_AT_ONCE]
            waiting += sum(await asyncio.gather(*(self._outbox.waiting(each) for each in some)))
        return waiting


def _item(pending: Pending) -> Item:
    event = Event.FromString(pending.body)
    return Item(event.key, pending.body, event.traceparent)
