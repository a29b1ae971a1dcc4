"""A tweet store under contract, and drafts for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from aviary import entries, hashtags
from aviary.eventlog import EventLog
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.surfaces import Index
from aviary.tweets import text
from aviary.tweets.indices.store import IndexStore
from aviary.tweets.store import AuthorCounts, Draft, Entities, Kind, PollDraft, Revision, Span, Tweet, TweetStore

ADA, BOB, CYD = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A store and the log of what it commits."""

    store: TweetStore
    indices: IndexStore
    log: EventLog
    # Before counts are read: where they follow the log, returns when they have caught up with it.
    settle: Callable[[], Awaitable[None]]
    # Runs a query on the tables themselves.
    look: Callable[[str], Awaitable[Sequence[Sequence[object]]]]

    async def tweet(self, author: int = ADA, content: str = "hello", *, mentions: Sequence[int] = ()) -> int:
        return (await self.store.insert(original(author, content, mentions=mentions), claim=None)).id

    async def poll(self, author: int, poll: PollDraft) -> int:
        return (await self.store.insert(replace(original(author), poll=poll), claim=None)).id

    async def reply(self, author: int, to: int) -> int:
        return (await self.store.insert(reply(author, await self.one(to)), claim=None)).id

    async def retweet(self, author: int, of: int) -> int:
        return (await self.store.insert(retweet(author, await self.one(of)), claim=None)).id

    async def one(self, tweet_id: int) -> Tweet:
        return (await self.store.load([tweet_id], viewer_id=0)).tweets[tweet_id]

    async def counted(self, tweet_id: int) -> tuple[int, int, int, int]:
        await self.settle()
        tweet = await self.one(tweet_id)
        return tweet.likes, tweet.retweets, tweet.replies, tweet.quotes

    async def author_counts(self, *authors: int) -> list[AuthorCounts]:
        await self.settle()
        return list(await self.store.author_counts(authors))

    async def happened(self) -> list[tuple[int, int]]:
        """Each event as (type, tweet)."""
        return [(each.event.type, each.event.entity_id) for each in await self.log.read(0, limit=10_000)]

    async def mentions(self, user_id: int) -> list[int]:
        return await self._index(Index.MENTIONS, user_id)

    async def tagged(self, tag: str) -> list[int]:
        return await self._index(Index.HASHTAG, hashtags.key(tag))

    async def _index(self, index: Index, owner: int | str) -> list[int]:
        places = await self.indices.places(index, owner, PageRequest(limit=100), since_id=0)
        return [place.tweet_id for place in places]

    async def ids_of(self, *authors: int, limit: int = 100, below: int = 2**63 - 1, above: int = 0) -> list[int]:
        page = PageRequest(limit=limit, below=below, above=above)
        rows = await self.store.entries(authors, page, no_replies=False, media_only=False)
        return [entry.id for entry in entries.unpack(rows)]


def original(author: int = ADA, content: str = "hello", *, mentions: Sequence[int] = ()) -> Draft:
    return Draft(
        author_id=author, kind=Kind.ORIGINAL, text=content, entities=_entities(content, mentions), language="en"
    )


def revision(content: str, *, mentions: Sequence[int] = ()) -> Revision:
    return Revision(text=content, entities=_entities(content, mentions), language="de")


def _entities(content: str, mentions: Sequence[int]) -> Entities:
    """What the text holds, and mentions of these people, 0 for a name that nobody has."""
    spans = [Span(text=f"user{user_id}", start=0, end=0, user_id=user_id) for user_id in mentions]
    return replace(text.read(content)[1], mentions=spans)


def quote(author: int, of: int) -> Draft:
    return Draft(author_id=author, kind=Kind.QUOTE, text="look", quote_id=of)


def reply(author: int, to: Tweet) -> Draft:
    return Draft(
        author_id=author,
        kind=Kind.REPLY,
        text="indeed",
        ref_id=to.id,
        ref_author_id=to.author_id,
        conversation_id=to.conversation_id,
    )


def retweet(author: int, of: Tweet) -> Draft:
    return Draft(
        author_id=author,
        kind=Kind.RETWEET,
        ref_id=of.id,
        ref_author_id=of.author_id,
        ref_is_reply=of.kind is Kind.REPLY,
        conversation_id=of.conversation_id,
    )


def claim(key: str, body: bytes = b"body") -> Claim:
    return Claim(caller="1", rpc="/tweet", key=key, body=body)
