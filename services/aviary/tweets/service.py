"""The decisions about tweets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from aviary import _native, entries
from aviary.errors import NotFound
from aviary.paging import Candidates, PageRequest
from aviary.rpc.call import Claim
from aviary.tweets import text
from aviary.tweets.store import AuthorCounts, Draft, Entities, Kind, Loaded, Tweet, TweetStore, Written
from aviary.tweets.visibility import is_visible

_AUTHORS_A_QUERY = 100


class People(Protocol):
    """What tweets ask of the users service."""

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those names that exist, by lower-case name."""

    async def standing(self, user_ids: Sequence[int]) -> AbstractSet[int]:
        """Return those of `user_ids` whose accounts exist and may be seen."""


class TweetService:
    """Creates, deletes, likes and finds tweets."""

    def __init__(self, store: TweetStore, people: People) -> None:
        self._store = store
        self._people = people

    async def create(
        self, author_id: int, content: str, *, reply_to_id: int | None, quote_id: int | None, claim: Claim | None
    ) -> Written:
        """Publish a tweet. `reply_to_id` and `quote_id` may name a retweet, which stands for its original."""
        # A repeat gets the first answer even when what it refers to is gone by now.
        if claim is not None and (first := await self._store.settled(claim)) is not None:
            return Written(first, repeated=True)
        kept, entities = text.read(content)
        draft = Draft(author_id=author_id, kind=Kind.ORIGINAL, text=kept, entities=await self._with_people(entities))
        if quote_id is not None:
            quoted = await self.original(quote_id)
            draft = replace(draft, kind=Kind.QUOTE, quote_id=quoted.id)
        if reply_to_id is not None:
            parent = await self.original(reply_to_id)
            draft = replace(
                draft,
                kind=Kind.REPLY,
                ref_id=parent.id,
                ref_author_id=parent.author_id,
                conversation_id=parent.conversation_id,
            )
        return await self._store.insert(draft, claim=claim)

    async def retweet(self, user_id: int, tweet_id: int, *, claim: Claim | None) -> Written:
        if claim is not None and (first := await self._store.settled(claim)) is not None:
            return Written(first, repeated=True)
        original = await self.original(tweet_id)
        draft = Draft(
            author_id=user_id,
            kind=Kind.RETWEET,
            ref_id=original.id,
            ref_author_id=original.author_id,
            ref_is_reply=original.kind is Kind.REPLY,
            conversation_id=original.conversation_id,
        )
        return await self._store.insert(draft, claim=claim)

    async def undo_retweet(self, user_id: int, tweet_id: int) -> None:
        await self._store.undo_retweet((await self.original(tweet_id)).id, user_id)

    async def delete(self, user_id: int, tweet_id: int) -> None:
        await self._store.delete(tweet_id, user_id)

    async def like(self, user_id: int, tweet_id: int, *, claim: Claim | None) -> Written:
        """Like a tweet; returns the original's id."""
        original = await self.original(tweet_id)
        changed = await self._store.like(original.id, user_id, claim=claim)
        return Written(original.id, repeated=not changed)

    async def unlike(self, user_id: int, tweet_id: int) -> int:
        original = await self.original(tweet_id)
        await self._store.unlike(original.id, user_id)
        return original.id

    async def original(self, tweet_id: int) -> Tweet:
        """Return the visible tweet that `tweet_id` names or, when it is a retweet, its original."""
        loaded = await self._store.load([tweet_id], viewer_id=0)
        tweets = loaded.tweets
        standing = await self._people.standing(sorted({tweet.author_id for tweet in tweets.values()}))
        tweet = tweets.get(tweet_id)
        if tweet is None or not is_visible(tweet, tweets=tweets, standing_authors=standing):
            raise NotFound(f"there is no tweet {tweet_id}")
        return tweets[tweet.ref_id] if tweet.kind is Kind.RETWEET else tweet

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        return await self._store.load(ids, viewer_id=viewer_id)

    async def reply_candidates(self, tweet_id: int, page: PageRequest, below: int, count: int) -> Candidates:
        found = await self._store.reply_ids(tweet_id, replace(page, below=below, limit=count))
        return Candidates(found, found[-1] if len(found) == count else None)

    async def entries(
        self, author_ids: Sequence[int], page: PageRequest, *, no_replies: bool, media_only: bool
    ) -> bytes:
        """Merge the newest tweets of many authors; one query per 100 of them."""
        # Twice the same author would fill the page with repeats, and a page that isn't full counts as the end.
        author_ids = list(dict.fromkeys(author_ids))
        merged = b""
        for start in range(0, len(author_ids), _AUTHORS_A_QUERY):
            some = author_ids[start : start + _AUTHORS_A_QUERY]
            rows = await self._store.entries(some, page, no_replies=no_replies, media_only=media_only)
            merged = _native.merge_rows([merged, rows], below=page.below, above=page.above, limit=page.limit)
            # Once the page is full, only what is newer than its last row matters.
            if len(merged) == page.limit * entries.ROW_BYTES:
                page = replace(page, above=max(page.above, entries.last_id(merged) - 1))
        return merged

    async def earliest_retweets(self, original_ids: Sequence[int], author_ids: AbstractSet[int]) -> Sequence[int]:
        return await self._store.earliest_retweets(original_ids, author_ids)

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        return await self._store.author_counts(user_ids)

    async def _with_people(self, entities: Entities) -> Entities:
        if not entities.mentions:
            return entities
        ids = await self._people.resolve(sorted({mention.text for mention in entities.mentions}))
        return replace(
            entities,
            mentions=[replace(each, user_id=ids.get(each.text.lower(), 0)) for each in entities.mentions],
        )
