"""The front of a process in a fleet: as fresh as the stores whenever it answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from aviary._native import MAX_ID, Front
from aviary.clock import Clock
from aviary.entries import ROW_BYTES, last_id
from aviary.errors import Unavailable
from aviary.recent import Recent
from aviary.rpc.front import Stale
from aviary.rpc.limits import Limit, Usage
from aviary.storage.redis import bags
from aviary.storage.redis.connection import RedisServers
from aviary.storage.redis.limits import RedisRateLimits
from aviary.storage.redis.news import Place, RedisNews
from aviary.storage.redis.timelines import RedisTimelines

_log = logging.getLogger("aviary.front")
# Of a home list so much is copied; whoever reads on is served by the handlers.
COPIED_ROWS = 200
_MARKS_KEPT = 50_000
# After Redis was away, whoever could not tell something has to be able to say so first.
_CAUTIOUS_S = 2.0


class RedisFreshness:
    """Hears the news, copies what homes grew by and takes units of the limit: one round trip for many calls."""

    def __init__(
        self,
        front: Front,
        *,
        servers: RedisServers,
        news: RedisNews,
        timelines: RedisTimelines,
        limits: RedisRateLimits,
        limit: Limit | None,
        clock: Clock,
    ) -> None:
        self._front = front
        self._servers = servers
        self._news = news
        self._timelines = timelines
        self._limits = limits
        self._limit = limit
        self._clock = clock
        self._place = Place()
        # What each copy is a copy of.
        self._marks: Recent[int, bytes] = Recent(_MARKS_KEPT)
        self._cautious_until = 0.0

    async def freshen(self, calls: Sequence[Stale]) -> Sequence[Usage | None]:
        """Make what is held as fresh as at the moment of asking; return what is left of each call's limit.

        Raises Unavailable when that is not known, also for a while after it wasn't.
        """
        if time.monotonic() < self._cautious_until:
            raise Unavailable("what is held may be stale for a moment")
        homes = self._homes(calls)
        copying = [self._timelines.copying(each, homes[each], self._marks.get(each) or b"") for each in homes]
        limit = self._limit
        spending = [self._limits.spending(limit, str(call.viewer_id)) for call in calls] if limit else []
        try:
            answers = await self._servers.run_each([self._news.hearing(self._place), *copying, *spending])
        except Unavailable:
            self._place, self._cautious_until = Place(), time.monotonic() + _CAUTIOUS_S
            raise
        self._hear(answers[0])
        for (viewer_id, version), answer in zip(homes.items(), answers[1:], strict=False):
            self._copy(viewer_id, version, answer)
        if limit is None:
            return [None] * len(calls)
        return [self._limits.usage(limit, answer) for answer in answers[1 + len(homes) :]]

    async def copy(self, viewer_id: int, version: int) -> None:
        """Copy a viewer's whole list. Raises Unavailable when there is none of this version."""
        answer = await self._servers.run(*self._timelines.copying(viewer_id, version, b""))
        if answer is None:
            raise Unavailable(f"the home of user {viewer_id} was dropped while it was read", retry_after_s=1)
        self._copy(viewer_id, version, answer)

    def _homes(self, calls: Sequence[Stale]) -> dict[int, int]:
        """Return the viewers whose homes are read and held, with the version of their follows."""
        found = {call.viewer_id: self._front.follow_version(call.viewer_id) for call in calls if call.home}
        return {viewer_id: version for viewer_id, version in found.items() if version is not None}

    def _hear(self, answer: Sequence[bytes | int]) -> None:
        heard = self._news.heard(answer)
        self._place = heard.place
        if heard.pieces is None:
            self._front.clear()
            return
        try:
            self._front.hear(heard.pieces, self._clock.now_ms())
        except ValueError:
            # Told by a process that is newer than this one.
            _log.exception("news_not_understood")
            self._front.clear()

    def _copy(self, viewer_id: int, version: int, answer: Sequence[Any] | None) -> None:
        now_ms = self._clock.now_ms()
        if answer is None:
            self._front.drop_copy(viewer_id)
            return
        mark, *changed = answer
        self._marks.keep(viewer_id, mark)
        match changed:
            case [plain, referring]:
                self._front.add_to_copy(viewer_id, bags.join(plain, referring), now_ms=now_ms)
            case [floor, plain, referring]:
                floor = int.from_bytes(floor, "little")
                rows = bags.newest(bags.join(plain, referring), floor=floor, upper=MAX_ID, keep=COPIED_ROWS)
                floor = last_id(rows) if len(rows) == COPIED_ROWS * ROW_BYTES else floor
                self._front.copy_list(viewer_id, version, rows, floor=floor, now_ms=now_ms)
            case _:
                # It is as it was.
                pass
