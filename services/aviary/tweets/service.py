"""The decisions about tweets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from aviary import _native, entries
from aviary.errors import AviaryError, Forbidden, no_tweet
from aviary.paging import Candidates, PageRequest
from aviary.rpc.call import Claim
from aviary.settings import Settings
from aviary.surfaces import Surface
from aviary.tweets import rules
from aviary.tweets.composing import Composer, People
from aviary.tweets.store import (
    AuthorCounts,
    Draft,
    EditRules,
    Kind,
    Loaded,
    ThreadWritten,
    Tweet,
    TweetStore,
    Written,
)
from aviary.tweets.submission import Submission
from aviary.tweets.visibility import Regard, Sight

_AUTHORS_A_QUERY = 100
_PEOPLE_A_READ = 5_000


class TweetService:
    """Creates, edits, deletes, likes and finds tweets."""

    def __init__(self, store: TweetStore, people: People, settings: Settings) -> None:
        self._store = store
        self._people = people
        self._composer = Composer(store, people, self.original)
        self._edit_rules = EditRules(window_ms=settings.edit_window_s * 1_000, limit=settings.edit_limit)

    async def create(
        self, author_id: int, submission: Submission, *, client: str | None, claim: Claim | None
    ) -> Written:
        """Publish a tweet."""
        try:
            draft = await self.prepare(author_id, submission, client=client)
        except AviaryError as error:
            return Written(await self._settled(claim, error), repeated=True)
        return await self._store.insert(draft, claim=claim)

    async def create_thread(
        self, author_id: int, submissions: Sequence[Submission], *, client: str | None, claim: Claim | None
    ) -> ThreadWritten:
        """Publish several tweets, each as a reply to the one before: all of them or none."""
        try:
            drafts = await self._composer.thread(author_id, submissions, client=client)
        except AviaryError as error:
            return ThreadWritten(await self._store.thread(await self._settled(claim, error)), repeated=True)
        return await self._store.insert_thread(drafts, claim=claim)

    async def prepare(self, author_id: int, submission: Submission, *, client: str | None) -> Draft:
        """Return the tweet as it would be stored now. Raises whatever `create` does."""
        return await self._composer.draft(author_id, submission, client=client)

    async def edit(self, author_id: int, tweet_id: int, content: str) -> bool:
        """Put another text in the place of a tweet's own; tell whether it was another."""
        revision = await self._composer.revision(content)
        try:
            return await self._store.edit(tweet_id, author_id, revision, self._edit_rules)
        except Forbidden:
            # As in `delete`.
            await self.original(author_id, tweet_id)
            raise

    async def history(self, viewer_id: int, tweet_id: int) -> Sequence[tuple[int, bytes]]:
        """Return every version of a tweet with its body, newest first."""
        original = await self.original(viewer_id, tweet_id)
        if not (versions := await self._store.history(original.id)):
            raise no_tweet(tweet_id)
        return versions

    async def retweet(self, user_id: int, tweet_id: int, *, client: str | None, claim: Claim | None) -> Written:
        try:
            draft = await self._retweet(user_id, tweet_id, client=client)
        except AviaryError as error:
            return Written(await self._settled(claim, error), repeated=True)
        return await self._store.insert(draft, claim=claim)

    async def undo_retweet(self, user_id: int, tweet_id: int) -> None:
        await self._store.undo_retweet((await self.original(user_id, tweet_id)).id, user_id)

    async def delete(self, user_id: int, tweet_id: int) -> None:
        try:
            await self._store.delete(tweet_id, user_id)
        except Forbidden:
            # What the caller may not see is not there for them; nobody can tell which.
            await self.original(user_id, tweet_id)
            raise

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
        return (await self._seen(viewer_id, tweet_id))[0]

    async def regard(self, viewer_id: int, tweets: Mapping[int, Tweet]) -> Regard:
        """Return how the viewer and the authors of `tweets` stand to each other."""
        return await self.stands(viewer_id, sorted({tweet.author_id for tweet in tweets.values()}))

    async def stands(self, viewer_id: int, user_ids: Sequence[int]) -> Regard:
        """Return how the viewer and some people stand to each other."""
        return await self._people.regard(viewer_id, user_ids)

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        return await self._store.load(ids, viewer_id=viewer_id)

    async def reply_candidates(self, tweet_id: int, page: PageRequest, below: int, count: int) -> Candidates:
        found = await self._store.reply_ids(tweet_id, replace(page, below=below, limit=count))
        return Candidates.stretch(found, of=count)

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

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: AbstractSet[int], *, viewer_id: int
    ) -> Sequence[int]:
        """Return for each original the earliest existing retweet by one of `author_ids` whose account stands.

        With a viewer, not 0, the author's tweets must be open to them too.
        """
        found = dict(zip(original_ids, await self._store.earliest_retweets(original_ids, author_ids), strict=True))
        authors = sorted({author for _, author in found.values() if author})
        if len(await self._open(viewer_id, authors)) < len(authors):
            # Of all authors at once: the next earliest one may be closed as well.
            still_open = await self._open(viewer_id, sorted(author_ids))
            again = [original for original, (_, author) in found.items() if author and author not in still_open]
            found |= zip(again, await self._store.earliest_retweets(again, still_open), strict=True)
        return [found[original][0] for original in original_ids]

    async def readable(self, viewer_id: int, author_ids: Sequence[int]) -> Sequence[int]:
        """Return those authors whose tweets are open to the viewer, in the order asked for."""
        regard = await self._people.regard(viewer_id, author_ids)
        return [author for author in author_ids if regard.reads(author)]

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        return await self._store.author_counts(user_ids)

    async def _retweet(self, user_id: int, tweet_id: int, *, client: str | None) -> Draft:
        original, regard = await self._seen(user_id, tweet_id)
        if original.author_id != user_id and regard.people[original.author_id].protected:
            raise Forbidden(f"tweet {original.id} is for its author's followers alone; it cannot be retweeted")
        return Draft(
            author_id=user_id,
            kind=Kind.RETWEET,
            ref_id=original.id,
            ref_author_id=original.author_id,
            ref_is_reply=original.kind is Kind.REPLY,
            conversation_id=original.conversation_id,
            source=rules.source(client),
        )

    async def _settled(self, claim: Claim | None, error: AviaryError) -> int:
        """Return what the claim was settled with; raise `error`, with which something new failed, when it wasn't.

        A repeat gets the first answer even when what it refers to is gone by
        now. Whoever finds all in order need not ask: the write looks anyway.
        """
        if claim is not None and (first := await self._store.settled(claim)) is not None:
            return first
        raise error

    async def _open(self, viewer_id: int, author_ids: Sequence[int]) -> AbstractSet[int]:
        """Return those whose accounts stand and, with a viewer, whose tweets are open to them; a read per 5,000."""
        found: set[int] = set()
        for start in range(0, len(author_ids), _PEOPLE_A_READ):
            some = author_ids[start : start + _PEOPLE_A_READ]
            regard = await self._people.regard(viewer_id, some)
            found.update(filter(regard.reads if viewer_id else regard.people.__contains__, some))
        return found

    async def _seen(self, viewer_id: int, tweet_id: int) -> tuple[Tweet, Regard]:
        tweets = (await self._store.load([tweet_id], viewer_id=0)).tweets
        regard = await self.regard(viewer_id, tweets)
        if not Sight(regard, tweets, Surface.ASKED).shows(tweet_id):
            raise no_tweet(tweet_id)
        tweet = tweets[tweet_id]
        return (tweets[tweet.ref_id] if tweet.kind is Kind.RETWEET else tweet), regard
