"""The stores that share one file of tweets, under contract together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.contract.tweets import ADA, Kept

from aviary.clock import Clock
from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.surfaces import Index
from aviary.tweets.agenda.store import AgendaStore
from aviary.tweets.drafts.store import DraftStore
from aviary.tweets.engagement.store import EngagementStore, PollStore
from aviary.tweets.indices.store import IndexStore
from aviary.tweets.store import PollDraft

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Tweets, and what is kept beside them."""

    tweets: Kept
    engagement: EngagementStore
    polls: PollStore
    drafts: DraftStore
    agenda: AgendaStore
    clock: Clock

    @property
    def indices(self) -> IndexStore:
        return self.tweets.indices

    async def poll(self, *options: str, lasts_ms: int = HOUR_MS, author: int = ADA) -> int:
        """Ask something; "yes" or "no" when nothing is said."""
        return await self.tweets.poll(author, PollDraft(options=options or ("yes", "no"), duration_ms=lasts_ms))

    async def votes(self, tweet_id: int) -> Sequence[int]:
        return (await self.tweets.store.load([tweet_id], viewer_id=0)).polls[tweet_id].votes

    async def listed(
        self, index: Index, owner: int | str, *, since_id: int = 0, limit: int = 100, below: int = MAX_ID
    ) -> list[int]:
        """The tweets of an index."""
        page = PageRequest(limit=limit, below=below)
        return [each.tweet_id for each in await self.indices.places(index, owner, page, since_id=since_id)]

    async def bookmarks(self, tweet_id: int) -> int:
        return (await self.tweets.one(tweet_id)).bookmarks
