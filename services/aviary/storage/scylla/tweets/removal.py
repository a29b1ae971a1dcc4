"""Removing tweets for good, and all that is kept about a person, on ScyllaDB."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aviary.errors import NotFound
from aviary.ids import MAX_ID
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla import counting
from aviary.storage.scylla.tables import Row
from aviary.storage.scylla.tweets import drafts, due, engagement, likes, polls, records, stances, writes
from aviary.storage.scylla.tweets.keys import SHARDS
from aviary.storage.scylla.tweets.listings import BY_AUTHOR, MENTIONS, QUOTES, REPLIES, RETWEETS, VOTES, Listing
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Marks
from aviary.storage.scylla.tweets.records import Stored
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets.drafts.store import Shelf
from aviary.tweets.store import HAS_POLL, Kind

_OF_TWEETS = (LIKES.by_tweet, BOOKMARKS.by_tweet, RETWEETS)
_OF_PEOPLE = (BY_AUTHOR, LIKES.by_user, BOOKMARKS.by_user, MENTIONS, VOTES)
_AUTHORS_COUNTS = ("tweets", "received")

_Step = Callable[[int, int], Awaitable[int]]


class ScyllaRemovalStore:
    """Keeps RemovalStore's promises.

    What is removed is found through a list, and leaves it last or in the same
    batch: a step that was interrupted finds the rest again. A step's rows go
    side by side, each in a write of its own.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables
        self._deleted = due.Reader(writer, due.DELETED)

    async def purge(self, before_ms: int, *, rows: int) -> int:
        removed = 0
        while removed < rows and (entries := await self._deleted.first(before_ms - 1, limit=rows - removed)):
            found = await records.stored(self._tables, [each.id for each in entries])
            for entry in entries:
                if removed >= rows:
                    break
                if entry.id in found:
                    removed += await self._remove(found[entry.id], rows - removed)
                # Also of a tweet that went with its author, or with what it retweeted.
                if not await records.stored(self._tables, [entry.id]):
                    await self._strike(entry)
        return removed

    async def erase(self, user_id: int, *, rows: int) -> int:
        self._writer.erased.add(user_id)
        removed = 0
        for step in self._erasure():
            removed += await step(user_id, rows - removed)
            if removed >= rows:
                return removed
        if not removed:
            await self._forget(user_id)
        return removed

    def _erasure(self) -> Sequence[_Step]:
        """Deleting comes before removing, so that what others see is gone first."""
        return (
            self._erase_tweets,
            self._erase_deleted_tweets,
            partial(self._erase_marks, LIKES, self._erase_like),
            partial(self._erase_marks, BOOKMARKS, self._erase_bookmark),
            self._erase_votes,
            self._erase_mentions,
            self._erase_pin,
            self._erase_drafts,
            self._erase_claims,
            self._erase_buckets,
        )

    async def _remove(self, tweet: Stored, rows: int) -> int:
        """Remove a deleted tweet and what hangs on it; its own row goes last, when nothing hangs on it any more."""
        removed = 0
        for step in (
            self._remove_retweets,
            partial(self._remove_marks, LIKES),
            partial(self._remove_marks, BOOKMARKS),
            self._remove_votes,
            self._remove_poll,
            self._remove_row,
        ):
            if removed < rows:
                removed += await step(tweet, rows - removed)
        return removed

    async def _remove_retweets(self, original: Stored, rows: int) -> int:
        found = await self._listed(RETWEETS, original.id, rows)
        await asyncio.gather(*(self._remove_retweet(original.id, row[0], row[1]) for row in found))
        return len(found)

    async def _remove_retweet(self, original_id: int, retweet_id: int, user_id: int) -> None:
        trace = traceparent()

        async def write(new: Write) -> None:
            new.takes_away()
            retweet = (await records.stored(self._tables, [retweet_id])).get(retweet_id)
            if retweet is not None:
                if not retweet.deleted_ms:
                    await writes.delete(self._tables, new, retweet, trace)
                # Both at one timestamp: of the two the removal stands.
                _remove_rows(new, retweet)
            await self._remove_relation(new, original_id, user_id, retweet_id)
            RETWEETS.remove(new, original_id, retweet_id)

        await self._writer.in_turn(writes.retweeting(original_id, user_id), write)

    async def _remove_relation(self, new: Write, original_id: int, user_id: int, retweet_id: int) -> None:
        """Take away what says that a person retweets, unless it speaks of another retweet that was made since."""
        if await writes.retweet_of(self._tables, new, original_id, user_id) in (0, retweet_id):
            stances.put(new, user_id, original_id, retweet_id=None)

    async def _remove_marks(self, kind: Marks, tweet: Stored, rows: int) -> int:
        async def remove(mark_id: int, user_id: int) -> None:
            async def write(new: Write) -> None:
                new.after((await kind.one(self._tables, user_id, tweet.id)).at_us)
                kind.erase(new, user_id, tweet.id, mark_id)

            await self._writer.commit(write)

        found = await self._listed(kind.by_tweet, tweet.id, rows)
        await asyncio.gather(*(remove(row[0], row[1]) for row in found))
        return len(found)

    async def _remove_votes(self, tweet: Stored, rows: int) -> int:
        if not tweet.flags & HAS_POLL:
            return 0

        async def write(new: Write) -> int:
            statement = "SELECT user_id FROM votes WHERE tweet_id = ? AND shard = ? LIMIT ?"
            shards = await self._tables.each(statement, [(tweet.id, shard, rows) for shard in range(SHARDS)])
            voters = [user_id for found in shards for (user_id,) in found][:rows]
            for user_id in voters:
                polls.remove_vote(new, tweet.id, user_id)
            return len(voters)

        return await self._writer.commit(write)

    async def _remove_poll(self, tweet: Stored, _rows: int) -> int:
        async def write(new: Write) -> int:
            row = await self._tables.one("SELECT ends_ms, writetime(closed) FROM polls WHERE tweet_id = ?", tweet.id)
            if row is None or row[0] is None:
                return 0
            new.after(row[1])
            due.POLLS.remove(new, row[0], tweet.id)
            new.remove("polls", tweet_id=tweet.id)
            return 1

        return await self._writer.in_turn(f"poll:{tweet.id}", write) if tweet.flags & HAS_POLL else 0

    async def _remove_row(self, tweet: Stored, _rows: int) -> int:
        async def write(new: Write) -> None:
            if tweet.kind is Kind.RETWEET:
                await self._remove_relation(new, tweet.ref_id, tweet.author_id, tweet.id)
            _remove_rows(new, tweet)

        kinds = await self._tables.rows("SELECT kind FROM counts WHERE entity = ?", tweet.id)
        await self._writer.commit(partial(_forget_counts, entity=tweet.id, kinds=[kind for (kind,) in kinds]))
        turns = writes.turn_of(tweet)
        await self._writer.in_turn(turns, write)
        return 1

    async def _strike(self, entry: due.Entry) -> None:
        async def write(new: Write) -> None:
            due.DELETED.remove(new, entry.due_ms, entry.id)

        await self._writer.commit(write)

    async def _erase_tweets(self, user_id: int, rows: int) -> int:
        found = await self._listed(BY_AUTHOR, user_id, rows, wanted=lambda row: not row[5])
        await asyncio.gather(*(self._delete(user_id, row[0]) for row in found))
        return len(found)

    async def _delete(self, author_id: int, tweet_id: int) -> None:
        trace = traceparent()
        tweet = (await records.stored(self._tables, [tweet_id])).get(tweet_id)

        async def write(new: Write) -> None:
            new.takes_away()
            now = (await records.stored(self._tables, [tweet_id])).get(tweet_id)
            if now is not None and not now.deleted_ms:
                await writes.delete(self._tables, new, now, trace)

        if tweet is None:
            await self._erase_strays(author_id, [tweet_id])
        else:
            await self._writer.in_turn(writes.turn_of(tweet), write)

    async def _erase_deleted_tweets(self, user_id: int, rows: int) -> int:
        found = await self._listed(BY_AUTHOR, user_id, rows)
        tweets = await records.stored(self._tables, [row[0] for row in found])
        removed = await self._erase_strays(user_id, [row[0] for row in found if row[0] not in tweets])
        for tweet in tweets.values():
            if removed < rows:
                removed += await self._remove(tweet, rows - removed)
        return removed

    async def _erase_strays(self, user_id: int, tweet_ids: Sequence[int]) -> int:
        """Remove from a person's list what came behind a removal; nothing else leads to it."""

        async def write(new: Write) -> None:
            for each in tweet_ids:
                BY_AUTHOR.remove(new, user_id, each)

        await self._writer.commit(write)
        return len(tweet_ids)

    async def _erase_marks(
        self, kind: Marks, end: Callable[[Write, int, int], Awaitable[None]], user_id: int, rows: int
    ) -> int:
        async def erase(mark_id: int, tweet_id: int) -> None:
            async def write(new: Write) -> None:
                new.takes_away()
                mark = await kind.one(self._tables, user_id, tweet_id)
                if mark.id and mark.id != mark_id:
                    # A place that another mark took at the same time; the truth goes with its own.
                    kind.by_user.remove(new, user_id, mark_id)
                    kind.by_tweet.remove(new, tweet_id, mark_id)
                    return
                await end(new, tweet_id, user_id)
                # What that put at the same timestamp goes as well: of the two the removal stands.
                new.after(mark.at_us)
                kind.erase(new, user_id, tweet_id, mark_id)

            await self._writer.commit(write)

        found = await self._listed(kind.by_user, user_id, rows)
        await asyncio.gather(*(erase(row[0], row[1]) for row in found))
        return len(found)

    async def _erase_like(self, write: Write, tweet_id: int, user_id: int) -> None:
        try:
            await likes.set_like(self._tables, write, tweet_id, user_id, traceparent(), active=False)
        except NotFound:
            # Likes of what was deleted count nowhere.
            return

    async def _erase_bookmark(self, write: Write, tweet_id: int, user_id: int) -> None:
        await engagement.end_bookmark(self._tables, write, tweet_id, user_id, traceparent())

    async def _erase_votes(self, user_id: int, rows: int) -> int:
        trace = traceparent()

        async def erase(tweet_id: int) -> None:
            async def write(new: Write) -> None:
                new.takes_away()
                polls.take_back(new, tweet_id, user_id, trace)

            await self._writer.in_turn(polls.voting(tweet_id, user_id), write)
            await self._writer.forget(polls.voting(tweet_id, user_id))

        found = await self._listed(VOTES, user_id, rows)
        await asyncio.gather(*(erase(row[0]) for row in found))
        return len(found)

    async def _erase_mentions(self, user_id: int, rows: int) -> int:
        async def write(new: Write) -> int:
            found = await self._listed(MENTIONS, user_id, rows)
            for tweet_id, _ in found:
                MENTIONS.remove(new, user_id, tweet_id)
                new.remove("mentions_by_tweet", tweet_id=tweet_id, user_id=user_id)
            return len(found)

        return await self._writer.commit(write)

    async def _erase_pin(self, user_id: int, _rows: int) -> int:
        async def write(new: Write) -> int:
            row = await self._tables.one("SELECT writetime(tweet_id) FROM pins WHERE user_id = ?", user_id)
            if row is not None:
                new.after(row[0])
                new.remove("pins", user_id=user_id)
            return int(row is not None)

        return await self._writer.in_turn(f"pin:{user_id}", write)

    async def _erase_drafts(self, user_id: int, rows: int) -> int:
        async def write(new: Write) -> int:
            found = [
                kept
                for shelf in Shelf
                for kept in await drafts.oldest(self._tables, user_id, shelf, after=0, limit=rows)
            ][:rows]
            for kept in found:
                await drafts.remove(self._tables, new, kept)
            return len(found)

        return await self._writer.in_turn(drafts.turns_of(user_id), write)

    async def _erase_claims(self, user_id: int, rows: int) -> int:
        async def write(new: Write) -> int:
            found = await self._tables.rows(
                "SELECT rpc, key FROM claims_by_caller WHERE caller = ? LIMIT ?", str(user_id), rows
            )
            for rpc, key in found:
                new.remove("claims", caller=str(user_id), rpc=rpc, key=key)
                new.remove("claims_by_caller", caller=str(user_id), rpc=rpc, key=key)
            return len(found)

        return await self._writer.commit(write)

    async def _erase_buckets(self, user_id: int, rows: int) -> int:
        """Remove what says where the person's rows were, and their turns."""
        removed = 0
        for listing in _OF_PEOPLE[:rows]:
            statement = "SELECT bucket FROM buckets WHERE list = ? AND owner = ? LIMIT 1"
            if await self._tables.one(statement, listing.table, str(user_id)):
                await self._writer.commit(partial(_remove_buckets, listings=[listing], owner=user_id))
                removed += 1
        return removed

    async def _forget(self, user_id: int) -> None:
        """Remove what tells only that somebody was there; also what was written since the last time."""
        await self._writer.forget(drafts.turns_of(user_id))
        await self._writer.forget(f"pin:{user_id}")
        await self._writer.commit(partial(_forget_counts, entity=user_id, kinds=_AUTHORS_COUNTS))

    async def _listed(
        self, listing: Listing, owner: int, rows: int, *, wanted: Callable[[Row], bool] = lambda _row: True
    ) -> Sequence[Row]:
        return await listing.first(self._tables, owner, below=MAX_ID, above=0, limit=rows, wanted=wanted, rising=True)


def _remove_rows(write: Write, tweet: Stored) -> None:
    """Remove a tweet's rows. That of its place in the conversation stays: what hangs below keeps its own."""
    write.after(tweet.at_us)
    write.remove("tweets", id=tweet.id)
    write.remove("edits", tweet_id=tweet.id)
    BY_AUTHOR.remove(write, tweet.author_id, tweet.id)
    if tweet.kind is Kind.REPLY:
        REPLIES.remove(write, tweet.ref_id, tweet.id)
    if tweet.kind is Kind.RETWEET:
        RETWEETS.remove(write, tweet.ref_id, tweet.id)
    if tweet.quote_id:
        QUOTES.remove(write, tweet.quote_id, tweet.id)
    if tweet.deleted_ms:
        due.DELETED.remove(write, tweet.deleted_ms, tweet.id)
    for listing in _OF_TWEETS:
        write.remove("buckets", list=listing.table, owner=str(tweet.id))


async def _remove_buckets(write: Write, *, listings: Sequence[Listing], owner: int) -> None:
    for listing in listings:
        write.remove("buckets", list=listing.table, owner=str(owner))


async def _forget_counts(write: Write, *, entity: int, kinds: Sequence[str]) -> None:
    counting.forget(write, entity, kinds)
