"""Tweets on ScyllaDB."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from aviary.errors import Unavailable
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.counting import Counts
from aviary.storage.scylla.locks import KeyedLocks
from aviary.storage.scylla.tweets import entries, records, retweets, writes
from aviary.storage.scylla.tweets.likes import set_like
from aviary.storage.scylla.tweets.listings import REPLIES
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets import encoding
from aviary.tweets.store import (
    AuthorCounts,
    Draft,
    EditRules,
    Kind,
    Loaded,
    Revision,
    ThreadWritten,
    Tweet,
    Written,
)

# As long as the keys.
_THREADS_KEPT_S = 86_400
# A batch becomes visible row by row.
_PAUSES_S = (0.01, 0.05, 0.25, 1.0)


class ScyllaTweetStore:
    """Keeps TweetStore's promises in one keyspace; counts follow the log."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        # Within a process a like is told apart from its repeat; across processes both may be told to be new.
        self._likes = KeyedLocks()

    async def settled(self, claim: Claim) -> int | None:
        return await self._writer.settled(claim)

    async def insert(self, draft: Draft, *, claim: Claim | None) -> Written:
        fixed, trace = encoding.fixed_part(draft), traceparent()
        if draft.kind is Kind.RETWEET:
            return await self._retweet(draft, fixed, claim, trace)

        made: Tweet | None = None

        async def write(new: Write) -> int:
            nonlocal made
            made = await writes.insert(self._tables, new, draft, fixed, trace)
            return made.id

        tweet_id, repeated = await self._writer.once(claim, write)
        is_whole = not repeated and not draft.quote_id and draft.poll is None
        return Written(tweet_id, repeated=repeated, tweet=made if is_whole else None)

    async def insert_thread(self, drafts: Sequence[Draft], *, claim: Claim | None) -> ThreadWritten:
        chain = [drafts[0], *(replace(draft, kind=Kind.REPLY) for draft in drafts[1:])]
        fixed, trace = [encoding.fixed_part(draft) for draft in chain], traceparent()
        made: Sequence[int] = ()

        async def write(new: Write) -> int:
            nonlocal made
            made = await writes.insert_thread(self._tables, new, chain, fixed, trace)
            if claim is not None:
                for place, each in enumerate(made):
                    new.put("threads", first_id=made[0], place=place, tweet_id=each, ttl_s=_THREADS_KEPT_S)
            return made[0]

        first, repeated = await self._writer.once(claim, write)
        return ThreadWritten(await self.thread(first) if repeated else made, repeated=repeated)

    async def thread(self, first_id: int) -> Sequence[int]:
        rows = await self._tables.rows("SELECT tweet_id FROM threads WHERE first_id = ?", first_id)
        return [each for (each,) in rows]

    async def edit(self, tweet_id: int, author_id: int, revision: Revision, rules: EditRules) -> bool:
        change = partial(
            writes.edit, self._tables, tweet_id=tweet_id, author_id=author_id, revision=revision, rules=rules
        )
        trace = traceparent()
        return await self._writer.in_turn(f"tweet:{tweet_id}", lambda write: change(write, trace=trace))

    async def history(self, tweet_id: int) -> Sequence[tuple[int, bytes]]:
        for pause in _PAUSES_S:
            tweet = (await records.stored(self._tables, [tweet_id])).get(tweet_id)
            if tweet is None or tweet.deleted_ms:
                return []
            rows = await self._tables.rows("SELECT version, body FROM edits WHERE tweet_id = ?", tweet_id)
            # A text that was replaced between the two reads is among both.
            earlier = [(version, body) for version, body in rows if version < tweet.version]
            if len(earlier) == tweet.version - 1:
                return [(tweet.version, tweet.body), *reversed(earlier)]
            await asyncio.sleep(pause)
        raise Unavailable(f"tweet {tweet_id} is being edited; repeat it", retry_after_s=1)

    async def delete(self, tweet_id: int, author_id: int) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            tweet = await writes.own(self._tables, tweet_id, author_id, deed="delete")
            await writes.delete(self._tables, new, tweet, trace)

        tweet = await writes.own(self._tables, tweet_id, author_id, deed="delete")
        await self._writer.in_turn(writes.turn_of(tweet), write)

    async def undo_retweet(self, original_id: int, user_id: int) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            existing = await writes.retweet_of(self._tables, new, original_id, user_id)
            if existing:
                tweet = await records.existing(self._tables, existing)
                await writes.delete(self._tables, new, tweet, trace)

        await self._writer.in_turn(writes.retweeting(original_id, user_id), write)

    async def like(self, tweet_id: int, user_id: int, *, claim: Claim | None) -> bool:
        return await self._set_like(tweet_id, user_id, claim, active=True)

    async def unlike(self, tweet_id: int, user_id: int) -> None:
        await self._set_like(tweet_id, user_id, None, active=False)

    async def load(self, ids: Sequence[int], *, viewer_id: int) -> Loaded:
        return await records.load(self._tables, ids, viewer_id)

    async def reply_ids(self, tweet_id: int, page: PageRequest) -> Sequence[int]:
        return await records.newest_ids(self._tables, REPLIES, tweet_id, page)

    async def entries(
        self, author_ids: Sequence[int], page: PageRequest, *, no_replies: bool, media_only: bool
    ) -> bytes:
        return entries.pack(
            await entries.newest(self._tables, author_ids, page, no_replies=no_replies, media_only=media_only)
        )

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: AbstractSet[int]
    ) -> Sequence[tuple[int, int]]:
        return await retweets.earliest(self._tables, original_ids, author_ids)

    async def author_counts(self, user_ids: Sequence[int]) -> Sequence[AuthorCounts]:
        counts = await Counts(self._tables).of(user_ids)
        return [AuthorCounts(counts[each].get("tweets", 0), counts[each].get("received", 0)) for each in user_ids]

    async def _retweet(self, draft: Draft, fixed: bytes, claim: Claim | None, trace: str) -> Written:
        """Insert a retweet in a turn of the person and the original.

        It is a tweet that others see, so two of them, made at the same time in
        two processes, would be a double post which no later look at one of
        them shows; a turn costs what the loser's repair would.
        """
        existing = 0

        async def write(new: Write) -> int:
            nonlocal existing
            existing = await writes.retweet_of(self._tables, new, draft.ref_id, draft.author_id)
            # The key is settled also with a retweet that was there, or its repeat would make one after an undo.
            return existing or (await writes.insert(self._tables, new, draft, fixed, trace)).id

        turns = writes.retweeting(draft.ref_id, draft.author_id)
        tweet_id, repeated = await self._writer.once_in_turn(turns, claim, write)
        return Written(tweet_id, repeated=repeated or tweet_id == existing)

    async def _set_like(self, tweet_id: int, user_id: int, claim: Claim | None, *, active: bool) -> bool:
        trace = traceparent()

        async def write(new: Write) -> bool:
            return await set_like(self._tables, new, tweet_id, user_id, trace, active=active)

        async with self._likes.hold((user_id, tweet_id)):
            return await self._writer.changes(claim, write)
