"""A fan-out worker on real stores, between a log and followers that a test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.rpc.waiting import until

from aviary import entries, ids
from aviary._native import Sources
from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.eventlog import Consumer
from aviary.events.v1.events_pb2 import EVENT_TYPE_TWEET_CREATED, Event, TweetEntry
from aviary.fanout.worker import FanoutWorker
from aviary.metrics import Metrics
from aviary.settings import Settings
from aviary.storage.native.timelines import NativeTimelines
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore
from aviary.storage.sqlite.outbox import SqliteEventLog, SqliteOffsets
from aviary.timelines.store import LIVE, ListKey


@dataclass(slots=True)
class Crowd:
    """Followers as a test wants them: each author's, and what goes wrong or waits when they are asked for."""

    of: dict[int, list[int]] = field(default_factory=dict)
    failures: dict[int, int] = field(default_factory=dict)
    gates: dict[int, asyncio.Event] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    counts_fail: bool = False
    # Runs before the followers are given out.
    look: Callable[[], Coroutine[None, None, None]] | None = None

    async def counts(self, author_ids: Sequence[int]) -> Mapping[int, int]:
        if self.counts_fail:
            raise Unavailable("the graph does not answer")
        return {author: len(self.of.get(author, [])) for author in author_ids}

    async def few(self, author_ids: Sequence[int], *, most: int) -> Mapping[int, bytes]:
        """Give out at once who follows those who have few and whom nothing waits for or goes wrong with."""
        if self.counts_fail:
            raise Unavailable("the graph does not answer")
        plain = [each for each in author_ids if each not in self.gates and each not in self.failures]
        found = {author: ids.pack(self.of.get(author, [])) for author in plain if len(self.of.get(author, [])) <= most}
        self.asked += found
        return found

    async def stream(self, author_id: int, *, page_size: int) -> AsyncIterator[bytes]:
        self.asked.append(author_id)
        if self.look is not None:
            await self.look()
        followers = self.of.get(author_id, [])
        for start in range(0, len(followers), page_size):
            yield ids.pack(followers[start : start + page_size])
            if author_id in self.gates:
                await self.gates[author_id].wait()
            # Fails in the midst, when the first page went out.
            if self.failures.get(author_id, 0) > 0:
                self.failures[author_id] -= 1
                raise Unavailable("the graph does not answer")


class Worker:
    """A worker with all that it writes to; it can be stopped and started again as a process would be."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.crowd = Crowd()
        self.metrics = Metrics()
        self.tweets = self._open("tweets")
        self.fanout = self._open("fanout")
        self.tiers = SqliteTierStore(self.fanout)
        self.dead_letters = SqliteDeadLetters(self.fanout)
        self.offsets = SqliteOffsets(self.fanout)
        self.timelines = NativeTimelines(settings, clock, self.metrics)
        self.worker, self.consumer = self._make()
        self._ids = iter(range(1_000, 100_000))

    def _open(self, name: str) -> Database:
        path = self.settings.data_dir / f"{name}.db"
        return Database(path, clock=self.clock, metrics=self.metrics, queue_size=1_000, group=64, readers=2)

    def _make(self) -> tuple[FanoutWorker, Consumer]:
        worker = FanoutWorker(
            followers=self.crowd,
            timelines=self.timelines,
            tiers=self.tiers,
            dead_letters=self.dead_letters,
            metrics=self.metrics,
            settings=self.settings,
            clock=self.clock,
        )
        return worker, Consumer(SqliteEventLog(self.tweets), self.offsets, worker.consumption())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A new process of the worker: it goes on from the committed offset."""
        self.worker, self.consumer = self._make()
        await self.consumer.start()
        task = asyncio.ensure_future(self.consumer.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def tweet(self, author: int) -> int:
        tweet_id = next(self._ids)
        entry = TweetEntry(tweet_id=tweet_id, author_id=author)
        event = Event(type=EVENT_TYPE_TWEET_CREATED, key=author, entity_id=tweet_id, tweet=entry)
        await self.tweets.write(lambda tx: tx.emit(event))
        return tweet_id

    async def warm(self, *owners: int) -> None:
        for owner in owners:
            token = await self.timelines.begin(_key(owner))
            await self.timelines.finish(_key(owner), token, b"", floor=0)

    async def held(self, owner: int) -> list[int] | None:
        """The tweets in the owner's list; None when it is absent. Looking counts as reading."""
        everybody = Sources(ids.pack(self.crowd.of.keys()))
        piece = await self.timelines.read(_key(owner), sources=everybody, below=LIVE, above=0, limit=100, extra=b"")
        return None if piece is None else [entry.id for entry in entries.unpack(piece.rows)]

    async def settle(self) -> None:
        async def has_settled() -> bool:
            return self.consumer.committed == await self.consumer.end()

        await until(has_settled, what="every event had its effect")

    def close(self) -> None:
        self.tweets.close()
        self.fanout.close()


def _key(owner: int) -> ListKey:
    return ListKey(viewer_id=owner, upper=LIVE, version=1)
