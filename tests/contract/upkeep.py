"""The stores that keep tweets in order, under contract beside those that they look after."""

from __future__ import annotations

from dataclasses import dataclass

from tests.contract.stores import Stores

from aviary.tweets.conversations.store import ConversationStore
from aviary.tweets.upkeep.store import CounterStore, Drift, Group, PersonalStore, RemovalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkept:
    """Tweets and what is kept beside them, and their upkeep."""

    stores: Stores
    conversations: ConversationStore
    removal: RemovalStore
    counters: CounterStore
    personal: PersonalStore

    async def drifts(self, *, limit: int = 3) -> list[Drift]:
        """Every counter that is wrong, recounted a few at a time."""
        found: list[Drift] = []
        for group in Group:
            after: int | None = 0
            while after is not None:
                step = await self.counters.recount(group, after=after, limit=limit)
                found += step.drifts
                after = step.after
        return found

    async def purge_all(self, *, rows: int = 100) -> int:
        """Remove every deleted tweet, and say in how many steps."""
        steps = 0
        while await self.removal.purge(self.stores.clock.now_ms() + 1, rows=rows):
            steps += 1
        return steps

    async def erase_all(self, user_id: int, *, rows: int = 100) -> int:
        steps = 0
        while await self.removal.erase(user_id, rows=rows):
            steps += 1
        return steps

    async def exists(self, *tweet_ids: int) -> list[bool]:
        """Which of the tweets have a row, deleted or not."""
        loaded = await self.stores.tweets.store.load(tweet_ids, viewer_id=0)
        return [each in loaded.tweets for each in tweet_ids]
