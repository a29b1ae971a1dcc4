"""The decisions about engagement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aviary.errors import FailedPrecondition, Forbidden
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.tweets.engagement.store import Engaged, EngagementStore, PollStore
from aviary.tweets.service import TweetService
from aviary.tweets.store import Written


class EngagementService:
    """Bookmarks, pins, votes, and lists of who engaged."""

    def __init__(self, store: EngagementStore, polls: PollStore, tweets: TweetService) -> None:
        self._store = store
        self._polls = polls
        self._tweets = tweets

    async def bookmark(self, user_id: int, tweet_id: int, *, claim: Claim | None) -> bool:
        """Bookmark a tweet; tell whether anything changed."""
        if await self._is_repeat(claim):
            return False
        original = await self._tweets.original(user_id, tweet_id)
        return await self._store.bookmark(original.id, user_id, claim=claim)

    async def remove_bookmark(self, user_id: int, tweet_id: int) -> None:
        # Whether it may be seen does not matter: what one kept is one's own to drop.
        await self._store.remove_bookmark(tweet_id, user_id)

    async def pin(self, user_id: int, tweet_id: int, *, claim: Claim | None) -> bool:
        """Pin one's own tweet; tell whether anything changed."""
        if await self._is_repeat(claim):
            return False
        tweet = await self._tweets.original(user_id, tweet_id)
        if tweet.id != tweet_id:
            raise FailedPrecondition(f"tweet {tweet_id} is a retweet; only a tweet of one's own can be pinned")
        if tweet.author_id != user_id:
            raise Forbidden(f"tweet {tweet_id} is somebody else's; only its author may pin it")
        return await self._store.pin(tweet_id, user_id, claim=claim)

    async def unpin(self, user_id: int, tweet_id: int) -> None:
        await self._store.unpin(tweet_id, user_id)

    async def vote(self, user_id: int, tweet_id: int, option: int, *, claim: Claim | None) -> Written:
        """Vote in a poll; returns the original's id."""
        original = await self._tweets.original(user_id, tweet_id)
        is_new = await self._polls.vote(original.id, user_id, option, claim=claim)
        return Written(original.id, repeated=not is_new)

    async def likers(self, tweet_id: int, page: PageRequest, below: int, count: int) -> Sequence[Engaged]:
        return await self._store.likers(tweet_id, replace(page, below=below, limit=count))

    async def retweeters(self, tweet_id: int, page: PageRequest, below: int, count: int) -> Sequence[Engaged]:
        return await self._store.retweeters(tweet_id, replace(page, below=below, limit=count))

    async def _is_repeat(self, claim: Claim | None) -> bool:
        # The first answer stands, also when the tweet is gone by now.
        return claim is not None and await self._store.settled(claim)
