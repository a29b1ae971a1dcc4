"""The stores that keep others in order, under contract beside those that they look after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.contract.stores import Backing, Stores
from tests.contract.tweets import ADA, BOB, CYD, quote
from tests.graph import stores as graph

from aviary.storage.scylla.counting import bucket_of
from aviary.storage.scylla.tweets.conversations import ScyllaConversationStore
from aviary.storage.scylla.tweets.counters import ScyllaCounterStore
from aviary.storage.scylla.tweets.own import ScyllaOwnStore
from aviary.storage.scylla.tweets.removal import ScyllaRemovalStore
from aviary.storage.scylla.writes import Write, Writer
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.tweets.conversations import SqliteConversationStore
from aviary.storage.sqlite.tweets.counters import SqliteCounterStore
from aviary.storage.sqlite.tweets.own import SqliteOwnStore
from aviary.storage.sqlite.tweets.removal import SqliteRemovalStore
from aviary.tweets.conversations.store import ConversationStore
from aviary.tweets.upkeep.personal import TweetFiles
from aviary.tweets.upkeep.store import OwnStore, RemovalStore
from aviary.upkeep.store import CounterStore, Drift, PersonalStore

TWEET_FILES = ("tweets", "retweets", "likes", "bookmarks", "votes", "drafts", "scheduled", "pins")
GRAPH_FILES = (
    *("following", "followers", "blocks", "mutes", "follow_requests_sent", "follow_requests_received"),
    *("lists", "followed_lists", "list_members"),
)


# What takes longer to be written is too late for its call.
ON_ITS_WAY_US = 10_000_000


async def at_once() -> None:
    """Where counts change with what they count there is nothing to wait for."""


def nobody_waits() -> None:
    """Where counts change with what they count no write is on its way between the two."""


async def drifts(counters: CounterStore, *, limit: int = 3) -> list[Drift]:
    """Every counter that is wrong, recounted a few entities at a time; by group and entity."""
    found: list[Drift] = []
    for group in counters.groups:
        after: int | None = 0
        in_group: list[Drift] = []
        while after is not None:
            step = await counters.recount(group, after=after, limit=limit)
            in_group += step.drifts
            after = step.after
        found += sorted(in_group, key=lambda drift: (drift.entity_id, drift.option))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkept:
    """Tweets and what is kept beside them, and their upkeep."""

    stores: Stores
    conversations: ConversationStore
    removal: RemovalStore
    counters: CounterStore
    personal: PersonalStore
    own: OwnStore
    # Returns when what happened so far has been counted.
    settle: Callable[[], Awaitable[None]]
    # Says that writes are on their way from now on, so that what is settled is older.
    others_write: Callable[[], None] = nobody_waits
    # Of a poll with two options; where options stand in the poll's row they are none of their own.
    poll_rows: int = 3
    # Where counts follow the log, it tells that a vote was taken back.
    tells_of_votes: bool = False

    async def drifts(self, *, limit: int = 3) -> list[Drift]:
        await self.settle()
        return await drifts(self.counters, limit=limit)

    async def purge_all(self, *, rows: int = 100) -> int:
        """Remove every deleted tweet, and say in how many steps."""
        steps = 0
        while await self.removal.purge(self.stores.clock.now_ms() + 1, rows=rows):
            steps += 1
        return steps

    async def erase_all(self, user_id: int, *, rows: int = 100) -> int:
        steps = 0
        while await self.removal.erase(user_id, rows=rows):
            steps += 1
        return steps

    async def exists(self, *tweet_ids: int) -> list[bool]:
        """Which of the tweets have a row, deleted or not."""
        loaded = await self.stores.tweets.store.load(tweet_ids, viewer_id=0)
        return [each in loaded.tweets for each in tweet_ids]


def upkept_in(backing: Backing, stores: Stores) -> Upkept:
    return _in_file(backing, stores) if isinstance(backing, Database) else _in_tables(backing, stores)


def _in_file(file: Database, stores: Stores) -> Upkept:
    own = SqliteOwnStore(file)
    return Upkept(
        stores=stores,
        conversations=SqliteConversationStore(file),
        removal=SqliteRemovalStore(file),
        counters=SqliteCounterStore(file),
        personal=TweetFiles(own, stores.clock),
        own=own,
        settle=at_once,
    )


def _in_tables(writer: Writer, stores: Stores) -> Upkept:
    own, settled_us, on_its_way_us = ScyllaOwnStore(writer), 0, 0

    async def settle() -> None:
        nonlocal settled_us
        at_us = writer.times.next()
        await stores.tweets.settle()
        # Whatever was written before has been counted.
        settled_us = at_us - on_its_way_us

    def others_write() -> None:
        nonlocal on_its_way_us
        on_its_way_us = ON_ITS_WAY_US

    return Upkept(
        stores=stores,
        conversations=ScyllaConversationStore(writer),
        removal=ScyllaRemovalStore(writer),
        counters=ScyllaCounterStore(writer, lambda: settled_us, moment_s=0),
        personal=TweetFiles(own, stores.clock),
        own=own,
        settle=settle,
        others_write=others_write,
        poll_rows=1,
        tells_of_votes=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAfter:
    """A service's rows, which counters and files of a person are about."""

    counters: CounterStore
    personal: PersonalStore
    # The files of an export, and somebody with a row in each.
    files: Sequence[str]
    person: int
    # Makes counters wrong, and returns what is to be found then.
    spoil: Callable[[], Awaitable[list[Drift]]]
    # Moves the first of the counters that `spoil` makes wrong, and what it counts.
    move: Callable[[], Awaitable[object]]
    # Moves counters back and forth, a different few for each number.
    act: Callable[[int], Awaitable[object]]
    # Returns when what happened so far has been counted.
    settle: Callable[[], Awaitable[None]] = at_once
    # Says that writes are on their way from now on, so that what is settled is older.
    others_write: Callable[[], None] = nobody_waits
    # Which of the counters that `spoil` makes wrong are right after `move`: where counts are sums over sets, those
    # that follow from what moved are added up again.
    healed: Sequence[str] = ()
    # How often the counters are recounted while others write: where each look costs many round trips, less often.
    looks: int = 500
    # Drifts come by rising entity; where entities stand by a hash of their ids, in any order.
    in_order: bool = True

    async def drifts(self, *, limit: int = 3) -> list[Drift]:
        await self.settle()
        found = await drifts(self.counters, limit=limit)
        return found if self.in_order else sorted(found, key=lambda each: (each.counter, each.entity_id))


async def tweets_looked_after(upkept: Upkept, backing: Backing) -> LookedAfter:
    stores, kept = upkept.stores, upkept.stores.tweets
    tweet, poll = await world(upkept)
    await kept.retweet(ADA, tweet)
    await kept.store.like(tweet, ADA, claim=None)
    await stores.engagement.bookmark(tweet, ADA, claim=None)
    await stores.engagement.pin(tweet, ADA, claim=None)
    for publish_ms in (0, stores.clock.now_ms() + 60_000):
        await stores.drafts.create(ADA, b"", publish_ms=publish_ms, source="web", most=9, claim=None)

    async def spoil() -> list[Drift]:
        if isinstance(backing, Database):
            await _spoil_file(backing, tweet, poll)
        else:
            await upkept.settle()
            await _spoil_tables(backing, tweet, poll)
        return [
            Drift(counter="tweets.likes", entity_id=tweet, stored=5, counted=2),
            Drift(counter="tweets.retweets", entity_id=tweet, stored=-1, counted=2),
            Drift(counter="tweets.replies", entity_id=tweet, stored=0, counted=1),
            Drift(counter="tweets.quotes", entity_id=tweet, stored=7, counted=1),
            Drift(counter="tweets.bookmarks", entity_id=tweet, stored=3, counted=2),
            Drift(counter="authors.tweets", entity_id=ADA, stored=9, counted=2),
            Drift(counter="authors.likes", entity_id=ADA, stored=8, counted=2),
            Drift(counter="authors.tweets", entity_id=CYD, stored=0, counted=2),
            Drift(counter="poll_options.votes", entity_id=poll, option=0, stored=4, counted=0),
        ]

    async def act(user_id: int) -> None:
        for _ in range(2):
            await kept.store.like(tweet, user_id, claim=None)
            await kept.retweet(user_id, tweet)
            await kept.store.unlike(tweet, user_id)
            await kept.store.undo_retweet(tweet, user_id)

    return LookedAfter(
        counters=upkept.counters,
        personal=upkept.personal,
        files=TWEET_FILES,
        person=ADA,
        spoil=spoil,
        move=lambda: kept.store.like(tweet, CYD, claim=None),
        act=act,
        settle=upkept.settle,
        others_write=upkept.others_write,
        healed=() if isinstance(backing, Database) else ("authors.likes",),
        looks=500 if isinstance(backing, Database) else 4,
    )


async def _spoil_file(file: Database, tweet: int, poll: int) -> None:
    statements = (
        f"UPDATE tweets SET likes = 5, retweets = -1, replies = 0, quotes = 7, bookmarks = 3 WHERE id = {tweet}",
        f"UPDATE authors SET tweets = 9, likes = 8 WHERE user_id = {ADA}",
        f"DELETE FROM authors WHERE user_id = {CYD}",
        f"UPDATE poll_options SET votes = 4 WHERE tweet_id = {poll} AND option = 0",
    )
    await file.write(lambda tx: [tx.execute(each) for each in statements])


async def _spoil_tables(writer: Writer, tweet: int, poll: int) -> None:
    counts = {
        tweet: {"likes": 5, "retweets": -1, "replies": 0, "quotes": 7, "bookmarks": 3},
        ADA: {"tweets": 9, "received": 8},
        CYD: {"tweets": 0},
        poll: {"votes:0": 4},
    }

    async def put(write: Write) -> None:
        for entity, of in counts.items():
            for kind, n in of.items():
                write.put("counts", entity=entity, kind=kind, n=n)

    await writer.commit(put)


async def world(upkept: Upkept) -> tuple[int, int]:
    """A tweet of Ada's with one of everything on it, and a poll of Bob's with a vote."""
    stores = upkept.stores
    kept = stores.tweets
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await stores.engagement.bookmark(tweet, CYD, claim=None)
    await kept.retweet(BOB, tweet)
    await kept.reply(CYD, tweet)
    await kept.store.insert(quote(CYD, tweet), claim=None)
    poll = await stores.poll("yes", "no", author=BOB)
    await stores.polls.vote(poll, ADA, 1, claim=None)
    return tweet, poll


async def graph_looked_after(stores: graph.Stores) -> LookedAfter:
    _, his = await graph.fill(stores)
    follows = stores.graph
    await stores.settle()

    async def spoil() -> list[Drift]:
        if isinstance(stores, graph.ScyllaStores):
            return await _spoiled_tables(stores, his)
        await stores.execute("UPDATE accounts SET followers = followers + 2 WHERE user_id = ?", graph.BOB)
        await stores.execute("UPDATE lists SET members = -1 WHERE id = ?", his)
        await stores.execute("DELETE FROM accounts WHERE user_id = ?", graph.CYD)
        return [
            Drift(counter="accounts.followers", entity_id=graph.BOB, stored=3, counted=1),
            Drift(counter="accounts.followers", entity_id=graph.CYD, stored=0, counted=1),
            Drift(counter="lists.members", entity_id=his, stored=-1, counted=3),
        ]

    async def act(user_id: int) -> None:
        for turn in range(4):
            other = 10 + (user_id * 7 + turn) % 30
            if other != user_id:
                await follows.follow(user_id, other, protected=False, claim=None)
                await follows.unfollow(user_id, other)

    return LookedAfter(
        counters=stores.counters,
        personal=stores.personal,
        files=GRAPH_FILES,
        person=graph.ADA,
        spoil=spoil,
        move=lambda: follows.follow(graph.DAN, graph.BOB, protected=False, claim=None),
        act=act,
        settle=stores.settle,
        others_write=partial(setattr, stores, "on_its_way_us", ON_ITS_WAY_US),
        in_order=isinstance(stores, graph.SqliteStores),
        looks=500 if isinstance(stores, graph.SqliteStores) else 2,
    )


async def _spoiled_tables(stores: graph.ScyllaStores, list_id: int) -> list[Drift]:
    """Make counts wrong, and with one of them the set that it is the sum of."""
    put = "UPDATE counts SET n = {} WHERE entity = ? AND kind = '{}'"
    await stores.execute(put.format(3, "followers"), graph.BOB)
    await stores.execute(put.format(-1, "list_members"), list_id)
    await stores.execute(put.format(0, "followers"), graph.CYD)
    await stores.execute(put.format(3, "following"), graph.BOB)
    stranger, bucket = 77, bucket_of("following", 77)
    await stores.execute(
        "INSERT INTO counted (entity, kind, bucket, member, value, version, total)"
        " VALUES (?, 'following', ?, ?, 1, 1, 1)",
        *(graph.BOB, bucket, stranger),
    )
    return [
        Drift(counter="accounts.followers", entity_id=graph.BOB, stored=3, counted=1),
        Drift(counter="accounts.followers", entity_id=graph.CYD, stored=0, counted=1),
        Drift(counter="accounts.following", entity_id=graph.BOB, stored=3, counted=2),
        Drift(counter="lists.members", entity_id=list_id, stored=-1, counted=3),
    ]
