"""Publishes scheduled tweets and ends polls when their time has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Sequence

from aviary.clock import Clock
from aviary.errors import AviaryError, DeadlineExceeded, Forbidden, RateLimited, Unavailable
from aviary.tweets.agenda.store import AgendaStore
from aviary.tweets.composing import People
from aviary.tweets.drafts import encoding
from aviary.tweets.drafts.store import Kept
from aviary.tweets.service import TweetService

_log = logging.getLogger("aviary.agenda")
_LOOK_EVERY_S = 0.2
_LONGEST_PAUSE_S = 5.0
# Done side by side, so that the writer commits them together.
_AT_ONCE = 64
# What may be different at the next try; anything else is the tweet's own fault.
_PASSING = (Unavailable, RateLimited, DeadlineExceeded)


class AgendaWorker:
    """Looks several times a second what is due on business time, and does it.

    The row of a scheduled tweet goes in the commit that brings the tweet, so a
    crash at any point neither loses it nor publishes it twice.
    """

    def __init__(self, store: AgendaStore, tweets: TweetService, people: People, clock: Clock) -> None:
        self._store = store
        self._tweets = tweets
        self._people = people
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled; outlives a store that is down."""
        pause_s = _LOOK_EVERY_S
        while True:
            try:
                pause_s = 0 if await self.work() else _LOOK_EVERY_S
            except _PASSING as error:
                pause_s = min(_LONGEST_PAUSE_S, max(2 * pause_s, _LOOK_EVERY_S))
                _log.warning("agenda_retried", extra={"error": error.message, "pause_s": pause_s})
            await asyncio.sleep(pause_s)

    async def work(self) -> bool:
        """Do the first of what is due; tell whether there may be more.

        Raises what is in the way of some for now, once the others are done.
        """
        due = await self._store.due(self._clock.now_ms(), limit=_AT_ONCE)
        by_author = await self._by_author(due.scheduled)
        await _side_by_side(
            *(self._store.close_poll(tweet_id) for tweet_id in due.polls),
            *(self._publish_in_turn(each) for each in by_author),
        )
        return _AT_ONCE in {len(due.polls), len(due.scheduled)}

    async def _by_author(self, kept_ids: Sequence[int]) -> Collection[Sequence[Kept]]:
        found: dict[int, list[Kept]] = {}
        for kept in await asyncio.gather(*map(self._store.scheduled, kept_ids)):
            if kept is not None:
                found.setdefault(kept.user_id, []).append(kept)
        return found.values()

    async def _publish_in_turn(self, scheduled: Sequence[Kept]) -> None:
        """Publish what one author scheduled, in the order of its times: what was late comes in it too."""
        for kept in scheduled:
            await self._publish(kept)

    async def _publish(self, kept: Kept) -> None:
        try:
            await self._must_stand(kept)
            draft = await self._tweets.prepare(kept.user_id, encoding.submission(kept.body), client=kept.source)
            await self._store.publish(kept, draft)
        except _PASSING:
            raise
        except AviaryError as error:
            await self._store.fail(kept, error.message)

    async def _must_stand(self, kept: Kept) -> None:
        if kept.user_id not in (await self._people.regard(kept.user_id, [kept.user_id])).people:
            raise Forbidden("the account was suspended or deactivated at that time")


async def _side_by_side(*deeds: Awaitable[None]) -> None:
    """Do all of them, whichever fails, then raise the first failure."""
    for failure in await asyncio.gather(*deeds, return_exceptions=True):
        if failure is not None:
            raise failure
