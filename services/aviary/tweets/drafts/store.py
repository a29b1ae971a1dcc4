"""The port that keeps what is not published yet, and its records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.tweets.store import Written


class Shelf(Enum):
    """Where a tweet is kept until it is published."""

    DRAFTS = "draft"
    SCHEDULED = "scheduled tweet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A tweet that is not published; `body` is an encoded aviary.api.tweets.v1.TweetInput."""

    id: int
    user_id: int
    body: bytes
    # When to publish; 0 for a draft.
    publish_ms: int
    # Why it could not be published; "" while it waits.
    failure: str
    # The client that sent it.
    source: str
    created_ms: int
    updated_ms: int


class DraftStore(Protocol):
    """Drafts and scheduled tweets, each person's own: somebody else's is as good as missing."""

    async def settled(self, claim: Claim) -> int | None:
        """Return the id that `claim` was settled with; None when it wasn't. Raises Conflict for another body."""

    async def create(
        self, user_id: int, body: bytes, *, publish_ms: int, source: str, most: int, claim: Claim | None
    ) -> Written:
        """Keep a tweet, with its event; `publish_ms` is 0 for a draft. Its creation is the moment in its id.

        A settled claim gives the first id again. Raises RateLimited when the
        user has `most` on that shelf, Conflict when the claim's key came with another body.
        """

    async def get(self, shelf: Shelf, user_id: int, kept_id: int) -> Kept:
        """Return what is kept under that id, on that shelf alone. Raises NotFound."""

    async def drafts(self, user_id: int, page: PageRequest) -> Page[Kept]:
        """Return the user's drafts below `page.below`, newest first."""

    async def scheduled(self, user_id: int, page: PageRequest) -> Page[Kept]:
        """Return the user's scheduled tweets, latest time first; of one time the newest first.

        Positions are times, and the hint is the id.
        """

    async def update(
        self, shelf: Shelf, user_id: int, kept_id: int, *, body: bytes | None, publish_ms: int | None
    ) -> Kept:
        """Change what is not None, with its event, and let a failed one wait again. Raises NotFound."""

    async def delete(self, shelf: Shelf, user_id: int, kept_id: int) -> None:
        """Forget it, with its event. Raises NotFound."""
