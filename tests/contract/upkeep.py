"""The stores that keep others in order, under contract beside those that they look after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from tests.contract.stores import Stores
from tests.contract.tweets import ADA, BOB, CYD, quote
from tests.graph import stores as graph

from aviary.storage.sqlite.database import Database
from aviary.tweets.conversations.store import ConversationStore
from aviary.tweets.upkeep.store import OwnStore, RemovalStore
from aviary.upkeep.store import CounterStore, Drift, PersonalStore

TWEET_FILES = ("tweets", "retweets", "likes", "bookmarks", "votes", "drafts", "scheduled", "pins")
GRAPH_FILES = (
    *("following", "followers", "blocks", "mutes", "follow_requests_sent", "follow_requests_received"),
    *("lists", "followed_lists", "list_members"),
)


async def drifts(counters: CounterStore, *, limit: int = 3) -> list[Drift]:
    """Every counter that is wrong, recounted a few entities at a time."""
    found: list[Drift] = []
    for group in counters.groups:
        after: int | None = 0
        while after is not None:
            step = await counters.recount(group, after=after, limit=limit)
            found += step.drifts
            after = step.after
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

    async def drifts(self, *, limit: int = 3) -> list[Drift]:
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


async def tweets_looked_after(upkept: Upkept, file: Database) -> LookedAfter:
    stores, kept = upkept.stores, upkept.stores.tweets
    tweet, poll = await world(upkept)
    await kept.retweet(ADA, tweet)
    await kept.store.like(tweet, ADA, claim=None)
    await stores.engagement.bookmark(tweet, ADA, claim=None)
    await stores.engagement.pin(tweet, ADA, claim=None)
    for publish_ms in (0, stores.clock.now_ms() + 60_000):
        await stores.drafts.create(ADA, b"", publish_ms=publish_ms, source="web", most=9, claim=None)

    async def spoil() -> list[Drift]:
        statements = (
            f"UPDATE tweets SET likes = 5, retweets = -1, replies = 0, quotes = 7, bookmarks = 3 WHERE id = {tweet}",
            f"UPDATE authors SET tweets = 9, likes = 8 WHERE user_id = {ADA}",
            f"DELETE FROM authors WHERE user_id = {CYD}",
            f"UPDATE poll_options SET votes = 4 WHERE tweet_id = {poll} AND option = 0",
        )
        await file.write(lambda tx: [tx.execute(each) for each in statements])
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
    )


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

    async def spoil() -> list[Drift]:
        stores.execute("UPDATE accounts SET followers = followers + 2 WHERE user_id = ?", graph.BOB)
        stores.execute("UPDATE lists SET members = -1 WHERE id = ?", his)
        stores.execute("DELETE FROM accounts WHERE user_id = ?", graph.CYD)
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
    )
