"""What removal promises on ScyllaDB beyond its port: a step may die anywhere, and nothing left names the person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
from tests.contract import tables
from tests.contract.stores import stores_in
from tests.contract.tables import WatchedTables
from tests.contract.tweets import BOB, claim, original, quote, revision
from tests.contract.upkeep import Upkept, upkept_in

from aviary.clock import Clock
from aviary.eventlog import Record
from aviary.events.v1.events_pb2 import EVENT_TYPE_USER_DELETED, Event
from aviary.storage.scylla.tables import Row, Statement
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Mark, Marks
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets.store import EditRules
from aviary.upkeep.worker import erasing

pytestmark = pytest.mark.cluster

# Nobody else's number is alike.
PERSON = 987_654_321
RULES = EditRules(window_ms=3_600_000, limit=5)
# What lives for some days and is then gone by itself, as the log is: events, and turns until their time is over.
EXPIRING = {"outbox", "turns"}
# Likewise rows that say that there is nothing any more: a vote that was taken back, who undid a like or a bookmark.
EXPIRING_ROWS = {"votes": "user_id, option", "counted": "member, value"}
NAMING = {
    *("bookmarks_by_tweet", "bookmarks_by_user", "buckets", "claims", "claims_by_caller", "counted", "counts", "diary"),
    *("drafts", "drafts_by_user", "likes_by_tweet", "likes_by_user", "mentions", "mentions_by_tweet", "pins"),
    *("retweets_by_tweet", "stances", "tweets", "tweets_by_author", "votes", "votes_by_user"),
}


class Died(Exception):
    """The process is gone."""


@pytest.fixture
async def keyspace(tables_address: str) -> AsyncIterator[WatchedTables]:
    async with tables.opened(tables_address, "tweets") as keyspace:
        yield keyspace


@pytest.fixture
async def writer(keyspace: WatchedTables, clock: Clock) -> AsyncIterator[Writer]:
    async with tables.writing(keyspace, clock) as writer:
        yield writer


@pytest.fixture
async def upkept(writer: Writer, clock: Clock) -> Upkept:
    return upkept_in(writer, stores_in(writer, clock))


def dies_at(writer: Writer, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer's process end before that batch, counted from now; none is sent after it."""
    send, sent = writer._send, 0

    async def send_until(statements: Sequence[Statement]) -> None:
        nonlocal sent
        sent += 1
        if sent >= batch:
            raise Died
        await send(statements)

    monkeypatch.setattr(writer, "_send", send_until)


async def one_of_everything(upkept: Upkept) -> list[int]:
    """What a person can do and be named in; return the tweets of others that it was done to."""
    stores = upkept.stores
    kept, engagement = stores.tweets, stores.engagement
    others = [await stores.poll("yes", "no", author=BOB), await kept.tweet(BOB, mentions=[PERSON])]
    poll, naming = others
    await kept.store.edit(naming, BOB, revision("no name any more"), RULES)
    await kept.tweet(BOB, mentions=[PERSON])
    for each in others:
        await kept.store.like(each, PERSON, claim=None)
        await engagement.bookmark(each, PERSON, claim=None)
        await kept.retweet(PERSON, each)
        await kept.reply(PERSON, each)
        await kept.store.insert(quote(PERSON, each), claim=None)
    await kept.store.unlike(naming, PERSON)
    await kept.store.undo_retweet(naming, PERSON)
    await engagement.remove_bookmark(naming, PERSON)
    await stores.polls.vote(poll, PERSON, 1, claim=replace(claim("vote"), caller=str(PERSON)))
    own = await kept.tweet(PERSON, "#tagged", mentions=[BOB])
    await kept.store.edit(own, PERSON, revision("#other"), RULES)
    await engagement.pin(own, PERSON, claim=None)
    for other in (BOB, 20):
        await kept.store.like(own, other, claim=None)
        await kept.retweet(other, own)
    asked = await stores.poll("a", "b", author=PERSON)
    await stores.polls.vote(asked, BOB, 0, claim=None)
    deleted = await kept.tweet(PERSON, "gone")
    await kept.store.delete(deleted, PERSON)
    for publish_ms in (0, stores.clock.now_ms() + 60_000):
        await stores.drafts.create(PERSON, b"", publish_ms=publish_ms, source="web", most=9, claim=None)
    await kept.store.insert(original(PERSON), claim=replace(claim("k"), caller=str(PERSON)))
    return others


async def naming(keyspace: WatchedTables, person: int) -> dict[str, list[Row]]:
    """The rows that hold a person's number, as a number or as text, by table; others' texts keep the names in them."""
    names = await keyspace.rows(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?", keyspace.keyspace
    )
    found = {name: await keyspace.run(f"SELECT * FROM {name}") for (name,) in names if name not in EXPIRING}
    return {
        name: rows
        for name, every in found.items()
        if (
            rows := [
                row for row in every if {person, str(person)} & {each for each in row if isinstance(each, int | str)}
            ]
        )
    }


async def all_expire(keyspace: WatchedTables) -> None:
    """What is left of the person lives for some days at most."""
    for table, columns in EXPIRING_ROWS.items():
        state = columns.split(", ")[1]
        for member, value, ttl_s in await keyspace.run(f"SELECT {columns}, ttl({state}) FROM {table}"):
            assert member != PERSON or (value <= 0 and ttl_s <= 7 * 86_400)


async def test_erasing_leaves_no_row_that_names_the_person(upkept: Upkept, keyspace: WatchedTables) -> None:
    others = await one_of_everything(upkept)
    await upkept.settle()
    assert set(await naming(keyspace, PERSON)) == NAMING
    await upkept.erase_all(PERSON)
    await upkept.settle()

    assert set(await naming(keyspace, PERSON)) == EXPIRING_ROWS.keys()
    await all_expire(keyspace)
    assert [await upkept.stores.tweets.counted(each) for each in others] == [(0, 0, 0, 0)] * 2
    assert await upkept.drifts() == []


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8, 13, 21, 34])
async def test_an_erasure_that_died_is_finished_by_the_next_process(
    upkept: Upkept, keyspace: WatchedTables, clock: Clock, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    others = await one_of_everything(upkept)
    await upkept.settle()
    async with tables.writing(keyspace, clock) as dead:
        dies_at(dead, batch, monkeypatch)
        with pytest.raises(Died):
            await upkept_in(dead, stores_in(dead, clock)).erase_all(PERSON, rows=3)

    await upkept.erase_all(PERSON)
    await upkept.settle()
    assert set(await naming(keyspace, PERSON)) <= EXPIRING_ROWS.keys()
    await all_expire(keyspace)
    assert [await upkept.stores.tweets.counted(each) for each in others] == [(0, 0, 0, 0)] * 2
    assert await upkept.drifts() == []


async def test_what_a_process_that_had_not_heard_of_it_wrote_is_erased_too(
    upkept: Upkept, keyspace: WatchedTables, clock: Clock
) -> None:
    looks = 0
    async with tables.writing(keyspace, clock) as unaware:
        late = replace(upkept, stores=stores_in(unaware, clock))

        async def erase(user_id: int) -> None:
            nonlocal looks
            looks += 1
            await upkept.erase_all(user_id)
            if looks == 1:
                await one_of_everything(late)

        what = erasing("erasure", erase, straggle_s=0.01)
        await what.handle(what.lanes[0], Record(1, Event(type=EVENT_TYPE_USER_DELETED, entity_id=PERSON)))

    await upkept.settle()
    assert looks == 2
    assert set(await naming(keyspace, PERSON)) <= EXPIRING_ROWS.keys()
    await all_expire(keyspace)
    assert await upkept.drifts() == []


@pytest.mark.parametrize("batch", [1, 2, 4, 7, 9])
async def test_a_purge_that_died_is_finished_by_the_next_process(
    upkept: Upkept, keyspace: WatchedTables, clock: Clock, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    stores = upkept.stores
    kept = stores.tweets
    tweet, standing = await stores.poll("yes", "no"), await kept.tweet(BOB)
    await stores.polls.vote(tweet, BOB, 0, claim=None)
    await kept.store.like(tweet, BOB, claim=None)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    retweet = await kept.retweet(BOB, tweet)
    await kept.store.delete(tweet, 1)
    async with tables.writing(keyspace, clock) as dead:
        dies_at(dead, batch, monkeypatch)
        with pytest.raises(Died):
            await upkept_in(dead, stores_in(dead, clock)).purge_all(rows=2)

    await upkept.purge_all()
    assert await upkept.exists(tweet, retweet, standing) == [False, False, True]
    lists = ("likes_by_tweet", "likes_by_user", "bookmarks_by_tweet", "bookmarks_by_user", "retweets_by_tweet")
    for table in ("stances", *lists, "votes", "votes_by_user", "polls", "diary"):
        assert await keyspace.run(f"SELECT * FROM {table}") == []
    assert await upkept.purge_all() == 0
    assert await upkept.drifts() == []


async def test_what_is_removed_of_a_stance_leaves_the_rest_and_the_last_of_it_leaves_nothing(
    upkept: Upkept, keyspace: WatchedTables, writer: Writer
) -> None:
    stores = upkept.stores
    kept, held = stores.tweets, "SELECT liked, bookmarked, retweet_id FROM stances"
    tweet = await kept.tweet()
    await kept.store.like(tweet, BOB, claim=None)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    await kept.retweet(BOB, tweet)
    await kept.store.undo_retweet(tweet, BOB)
    assert await keyspace.run(held) == [(True, True, 0)]

    await upkept.purge_all()
    assert await keyspace.run(held) == [(True, True, None)]
    for kind, left in ((LIKES, [(None, True, None)]), (BOOKMARKS, [])):
        await writer.commit(partial(_erase, kind, (await kind.one(keyspace, BOB, tweet)), tweet))
        assert await keyspace.run(held) == left
    # What comes later starts anew.
    assert await kept.store.like(tweet, BOB, claim=None)
    assert await keyspace.run(held) == [(True, None, None)]


async def _erase(kind: Marks, mark: Mark, tweet_id: int, write: Write) -> None:
    write.after(mark.at_us)
    kind.erase(write, BOB, tweet_id, mark.id)


async def test_what_was_purged_leaves_its_counts_behind_nowhere(upkept: Upkept, keyspace: WatchedTables) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet()
    await kept.store.like(tweet, BOB, claim=None)
    await kept.retweet(BOB, tweet)
    await upkept.settle()
    await kept.store.delete(tweet, 1)
    await upkept.purge_all()
    # The retweet's deletion is told only now.
    await upkept.settle()

    for table in ("counts", "counted"):
        assert tweet not in {entity for (entity,) in await keyspace.run(f"SELECT entity FROM {table}")}
