"""The decisions about tweets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Protocol

from aviary import _native, entries
from aviary.errors import Forbidden, NotFound
from aviary.paging import Candidates, PageRequest
from aviary.rpc.call import Claim
from aviary.tweets import text
from aviary.tweets.store import AuthorCounts, Draft, Entities, Kind, Loaded, Tweet, TweetStore, Written
from aviary.tweets.visibility import Regard, Sight, Surface

_AUTHORS_A_QUERY = 100


class People(Protocol):
    """What tweets ask of the users service."""

    async def resolve(self, usernames: Sequence[str]) -> Mapping[str, int]:
        """Return the ids of those names that exist, by lower-case name."""

    async def regard(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        """Return how the viewer, 0 for nobody, and those of `user_ids` whose accounts stand are to each other."""


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
            quoted = await self.original(author_id, quote_id)
            draft = replace(draft, kind=Kind.QUOTE, quote_id=quoted.id)
        if reply_to_id is not None:
            parent = await self.original(author_id, reply_to_id)
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
        original = await self.original(user_id, tweet_id)
        await self._must_be_public(user_id, original)
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
        await self._store.undo_retweet((await self.original(user_id, tweet_id)).id, user_id)

    async def delete(self, user_id: int, tweet_id: int) -> None:
        await self._store.delete(tweet_id, user_id)

    async def like(self, user_id: int, tweet_id: int, *, claim: Claim | None) -> Written:
        """Like a tweet; returns the original's id."""
        original = await self.original(user_id, tweet_id)
        changed = await self._store.like(original.id, user_id, claim=claim)
        return Written(original.id, repeated=not changed)

    async def unlike(self, user_id: int, tweet_id: int) -> int:
        original = await self.original(user_id, tweet_id)
        await self._store.unlike(original.id, user_id)
        return original.id

    async def original(self, viewer_id: int, tweet_id: int) -> Tweet:
        """Return the tweet that `tweet_id` names or, when it is a retweet, its original, if the viewer may see it."""
        tweets = (await self._store.load([tweet_id], viewer_id=0)).tweets
        regard = await self.regard(viewer_id, tweets)
        if not Sight(regard, tweets, Surface.ASKED).shows(tweet_id):
            raise NotFound(f"there is no tweet {tweet_id}")
        tweet = tweets[tweet_id]
        return tweets[tweet.ref_id] if tweet.kind is Kind.RETWEET else tweet

    async def regard(self, viewer_id: int, tweets: Mapping[int, Tweet]) -> Regard:
        """Return how the viewer and the authors of `tweets` stand to each other."""
        return await self._people.regard(viewer_id, sorted({tweet.author_id for tweet in tweets.values()}))

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
        """Return for each original the earliest existing retweet by one of `author_ids` whose account stands."""
        found = dict(zip(original_ids, await self._store.earliest_retweets(original_ids, author_ids), strict=True))
        while by_others := {original for original, (_, author) in found.items() if author}:
            authors = {found[original][1] for original in by_others}
            gone = authors - (await self._people.regard(0, sorted(authors))).people.keys()
            if not gone:
                break
            author_ids = author_ids - gone
            again = [original for original in by_others if found[original][1] in gone]
            found |= zip(again, await self._store.earliest_retweets(again, author_ids), strict=True)
        return [found[original][0] for original in original_ids]

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        return await self._store.author_counts(user_ids)

    async def _must_be_public(self, user_id: int, original: Tweet) -> None:
        author = (await self._people.regard(user_id, [original.author_id])).people.get(original.author_id)
        if author is not None and author.protected and original.author_id != user_id:
            raise Forbidden(f"tweet {original.id} is for its author's followers alone; it cannot be retweeted")

    async def _with_people(self, entities: Entities) -> Entities:
        if not entities.mentions:
            return entities
        ids = await self._people.resolve(sorted({mention.text for mention in entities.mentions}))
        return replace(
            entities,
            mentions=[replace(each, user_id=ids.get(each.text.lower(), 0)) for each in entities.mentions],
        )
