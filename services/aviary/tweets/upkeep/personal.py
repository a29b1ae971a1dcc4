"""The files of a person's export that tweets fill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from aviary.clock import Clock
from aviary.tweets.drafts.store import Shelf
from aviary.tweets.upkeep import encoding
from aviary.tweets.upkeep.store import Mark, OwnStore
from aviary.upkeep.store import Piece

_ROWS_A_PIECE = 200

# Returns up to so many rows above a position, each with its own position.
_Rows = Callable[[int], Awaitable[Sequence[tuple[int, str]]]]


class TweetFiles:
    """Keeps PersonalStore's promises with what an OwnStore returns."""

    def __init__(self, own: OwnStore, clock: Clock) -> None:
        self._own = own
        self._clock = clock

    async def of(self, user_id: int) -> AsyncIterator[Piece]:
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
            yield _piece(name, found)
            while len(found) == _ROWS_A_PIECE:
                found = await rows(found[-1][0])
                yield _piece(name, found)

    async def _tweets(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        now_ms = self._clock.now_ms()
        found = await self._own.tweets(user_id, after=after, limit=_ROWS_A_PIECE, retweets=False)
        return [(each.tweet.id, encoding.tweet(each, now_ms=now_ms)) for each in found]

    async def _retweets(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._own.tweets(user_id, after=after, limit=_ROWS_A_PIECE, retweets=True)
        return [(each.tweet.id, encoding.retweet(each)) for each in found]

    async def _marks(self, mark: Mark, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._own.marks(mark, user_id, after=after, limit=_ROWS_A_PIECE)
        return [(each.id, encoding.mark(each)) for each in found]

    async def _votes(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._own.votes(user_id, after=after, limit=_ROWS_A_PIECE)
        return [(each.tweet_id, encoding.vote(each)) for each in found]

    async def _drafts(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._own.drafts(Shelf.DRAFTS, user_id, after=after, limit=_ROWS_A_PIECE)
        return [(each.id, encoding.draft(each)) for each in found]

    async def _scheduled(self, user_id: int, after: int) -> Sequence[tuple[int, str]]:
        found = await self._own.drafts(Shelf.SCHEDULED, user_id, after=after, limit=_ROWS_A_PIECE)
        return [(each.id, encoding.scheduled(each)) for each in found]

    async def _pins(self, user_id: int, _after: int) -> Sequence[tuple[int, str]]:
        tweet_id = await self._own.pin(user_id)
        return [(tweet_id, encoding.pin(tweet_id))] if tweet_id else []


def _piece(name: str, rows: Sequence[tuple[int, str]]) -> Piece:
    return Piece(name, [row for _, row in rows])
