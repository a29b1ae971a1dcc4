"""The worker: each new tweet, tier by tier, into the warm timelines of its author's followers."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from opentelemetry import trace

from aviary import entries, ids
from aviary.clock import Clock
from aviary.errors import AviaryError
from aviary.eventlog import Consumption, Lane, Record, insist
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.fanout.store import AuthorTier, DeadLetters, Tier, TierStore, WarmTimelines
from aviary.metrics import Metrics
from aviary.recent import Recent
from aviary.rpc.telemetry import is_recorded, span_of
from aviary.settings import Settings

SMALL = Lane(name="small", workers=4, together=256)
LARGE = Lane(name="large", workers=4, queue=10_000)
_LANES = (SMALL, LARGE)
# An author is routed and delivered by one count: tiers are a matter of thousands, and one of a second ago is as good.
_COUNT_KEPT_MS = 1_000
_COUNTS_KEPT = 10_000
# Followers that were read for tweets on their way through the small lane.
_FEW_KEPT = 4_096
# More followers than this are read page by page, whatever counts as small.
_MOST_FEW = 10_000
_log = logging.getLogger("aviary.fanout")


class Followers(Protocol):
    """What the fan-out asks of the graph."""

    async def counts(self, author_ids: Sequence[int]) -> Mapping[int, int]:
        """Return how many follow each author."""

    async def few(self, author_ids: Sequence[int], *, most: int) -> Mapping[int, bytes]:
        """Return the packed ids of everybody who follows each author, without authors whom more than `most` follow."""

    def stream(self, author_id: int, *, page_size: int) -> AsyncIterator[bytes]:
        """Yield the packed ids of the author's followers, page by page."""


class FanoutWorker:
    """Reads the tweets' log in two lanes, so that an author with many followers never delays the rest."""

    def __init__(
        self,
        *,
        followers: Followers,
        timelines: WarmTimelines,
        tiers: TierStore,
        dead_letters: DeadLetters,
        metrics: Metrics,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._followers = followers
        self._timelines = timelines
        self._tiers = tiers
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._settings = settings
        self._clock = clock
        # Whom a tweet goes to, by its event: read once for many, when they were all committed.
        self._few: Recent[int, bytes] = Recent(_FEW_KEPT)
        above = (settings.fanout_small_followers, settings.fanout_mid_followers, settings.fanout_pull_followers)
        self._most_few = min(_MOST_FEW, *(each - 1 for each in above))
        self._lags = {lane.name: metrics.fanout_lag.labels(lane.name) for lane in _LANES}
        # How many follow an author, and until when that is good.
        self._counts: Recent[int, tuple[int, int]] = Recent(_COUNTS_KEPT)
        self._in_flight = asyncio.Semaphore(settings.fanout_in_flight)
        self.appended = 0

    def consumption(self) -> Consumption:
        return Consumption(
            name="fanout",
            lanes=_LANES,
            route=self._route,
            handle=self._handle,
            handle_together=self._handle_together,
        )

    async def _route(self, records: Sequence[Record]) -> Sequence[int]:
        """Small authors to the fast lane. Whose followers cannot be read goes to the slow one."""
        authors = sorted({record.event.key for record in records if _is_tweet(record.event)})
        followers: Mapping[int, bytes] = {}
        try:
            followers = await self._followers.few(authors, most=self._most_few) if authors else {}
        except AviaryError as error:
            _log.warning("fanout_followers_unread", extra={"error": error.message})
        return [self._lane_of(record.event, followers) for record in records]

    def _lane_of(self, event: Event, followers: Mapping[int, bytes]) -> int:
        if not _is_tweet(event):
            return 0
        if (few := followers.get(event.key)) is None:
            return 1
        self._few.keep(event.id, few)
        return 0

    async def _handle_together(self, lane: Lane, records: Sequence[Record]) -> None:
        apart: list[Record] = []
        together: list[tuple[Record, bytes]] = []
        for record in records:
            few = self._few.take(record.event.id)
            if few is None or is_recorded(record.event.traceparent):
                apart.append(record)
            else:
                together.append((record, few))
        if together:
            apart += await self._deliver_together(lane, together)
        for record in apart:
            await self._handle(lane, record)

    async def _deliver_together(self, lane: Lane, tweets: Sequence[tuple[Record, bytes]]) -> Sequence[Record]:
        """Append tweets to the lists of their authors and of the few who follow them; return those that must wait."""
        appends = [(ids.pack([each.event.key]) + few, _row(each.event)) for each, few in tweets]
        try:
            async with self._in_flight:
                written = await self._timelines.append_each(appends)
        except AviaryError as error:
            _log.warning("fanout_taken_apart", extra={"tweets": len(tweets), "error": error.message})
            return [record for record, _ in tweets]
        self._count(written)
        lag, now_ms = self._lags[lane.name], self._clock.now_ms()
        for record, _ in tweets:
            lag.observe((now_ms - record.event.time_ms) / 1000)
        return ()

    async def _handle(self, lane: Lane, record: Record) -> None:
        if not _is_tweet(record.event):
            return
        with trace.use_span(span_of(record.event.traceparent, "fanout"), end_on_exit=True):
            await self._deliver_or_bury(record)
        self._lags[lane.name].observe((self._clock.now_ms() - record.event.time_ms) / 1000)

    async def _deliver_or_bury(self, record: Record) -> None:
        failure = ""
        for attempt in range(1, self._settings.fanout_retries + 1):
            try:
                await self._deliver(record.event)
            except AviaryError as error:
                _log.warning("fanout_retried", extra={"tweet_id": record.event.entity_id, "error": error.message})
                await asyncio.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter
                failure = error.message
            else:
                return
        # Whose lists lack the tweet is not known, so none may claim to be complete.
        await self._timelines.clear()
        await insist(lambda: self._dead_letters.add("tweets", record, failure), what="fanout")
        self._metrics.fanout_dead.inc()
        _log.error("fanout_dead_lettered", extra={"tweet_id": record.event.entity_id, "error": failure})

    async def _deliver(self, event: Event) -> None:
        author_id = event.key
        followers = (await self._counted([author_id]))[author_id]
        tier = await self._tier(author_id, followers, event.entity_id)
        row = _row(event)
        await self._append(ids.pack([author_id]), row, active_only=False)
        if tier is Tier.PULL:
            return
        async for page in self._followers.stream(author_id, page_size=self._settings.fanout_batch):
            started = time.monotonic()
            written = await self._append(page, row, active_only=tier is Tier.MID)
            await self._pace(written, time.monotonic() - started)

    async def _counted(self, author_ids: Sequence[int]) -> Mapping[int, int]:
        """Return how many follow each author, or did a moment ago."""
        now_ms = self._clock.now_ms()
        kept = {author_id: self._counts.get(author_id) for author_id in author_ids}
        found = {author_id: each[0] for author_id, each in kept.items() if each and each[1] > now_ms}
        if missing := [author_id for author_id in author_ids if author_id not in found]:
            for author_id, followers in (await self._followers.counts(missing)).items():
                found[author_id] = followers
                self._counts.keep(author_id, (followers, now_ms + _COUNT_KEPT_MS))
        return found

    async def _tier(self, author_id: int, followers: int, tweet_id: int) -> Tier:
        """Return the author's tier; one above push is stored before it takes effect, and never lowered."""
        tier = tier_of(followers, self._settings)
        if tier is not Tier.PUSH:
            await self._tiers.raise_tier(AuthorTier(author_id=author_id, tier=tier, from_id=tweet_id))
        return tier

    async def _append(self, owner_ids: bytes, row: bytes, *, active_only: bool) -> int:
        async with self._in_flight:
            written = await self._timelines.append(owner_ids, row, active_only=active_only)
        self._count(written)
        return written

    def _count(self, written: int) -> None:
        self._metrics.fanout_appended.inc(written)
        self.appended += written

    async def _pace(self, written: int, took_s: float) -> None:
        # At most so many writes a second for one author; a page below that in a second's share goes on at once.
        share_s = written / self._settings.fanout_author_writes_per_s
        if written >= self._settings.fanout_batch and share_s > took_s:
            await asyncio.sleep(share_s - took_s)


def tier_of(followers: int, settings: Settings) -> Tier:
    """The tier of an author with so many followers."""
    if followers < settings.fanout_mid_followers:
        return Tier.PUSH
    return Tier.PULL if followers >= settings.fanout_pull_followers else Tier.MID


def _is_tweet(event: Event) -> bool:
    return event.type == events_pb2.EVENT_TYPE_TWEET_CREATED


def _row(event: Event) -> bytes:
    tweet = event.tweet
    return entries.pack(
        entries.Entry(
            id=tweet.tweet_id,
            author_id=tweet.author_id,
            ref_id=tweet.ref_tweet_id,
            ref_author_id=tweet.ref_author_id,
            is_retweet=tweet.is_retweet,
            ref_is_reply=tweet.ref_is_reply,
            has_media=tweet.has_media,
        )
    )
