"""A person's data, and recounting, between Protobuf and records; TweetRpc serves them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from aviary.api.personal.v1 import personal_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.clock import Clock
from aviary.tweets.drafts.store import Shelf
from aviary.tweets.upkeep import encoding
from aviary.tweets.upkeep.store import CounterStore, Drift, Group, Mark, PersonalStore

_ROWS_A_MESSAGE = 200
_ENTITIES_A_STEP = 500

# Returns up to so many rows above a position, each with its own position.
_Rows = Callable[[int], Awaitable[Sequence[tuple[int, str]]]]


class UpkeepRpc:
    """Answers what TweetService is asked by the export and by operators."""

    def __init__(self, personal: PersonalStore, counters: CounterStore, clock: Clock) -> None:
        self._personal = personal
        self._counters = counters
        self._clock = clock

    async def personal_data(self, user_id: int) -> AsyncIterator[personal_pb2.PersonalData]:
        """Yield each file in a few rows at a time; one that has none comes empty."""
        files: dict[str, _Rows] = {
            "tweets": partial(self._tweets, user_id),
            "retweets": partial(self._retweets, user_id),
            "likes": partial(self._marks, Mark.LIKE, user_id),
            "bookmarks": partial(self._marks, Mark.BOOKMARK, user_id),
            "votes": partial(self._votes, user_id),
            "drafts": partial(self._drafts, user_id),
            "scheduled": partial(self._scheduled, user_id),
            "pins": partial(self._pins, user_id),
        }
        for name, rows in files.items():
            found = await rows(0)
            yield _part(name, found)
            while len(found) == _ROWS_A_MESSAGE:
                found = await rows(found[-1][0])
                yield _part(name, found)

    async def reconcile(self, *, repair: bool) -> AsyncIterator[reconcile_pb2.Drift]:
        """Yield each counter that has drifted, and after every step how far the recount is."""
        examined = 0
        for group in Group:
            after: int | None = 0
            while after is not None:
                step = await self._counters.recount(group, after=after, limit=_ENTITIES_A_STEP)
                examined, after = examined + step.examined, step.after
                for drift in step.drifts:
                    repaired = repair and await self._counters.repair(drift)
                    yield _drift(drift, repaired=repaired, examined=examined)
                yield reconcile_pb2.Drift(examined=examined)

    async def _tweets(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        now_ms = self._clock.now_ms()
        found = await self._personal.tweets(user_id, after=after, limit=_ROWS_A_MESSAGE, retweets=False)
        return [(each.tweet.id, encoding.tweet(each, now_ms=now_ms)) for each in found]

    async def _retweets(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._personal.tweets(user_id, after=after, limit=_ROWS_A_MESSAGE, retweets=True)
        return [(each.tweet.id, encoding.retweet(each)) for each in found]

    async def _marks(self, mark: Mark, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._personal.marks(mark, user_id, after=after, limit=_ROWS_A_MESSAGE)
        return [(each.id, encoding.mark(each)) for each in found]

    async def _votes(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._personal.votes(user_id, after=after, limit=_ROWS_A_MESSAGE)
        return [(each.tweet_id, encoding.vote(each)) for each in found]

    async def _drafts(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._personal.drafts(Shelf.DRAFTS, user_id, after=after, limit=_ROWS_A_MESSAGE)
        return [(each.id, encoding.draft(each)) for each in found]

    async def _scheduled(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._personal.drafts(Shelf.SCHEDULED, user_id, after=after, limit=_ROWS_A_MESSAGE)
        return [(each.id, encoding.scheduled(each)) for each in found]

    async def _pins(self, user_id: int, _after: int) -> Sequence[tuple[int, str]]:
        tweet_id = await self._personal.pin(user_id)
        return [(tweet_id, encoding.pin(tweet_id))] if tweet_id else []


def _part(name: str, rows: Sequence[tuple[int, str]]) -> personal_pb2.PersonalData:
    return personal_pb2.PersonalData(file=name, rows=[row for _, row in rows])


def _drift(drift: Drift, *, repaired: bool, examined: int) -> reconcile_pb2.Drift:
    return reconcile_pb2.Drift(
        counter=drift.counter,
        entity_id=drift.entity_id,
        stored=drift.stored,
        counted=drift.counted,
        repaired=repaired,
        examined=examined,
    )
