"""The port that knows what is due, and does it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.tweets.drafts.store import Kept
from aviary.tweets.store import Draft


@dataclass(frozen=True, slots=True)
class Due:
    """What the time has come for: polls by their tweets' ids, scheduled tweets by their own."""

    polls: Sequence[int]
    scheduled: Sequence[int]


class AgendaStore(Protocol):
    """Polls that end and tweets that are scheduled; each has its effect once, whoever asks for it how often."""

    async def due(self, now_ms: int, *, limit: int) -> Due:
        """Return at most `limit` polls and as many scheduled tweets, longest due first. One read, by index."""

    async def close_poll(self, tweet_id: int) -> None:
        """Mark a poll as closed, with its event; nothing when it was."""

    async def scheduled(self, kept_id: int) -> Kept | None:
        """Return a scheduled tweet that waits; None when it was published, cancelled, or failed."""

    async def publish(self, kept: Kept, draft: Draft) -> int | None:
        """Store the tweet and forget what it was made from, in one commit; return its id.

        None when `kept` was changed, cancelled or published since it was read.
        Raises NotFound when the tweet that it refers to is gone.
        """

    async def fail(self, kept: Kept, sentence: str) -> None:
        """Keep why it cannot be published, with its event; nothing when it changed since it was read."""
