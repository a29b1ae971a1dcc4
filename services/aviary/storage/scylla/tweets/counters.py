"""The counters of tweets held against their relations, on ScyllaDB."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aviary.ids import MAX_ID
from aviary.storage.scylla.counting import PUT_TOTAL, Change, Counting, Counts, bucket_of, buckets, written_us
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.keys import SHARDS, shard_of
from aviary.storage.scylla.tweets.listings import BY_AUTHOR, QUOTES, REPLIES, RETWEETS, Listing
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Marks
from aviary.storage.scylla.tweets.records import Stored
from aviary.storage.scylla.writes import Writer
from aviary.tweets.store import Kind
from aviary.upkeep.store import Drift, Recount

_AT_ONCE = 500
# Counts follow the log: what is younger may not have come through it yet.
_SETTLED_S = 60
# A count is stored after its set, and an author's likes after their tweets'.
_MOMENT_S = 2.0
# Partitions are walked in the order of their tokens, which are passed on as numbers above 0.
_LOWEST = -(2**63)
_COUNTED = (
    "SELECT member, value, version, total FROM counted"
    " WHERE entity = ? AND kind = ? AND bucket = ? AND member > ? LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class _State:
    """What a member truly weighs, as of a version, and when that was written; 0 for what tells no time."""

    value: int = 0
    version: int = 0
    at_us: int = 0


# Of an entity and some members, their states in order.
_Truth = Callable[[Tables, int, Sequence[int]], Awaitable[Sequence[_State]]]
# Of an entity, all who may weigh something, some at a time.
_Members = Callable[[Tables, int], AsyncIterator[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class _Counter:
    """One counter: its column, what its count is called, who is counted, and what they weigh."""

    column: str
    kind: str
    members: _Members
    truth: _Truth
    option: int = 0


@dataclass(slots=True)
class _Held:
    """A counter as it is stored and as it should be, with what to put right."""

    stored: int = 0
    counted: int = 0
    wrong: list[Change] = field(default_factory=list)
    # Buckets whose sum is not that of their members, and what it should be.
    unsummed: dict[int, int] = field(default_factory=dict)


class ScyllaCounterStore:
    """Keeps CounterStore's promises.

    A member whose state was written since `settled_us` is taken as it is
    counted: its event may be on its way. What is stored later than its set is
    looked at twice. Entities come in the order of their partitions.
    """

    def __init__(
        self, writer: Writer, settled_us: Callable[[], int] | None = None, *, moment_s: float = _MOMENT_S
    ) -> None:
        self._tables = writer.tables
        self._news = writer.news
        self._counts = Counts(writer.tables)
        self._counting = Counting(writer.tables)
        self._settled_us = settled_us or _long_ago
        self._moment_s = moment_s

    @property
    def groups(self) -> Sequence[str]:
        return list(_GROUPS)

    async def recount(self, group: str, *, after: int, limit: int) -> Recount:
        walked = await self._walk(_GROUPS[group], after, limit)
        pairs = await _GROUPS[group].counters(self._tables, [row[1:] for row in walked])
        found = [await self._compare(group, counter, entity) for entity, counter in pairs]
        return Recount(
            len(pairs),
            [drift for drift in found if drift],
            walked[-1][0] - _LOWEST + 1 if len(walked) == limit else None,
        )

    async def repair(self, drift: Drift) -> bool:
        counter = _named(drift)
        held = await self._twice(counter, drift.entity_id)
        if held.stored == held.counted:
            return False
        # Above what is there, and below what the owner of the counter writes next.
        at_us = await written_us(self._tables, drift.entity_id, counter.kind) + 1
        for bucket, total in held.unsummed.items():
            await self._tables.rows(PUT_TOTAL, drift.entity_id, counter.kind, bucket, total, at_us)
        await self._counting.apply(held.wrong, at_us=at_us + 1)
        await self._counting.sum(drift.entity_id, counter.kind, at_us=at_us + 1)
        await self._news.counted([drift.entity_id])
        return True

    async def _walk(self, group: _Group, after: int, limit: int) -> list[Row]:
        """Return the next partitions: the token and the key of each."""
        walked = f"SELECT DISTINCT token({group.key}), {group.key} FROM {group.table}"
        if not after:
            return await self._tables.rows(f"{walked} LIMIT ?", limit)
        return await self._tables.rows(f"{walked} WHERE token({group.key}) > ? LIMIT ?", after + _LOWEST - 1, limit)

    async def _compare(self, group: str, counter: _Counter, entity: int) -> Drift | None:
        held = await self._twice(counter, entity)
        if held.stored == held.counted:
            return None
        return Drift(
            counter=f"{group}.{counter.column}",
            entity_id=entity,
            option=counter.option,
            stored=held.stored,
            counted=held.counted,
        )

    async def _twice(self, counter: _Counter, entity: int) -> _Held:
        """Look again a moment later when something differs, for it may be a count that was on its way."""
        first = await self._held(counter, entity)
        if first.stored == first.counted:
            return first
        await asyncio.sleep(self._moment_s)
        second = await self._held(counter, entity)
        if (first.stored, first.counted) != (second.stored, second.counted):
            # Both move: whatever is wrong shows when they rest.
            second.stored = second.counted
        return second

    async def _held(self, counter: _Counter, entity: int) -> _Held:
        """Hold what is counted against the truth, and the truth against what is counted, some members at a time."""
        held, settled_us = _Held(), self._settled_us()
        stored = (await self._counts.of([entity]))[entity].get(counter.kind)
        held.stored = stored or 0
        if stored is not None:
            places = [(entity, counter.kind, bucket) for bucket in buckets(counter.kind)]
            await asyncio.gather(*(self._counted(held, counter, each, settled_us) for each in places))
        async for members in counter.members(self._tables, entity):
            await self._missing(held, counter, entity, members, settled_us)
        return held

    async def _counted(self, held: _Held, counter: _Counter, place: tuple[int, str, int], settled_us: int) -> None:
        """Add up one bucket, and find those who weigh something else."""
        summed, totals, after, is_more = 0, set[int](), -1, True
        while is_more:
            rows = await self._tables.rows(_COUNTED, *place, after, _AT_ONCE)
            members = [row for row in rows if row[1]]
            summed += sum(value for _, value, _, _ in members)
            totals.update(total or 0 for *_, total in rows)
            truth = await counter.truth(self._tables, place[0], [member for member, *_ in members])
            for (member, value, version, _), state in zip(members, truth, strict=True):
                self._hold(held, Change(place[0], counter.kind, member, value, version), state, settled_us)
            is_more = len(rows) == _AT_ONCE
            after = rows[-1][0] if rows else after
        held.counted += summed
        # One that changed meanwhile is another time's.
        if len(totals) == 1 and totals != {summed}:
            held.unsummed[place[2]] = summed

    async def _missing(
        self, held: _Held, counter: _Counter, entity: int, members: Sequence[int], settled_us: int
    ) -> None:
        """Find those who are not counted and should be."""
        found = await self._tables.each(
            "SELECT value, version FROM counted WHERE entity = ? AND kind = ? AND bucket = ? AND member = ?",
            [(entity, counter.kind, bucket_of(counter.kind, each), each) for each in members],
        )
        left = [
            (member, (rows[0][1] or 0) if rows else 0)
            for member, rows in zip(members, found, strict=True)
            if not rows or not rows[0][0]
        ]
        truth = await counter.truth(self._tables, entity, [member for member, _ in left])
        for (member, version), state in zip(left, truth, strict=True):
            self._hold(held, Change(entity, counter.kind, member, 0, version), state, settled_us)

    def _hold(self, held: _Held, counted: Change, state: _State, settled_us: int) -> None:
        if state.value != counted.value and state.at_us < settled_us:
            version = max(counted.version, state.version)
            held.wrong.append(Change(counted.entity, counted.kind, counted.member, state.value, version))
            held.counted += state.value - counted.value


def _long_ago() -> int:
    return time.time_ns() // 1_000 - _SETTLED_S * 1_000_000


def _listed(listing: Listing, member: int) -> _Members:
    """Those who stand in a list, in that column of its rows."""

    async def members(tables: Tables, entity: int) -> AsyncIterator[Sequence[int]]:
        async for rows in listing.walk(tables, entity, below=MAX_ID, above=0, step=_AT_ONCE):
            yield [row[member] for row in rows]

    return members


def _marked(kind: Marks) -> _Truth:
    """Who marks a tweet."""

    async def truth(tables: Tables, entity: int, members: Sequence[int]) -> Sequence[_State]:
        marks = await asyncio.gather(*(kind.one(tables, each, entity) for each in members))
        return [_State(int(mark.active), mark.at_us, mark.at_us) for mark in marks]

    return truth


def _standing(refers: Callable[[Stored, int], bool]) -> _Truth:
    """Which tweets exist and refer to the entity."""

    async def truth(tables: Tables, entity: int, members: Sequence[int]) -> Sequence[_State]:
        found = await records.stored(tables, members)
        return [_of_tweet(found.get(each), lambda tweet: refers(tweet, entity)) for each in members]

    return truth


def _of_tweet(tweet: Stored | None, refers: Callable[[Stored], bool]) -> _State:
    if tweet is None:
        return _State()
    # As its events say: a deletion has the version after the last one.
    version = tweet.version + int(tweet.deleted_ms > 0)
    return _State(int(refers(tweet) and not tweet.deleted_ms), version, tweet.at_us)


async def _likes_of_tweets(tables: Tables, entity: int, members: Sequence[int]) -> Sequence[_State]:
    """What an author's tweets give them: the likes that each has."""
    found = await records.stored(tables, members)
    own = [each.id for each in found.values() if each.author_id == entity and not each.deleted_ms]
    likes = dict(zip(own, await asyncio.gather(*(_likes_of(tables, entity, each) for each in own)), strict=True))
    return [_State(likes.get(each, 0)) for each in members]


async def _likes_of(tables: Tables, author_id: int, tweet_id: int) -> int:
    """Return the likes of a tweet: as they were counted for its author, if the tweet has as many, else added up."""
    counts, given = await asyncio.gather(
        Counts(tables).of([tweet_id]),
        tables.one(
            "SELECT value FROM counted WHERE entity = ? AND kind = 'received' AND bucket = ? AND member = ?",
            *(author_id, bucket_of("received", tweet_id), tweet_id),
        ),
    )
    likes = counts[tweet_id].get("likes", 0)
    if given is not None and given[0] == likes:
        return likes
    sums = await tables.each(
        "SELECT total FROM counted WHERE entity = ? AND kind = 'likes' AND bucket = ? LIMIT 1",
        [(tweet_id, bucket) for bucket in buckets("likes")],
    )
    return sum(rows[0][0] or 0 for rows in sums if rows)


def _votes(option: int) -> _Counter:
    statement = "SELECT option, writetime(option) FROM votes WHERE tweet_id = ? AND shard = ? AND user_id = ?"

    async def members(tables: Tables, entity: int) -> AsyncIterator[Sequence[int]]:
        for shard in range(SHARDS):
            after = 0
            while rows := await tables.rows(
                "SELECT user_id, option FROM votes WHERE tweet_id = ? AND shard = ? AND user_id > ? LIMIT ?",
                *(entity, shard, after, _AT_ONCE),
            ):
                yield [user_id for user_id, chosen in rows if chosen == option]
                after = rows[-1][0]

    async def truth(tables: Tables, entity: int, members: Sequence[int]) -> Sequence[_State]:
        rows = await tables.each(statement, [(entity, shard_of(each), each) for each in members])
        return [_State(int(each[0][0] == option), each[0][1], each[0][1]) if each else _State() for each in rows]

    return _Counter("votes", f"votes:{option}", members, truth, option)


_OF_TWEETS = (
    _Counter("likes", "likes", _listed(LIKES.by_tweet, 1), _marked(LIKES)),
    _Counter(
        "retweets",
        "retweets",
        _listed(RETWEETS, 0),
        _standing(lambda tweet, entity: tweet.kind is Kind.RETWEET and tweet.ref_id == entity),
    ),
    _Counter(
        "replies",
        "replies",
        _listed(REPLIES, 0),
        _standing(lambda tweet, entity: tweet.kind is Kind.REPLY and tweet.ref_id == entity),
    ),
    _Counter("quotes", "quotes", _listed(QUOTES, 0), _standing(lambda tweet, entity: tweet.quote_id == entity)),
    _Counter("bookmarks", "bookmarks", _listed(BOOKMARKS.by_tweet, 1), _marked(BOOKMARKS)),
)
_OF_AUTHORS = (
    _Counter("tweets", "tweets", _listed(BY_AUTHOR, 0), _standing(lambda tweet, entity: tweet.author_id == entity)),
    _Counter("likes", "received", _listed(BY_AUTHOR, 0), _likes_of_tweets),
)

_Pairs = Sequence[tuple[int, _Counter]]


@dataclass(frozen=True, slots=True)
class _Group:
    """Counters that are recounted together: the partitions that lead to their entities, and those of each."""

    table: str
    key: str
    counters: Callable[[Tables, Sequence[Row]], Awaitable[_Pairs]]


async def _of_tweets(tables: Tables, rows: Sequence[Row]) -> _Pairs:
    existing = await records.exist(tables, [tweet_id for (tweet_id,) in rows])
    return [(tweet_id, counter) for (tweet_id,) in rows if tweet_id in existing for counter in _OF_TWEETS]


async def _of_authors(_tables: Tables, rows: Sequence[Row]) -> _Pairs:
    # Also those whose tweets are all gone: where they were is kept as long as the account.
    authors = [int(owner) for listed, owner in rows if listed == BY_AUTHOR.table]
    return [(author_id, counter) for author_id in authors for counter in _OF_AUTHORS]


async def _of_polls(tables: Tables, rows: Sequence[Row]) -> _Pairs:
    ids = [tweet_id for (tweet_id,) in rows]
    existing = await records.exist(tables, ids)
    polls = await tables.each("SELECT options FROM polls WHERE tweet_id = ?", [(each,) for each in ids])
    return [
        (tweet_id, _votes(option))
        for tweet_id, found in zip(ids, polls, strict=True)
        if tweet_id in existing and found
        for option in range(len(found[0][0] or ()))
    ]


_GROUPS: Mapping[str, _Group] = {
    "tweets": _Group("tweets", "id", _of_tweets),
    "authors": _Group("buckets", "list, owner", _of_authors),
    "poll_options": _Group("polls", "tweet_id", _of_polls),
}


def _named(drift: Drift) -> _Counter:
    group, _, column = drift.counter.partition(".")
    if group == "poll_options":
        return _votes(drift.option)
    (counter,) = [each for each in (_OF_TWEETS if group == "tweets" else _OF_AUTHORS) if each.column == column]
    return counter
