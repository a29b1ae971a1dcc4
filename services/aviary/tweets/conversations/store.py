"""The port that reads how tweets hang together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from aviary.paging import Candidates, PageRequest
from aviary.tweets.store import Tweet


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a reply is ranked by."""

    author_id: int
    likes: int
    retweets: int
    replies: int
    quotes: int


class ConversationStore(Protocol):
    """Replies as a tree, and quotes. A reply keeps its place in the tree whatever happens to those above it."""

    async def ancestors(self, tweet: Tweet, *, limit: int) -> Sequence[int]:
        """Return what `tweet` replies to, and that to, nearest first; at most `limit`, deleted ones included."""

    async def descendants(self, tweet: Tweet, page: PageRequest) -> Candidates:
        """Return up to `page.limit` existing replies below `tweet`, at any depth, newest first.

        Reads at most a thousand tweets of the conversation, so fewer may come
        although there are more; the answer says where to look on.
        """

    async def standings(self, ids: Sequence[int]) -> Mapping[int, Standing]:
        """Return what tweets are ranked by, deleted ones included; missing ids are left out."""

    async def quote_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        """Return up to `page.limit` quotes that exist, newest first, within the bounds of `page`."""
