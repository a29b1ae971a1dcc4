"""The order in which a conversation is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aviary.ids import MAX_ID
from aviary.paging import Candidates, PageRequest
from aviary.tweets.conversations.store import ConversationStore, Standing
from aviary.tweets.store import Tweet

_ANCESTORS = 100
_RANKED = 1_000
# Looks at the store for the replies to rank; each reads a thousand tweets at most.
_LOOKS = 5


@dataclass(frozen=True, slots=True)
class Ranking:
    """A conversation as it ranks now; `upper` is the newest tweet that takes part, on the next page too."""

    ids: Sequence[int]
    upper: int

    async def candidates(self, after: int, count: int) -> Candidates:
        """Propose what ranks behind the tweet `after`; MAX_ID stands for the start."""
        start = 0 if after == MAX_ID else self.ids.index(after) + 1
        found = self.ids[start : start + count]
        return Candidates(found, found[-1] if start + count < len(self.ids) else None)


class ConversationService:
    """Finds the tweets of a conversation, by time or by rank; who may see them is decided elsewhere."""

    def __init__(self, store: ConversationStore) -> None:
        self._store = store

    async def latest(self, tweet: Tweet, page: PageRequest, below: int, count: int) -> Candidates:
        """Propose replies, the tweet itself and what it replies to: all by id, newest first."""
        if below > tweet.id + 1:
            found = await self._store.descendants(tweet, replace(page, below=below, limit=count))
            # What is left is the tweet and older.
            return found if found.below is not None else Candidates(found.ids, tweet.id + 1)
        older = [each for each in await self._heads(tweet) if page.above < each < below]
        return Candidates(older[:count], older[count - 1] if len(older) > count else None)

    async def ranked(self, tweet: Tweet, page: PageRequest) -> Ranking:
        """Rank the conversation: the tweet, what it replies to, then the most engaging of its newest replies.

        The tweet's author's own replies come before those of others. What was
        posted since the first page takes no part; what became more or less
        engaging since then may be met twice or be passed over.
        """
        heads = [each for each in await self._heads(tweet) if each > page.above]
        replies = await self._replies(tweet, page)
        # Where the last page ended, which may have been deleted since then.
        last = {page.below} - {MAX_ID, *heads}
        standings = await self._store.standings(sorted({*replies, *last}))
        ranked = sorted(standings, key=partial(_rank, tweet, standings))
        if last - standings.keys():
            # It is gone for good, and nothing tells where it was: rather repeat than leave out.
            heads.append(page.below)
        return Ranking([*heads, *ranked], upper=max(replies, default=tweet.id))

    async def quotes(self, tweet_id: int, page: PageRequest, below: int, count: int) -> Candidates:
        """Propose quotes, newest first."""
        found = await self._store.quote_ids(tweet_id, replace(page, below=below, limit=count))
        return Candidates.stretch(found, of=count)

    async def _heads(self, tweet: Tweet) -> Sequence[int]:
        return [tweet.id, *await self._store.ancestors(tweet, limit=_ANCESTORS)]

    async def _replies(self, tweet: Tweet, page: PageRequest) -> Sequence[int]:
        found: list[int] = []
        below: int | None = page.hint + 1 if page.hint else MAX_ID
        for _ in range(_LOOKS):
            if below is None or len(found) == _RANKED:
                break
            stretch = replace(page, below=below, limit=_RANKED - len(found))
            some = await self._store.descendants(tweet, stretch)
            found.extend(some.ids)
            below = some.below
        return found


def _rank(tweet: Tweet, standings: Mapping[int, Standing], reply_id: int) -> tuple[bool, int, int]:
    standing = standings[reply_id]
    engagement = standing.likes + 2 * standing.retweets + 2 * standing.replies + standing.quotes
    return standing.author_id != tweet.author_id, -engagement, -reply_id
