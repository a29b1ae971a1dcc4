"""Conversations and quotes on ScyllaDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aviary import ids
from aviary.paging import Candidates, PageRequest
from aviary.storage.scylla.counting import Counts
from aviary.storage.scylla.keys import pieces
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.listings import CONVERSATIONS, QUOTES
from aviary.storage.scylla.writes import Writer
from aviary.tweets.conversations.store import Standing
from aviary.tweets.store import Tweet

# Tweets of the conversation looked at for one stretch.
_LOOKED_AT = 1_000
_STEP = 100


class ScyllaConversationStore:
    """Keeps ConversationStore's promises: each reply's row tells its next 32 ancestors, the last of them the next."""

    def __init__(self, writer: Writer) -> None:
        self._tables = writer.tables

    async def ancestors(self, tweet: Tweet, *, limit: int) -> Sequence[int]:
        found: list[int] = []
        place = tweet.id
        # Further up than its row tells, the last one's row tells on.
        while len(found) < limit and (lineage := await _lineage(self._tables, tweet.conversation_id, place)):
            found += lineage
            place = found[-1]
        return found[:limit]

    async def descendants(self, tweet: Tweet, page: PageRequest) -> Candidates:
        step, above = max(_STEP, page.limit), max(page.above, tweet.id)
        found: list[int] = []
        below: int | None = page.below
        looked_at = 0
        while below is not None and len(found) < page.limit and looked_at < _LOOKED_AT:
            members = await CONVERSATIONS.first(
                self._tables, tweet.conversation_id, below=below, above=above, limit=step, wanted=_exists
            )
            found += await _below(self._tables, tweet, members)
            below = members[-1][0] if len(members) == step else None
            looked_at += len(members)
        if len(found) <= page.limit:
            return Candidates(found, below)
        return Candidates(found[: page.limit], found[page.limit - 1])

    async def standings(self, ids: Sequence[int]) -> Mapping[int, Standing]:
        authors: dict[int, int] = {}
        statement = "SELECT id, author_id FROM tweets WHERE id IN ?"
        for rows in await self._tables.each(statement, [(some,) for some in pieces(ids)]):
            authors |= {tweet_id: author_id for tweet_id, author_id in rows if author_id}
        counts = await Counts(self._tables).of(list(authors))
        return {tweet_id: _standing(author_id, counts[tweet_id]) for tweet_id, author_id in authors.items()}

    async def quote_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        return await records.newest_ids(self._tables, QUOTES, tweet_id, page)


def _standing(author_id: int, counts: Mapping[str, int]) -> Standing:
    return Standing(
        author_id=author_id,
        likes=counts.get("likes", 0),
        retweets=counts.get("retweets", 0),
        replies=counts.get("replies", 0),
        quotes=counts.get("quotes", 0),
    )


def _exists(row: Row) -> bool:
    return not row[3]


async def _below(tables: Tables, tweet: Tweet, members: Sequence[Row]) -> Sequence[int]:
    """Return those of `members` that reply to `tweet`, to a reply to it, and so on."""
    if tweet.id == tweet.conversation_id:
        return [row[0] for row in members]
    # By the highest ancestor that is known so far. An older one than the tweet's has passed it by.
    lineages = {row[0]: list(ids.unpack(row[2])) for row in members}
    inside = {each for each, lineage in lineages.items() if tweet.id in lineage}
    tops: dict[int, int] = {each: lineage[-1] for each, lineage in lineages.items() if lineage[-1] > tweet.id}
    while tops:
        above = await _lineages(tables, tweet.conversation_id, set(tops.values()))
        inside |= {each for each, top in tops.items() if tweet.id in above.get(top, ())}
        tops = {each: above[top][-1] for each, top in tops.items() if top in above and above[top][-1] > tweet.id}
    return [row[0] for row in members if row[0] in inside]


async def _lineage(tables: Tables, conversation_id: int, tweet_id: int) -> Sequence[int]:
    return (await _lineages(tables, conversation_id, {tweet_id})).get(tweet_id, ())


async def _lineages(tables: Tables, conversation_id: int, tweet_ids: set[int]) -> Mapping[int, Sequence[int]]:
    """Return what replies hang on, nearest first, removed ones included; what is no reply is left out."""
    rows = await tables.each(
        "SELECT id, lineage FROM conversations WHERE conversation_id = ? AND bucket = ? AND id = ?",
        [(conversation_id, CONVERSATIONS.bucket(conversation_id, each), each) for each in tweet_ids],
    )
    return {tweet_id: list(ids.unpack(lineage)) for found in rows for tweet_id, lineage in found if lineage}
