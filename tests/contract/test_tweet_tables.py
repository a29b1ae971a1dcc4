"""What tweets on ScyllaDB promise beyond their ports: what a call costs, two processes at once, and their deaths."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from tests.contract import tables
from tests.contract.stores import Counter, Stores, stores_in
from tests.contract.tables import OutboxLog, WatchedTables
from tests.contract.tweets import ADA, BOB, CYD, Kept, claim, original, quote, reply, retweet, revision

from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock
from aviary.errors import FailedPrecondition, NotFound, Unavailable
from aviary.eventlog import Record
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.storage.scylla.counting import Change, Counting
from aviary.storage.scylla.tables import Statement
from aviary.storage.scylla.times import Timestamps
from aviary.storage.scylla.tweets.conversations import ScyllaConversationStore
from aviary.storage.scylla.tweets.counting import changes_of
from aviary.storage.scylla.writes import Writer
from aviary.surfaces import Index
from aviary.tweets.store import AuthorCounts, EditRules, Kind, Written

pytestmark = pytest.mark.cluster

RULES = EditRules(window_ms=3_600_000, limit=5)
MONTH_MS = 30 * 86_400_000
READ_ALL = PageRequest(limit=100)


@dataclass(frozen=True, slots=True)
class Process:
    """One of those that write to the same keyspace."""

    writer: Writer
    stores: Stores

    @property
    def kept(self) -> Kept:
        return self.stores.tweets

    def dies_before_its_batch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def die(_statements: Sequence[Statement]) -> None:
            raise Died

        monkeypatch.setattr(self.writer, "_send", die)


class FastClock(Timestamps):
    """Timestamps of a process whose clock is an hour ahead."""

    def next(self, after: int = 0) -> int:
        return super().next(max(after, time.time_ns() // 1_000 + 3_600_000_000))


class Died(Exception):
    """The process is gone."""


@pytest.fixture
async def keyspace(tables_address: str) -> AsyncIterator[WatchedTables]:
    async with tables.opened(tables_address, "tweets") as keyspace:
        yield keyspace


@asynccontextmanager
async def process(keyspace: WatchedTables, clock: Clock) -> AsyncIterator[Process]:
    async with tables.writing(keyspace, clock) as writer:
        yield Process(writer, stores_in(writer, clock))


@pytest.fixture
async def one(keyspace: WatchedTables, clock: Clock) -> AsyncIterator[Process]:
    async with process(keyspace, clock) as made:
        yield made


@pytest.fixture
async def other(keyspace: WatchedTables, clock: Clock) -> AsyncIterator[Process]:
    async with process(keyspace, clock) as made:
        yield made


@asynccontextmanager
async def round_trips(keyspace: WatchedTables, count: int) -> AsyncIterator[None]:
    """Hold what happens inside against the number of statements that it may send."""
    before = keyspace.round_trips
    yield
    assert keyspace.round_trips - before == count


async def partitions(keyspace: WatchedTables, table: str, key: str) -> int:
    return len(await keyspace.run(f"SELECT DISTINCT {key} FROM {table}"))


async def test_a_post_costs_one_round_trip_and_with_a_key_two(keyspace: WatchedTables, one: Process) -> None:
    text = "hello #one #two"
    await one.kept.tweet(ADA, text, mentions=(BOB,))
    async with round_trips(keyspace, 1):
        await one.kept.tweet(ADA, text, mentions=(BOB, CYD))
    async with round_trips(keyspace, 2):
        await one.kept.store.insert(original(ADA, text), claim=claim("k"))
    async with round_trips(keyspace, 2):
        await one.kept.store.insert_thread([original(), original(), original()], claim=claim("thread"))


async def test_a_reply_and_a_quote_cost_one_look_more(keyspace: WatchedTables, one: Process) -> None:
    parent, quoted = await one.kept.one(await one.kept.tweet(ADA)), await one.kept.tweet(BOB)
    both = replace(reply(CYD, parent), quote_id=quoted)
    async with round_trips(keyspace, 2):
        await one.kept.store.insert(both, claim=None)
    async with round_trips(keyspace, 3):
        await one.kept.store.insert(both, claim=claim("k"))


async def test_a_like_costs_two_looks_at_once_and_one_write(keyspace: WatchedTables, one: Process) -> None:
    tweet = await one.kept.tweet(ADA)
    async with round_trips(keyspace, 3):
        await one.kept.store.like(tweet, BOB, claim=None)
    async with round_trips(keyspace, 3):
        await one.kept.store.unlike(tweet, BOB)


async def test_loading_costs_the_same_whatever_is_asked_for(keyspace: WatchedTables, one: Process) -> None:
    made = [await one.kept.tweet(ADA) for _ in range(3)]
    quoting = [(await one.kept.store.insert(quote(BOB, each), claim=None)).id for each in made]
    again = [await one.kept.retweet(CYD, each) for each in quoting]
    for some in (again[:1], again):
        async with round_trips(keyspace, 5):
            loaded = await one.kept.store.load(some, viewer_id=ADA)
        assert len(loaded.tweets) == 3 * len(some)


async def test_what_the_viewer_did_with_a_page_is_asked_in_one_statement(
    keyspace: WatchedTables, one: Process, clock: Clock
) -> None:
    made: list[int] = []
    for _ in range(4):
        made.append(await one.kept.tweet(ADA))
        clock.advance(MONTH_MS)
    liked, again, marked, all_three = made
    for each in (liked, all_three):
        await one.kept.store.like(each, BOB, claim=None)
    for each in (again, all_three):
        await one.kept.retweet(BOB, each)
    for each in (marked, all_three):
        await one.stores.engagement.bookmark(each, BOB, claim=None)
    assert await partitions(keyspace, "stances", "user_id, month") == 4

    for viewer, statements in ((0, 2), (BOB, 3), (CYD, 3)):
        async with round_trips(keyspace, statements):
            loaded = await one.kept.store.load(made, viewer_id=viewer)
        is_bob = viewer == BOB
        assert loaded.liked == ({liked, all_three} if is_bob else set())
        assert loaded.retweeted == ({again, all_three} if is_bob else set())
        assert loaded.bookmarked == ({marked, all_three} if is_bob else set())


async def test_taking_back_one_kind_of_stance_leaves_the_others(one: Process) -> None:
    tweet = await one.kept.tweet(ADA)

    async def stance() -> tuple[bool, bool, bool]:
        loaded = await one.kept.store.load([tweet], viewer_id=BOB)
        return tweet in loaded.liked, tweet in loaded.retweeted, tweet in loaded.bookmarked

    await one.kept.retweet(BOB, tweet)
    assert await stance() == (False, True, False)
    await one.kept.store.like(tweet, BOB, claim=None)
    await one.stores.engagement.bookmark(tweet, BOB, claim=None)
    assert await stance() == (True, True, True)
    await one.kept.store.unlike(tweet, BOB)
    assert await stance() == (False, True, True)
    await one.kept.store.undo_retweet(tweet, BOB)
    assert await stance() == (False, False, True)
    await one.kept.store.like(tweet, BOB, claim=None)
    await one.stores.engagement.remove_bookmark(tweet, BOB)
    assert await stance() == (True, False, False)


async def test_entries_of_a_hundred_authors_cost_two_round_trips(keyspace: WatchedTables, one: Process) -> None:
    for _ in range(3):
        await asyncio.gather(*(one.kept.tweet(author) for author in range(1, 101)))
    async with round_trips(keyspace, 2):
        assert len(await one.kept.ids_of(*range(1, 101), limit=100)) == 100


async def test_an_author_who_wrote_most_of_a_page_is_read_on(one: Process) -> None:
    many = [await one.kept.tweet(ADA) for _ in range(60)]
    others = [await one.kept.tweet(author) for author in range(10, 60)]
    late = [await one.kept.tweet(BOB) for _ in range(15)]
    made = sorted([*many, *others, *late], reverse=True)

    for limit in (10, 40, 100, 200):
        assert await one.kept.ids_of(ADA, BOB, *range(10, 60), limit=limit) == made[:limit]
    assert await one.kept.ids_of(ADA, BOB, limit=50, below=many[55]) == many[54:4:-1]


async def test_what_was_written_over_years_is_read_as_one_list(
    keyspace: WatchedTables, one: Process, clock: Clock
) -> None:
    made: list[int] = []
    for months in (0, 1, 1, 13, 0, 40):
        clock.advance(months * MONTH_MS)
        made += [await one.kept.tweet(ADA, "hello #world", mentions=(BOB,)) for _ in range(3)]
        await one.kept.store.like(made[0], len(made), claim=None)
        await one.kept.store.like(made[-1], BOB, claim=None)
    newest_first = made[::-1]

    assert await partitions(keyspace, "tweets_by_author", "author_id, bucket") == 5
    assert await partitions(keyspace, "likes_by_tweet", "tweet_id, bucket") >= 5
    assert await one.kept.ids_of(ADA) == newest_first
    assert await one.kept.ids_of(ADA, limit=4, below=made[9], above=made[1]) == made[8:4:-1]
    for index, owner, expected in (
        (Index.MENTIONS, BOB, newest_first),
        (Index.HASHTAG, "world", newest_first),
        (Index.LIKES, BOB, [made[place] for place in (17, 14, 11, 8, 5, 2)]),
    ):
        below, walked = MAX_ID, list[int]()
        while some := await one.stores.indices.places(index, owner, PageRequest(limit=2, below=below), since_id=0):
            walked += [each.tweet_id for each in some]
            below = some[-1].position
        assert walked == expected
    likers = await one.stores.engagement.likers(made[0], READ_ALL)
    assert [each.user_id for each in likers] == [18, 15, 12, 9, 6, 3]


async def test_the_earliest_retweet_is_looked_for_from_the_first_bucket_on(one: Process, clock: Clock) -> None:
    tweet = await one.kept.tweet(ADA)
    made = []
    for person in (10, 11, 12):
        made.append(await one.kept.retweet(person, tweet))
        clock.advance(MONTH_MS)

    assert await one.kept.store.earliest_retweets([tweet], frozenset({11, 12})) == [(made[1], 11)]
    await one.kept.store.undo_retweet(tweet, 11)
    assert await one.kept.store.earliest_retweets([tweet], frozenset({11, 12})) == [(made[2], 12)]


async def test_the_earliest_retweets_of_many_are_two_statements(one: Process, clock: Clock) -> None:
    without, lately, twice, often, long = [await one.kept.tweet(ADA) for _ in range(5)]
    expected = {without: (0, 0)}
    for person in range(100, 170):
        await one.kept.retweet(person, often)
    expected[lately] = (await one.kept.retweet(10, lately), 10)
    expected[often] = (await one.kept.retweet(10, often), 10)
    expected[long] = (await one.kept.retweet(11, long), 11)
    await one.kept.retweet(12, twice)
    for _ in range(6):
        clock.advance(MONTH_MS)
        await one.kept.retweet(100 + clock.now_ms() % 1_000_000, long)
    expected[twice] = (await one.kept.retweet(11, twice), 11)
    await one.kept.retweet(10, long)
    mine = frozenset({10, 11})

    before = one.writer.tables.round_trips
    asked = [without, lately, twice]
    assert await one.kept.store.earliest_retweets(asked, mine) == [expected[each] for each in asked]
    assert one.writer.tables.round_trips == before + 2
    # Of one there are many in a bucket, of the other there are many buckets.
    asked = [long, lately, often, without, twice]
    assert await one.kept.store.earliest_retweets(asked, mine) == [expected[each] for each in asked]
    assert await one.kept.store.earliest_retweets([], mine) == []


async def test_a_conversation_is_read_deeper_than_one_row_tells(one: Process, clock: Clock) -> None:
    conversations = ScyllaConversationStore(one.writer)
    made = [await one.kept.tweet(ADA)]
    while len(made) < 80:
        made.append(await one.kept.reply(ADA, made[-1]))
        clock.advance(3_600_000)
    elsewhere = await one.kept.reply(BOB, made[0])

    deepest = await one.kept.one(made[-1])
    assert await conversations.ancestors(deepest, limit=100) == made[-2::-1]
    assert await conversations.ancestors(deepest, limit=50) == made[-2:-52:-1]
    for place in (1, 5, 40):
        found = await conversations.descendants(await one.kept.one(made[place]), PageRequest(limit=100))
        assert list(found.ids) == made[:place:-1]
    found = await conversations.descendants(await one.kept.one(made[0]), PageRequest(limit=100))
    assert list(found.ids) == [elsewhere, *made[:0:-1]]


async def test_a_thread_lives_as_long_as_its_key(keyspace: WatchedTables, one: Process) -> None:
    await one.kept.store.insert_thread([original(), original()], claim=claim("k"))

    assert await keyspace.run("SELECT TTL(body) FROM claims") == [(pytest.approx(86_400, abs=60),)]
    assert await keyspace.run("SELECT TTL(tweet_id) FROM threads") == [(pytest.approx(86_400, abs=60),)] * 2


async def test_of_retweets_in_two_processes_there_is_one(one: Process, other: Process) -> None:
    tweet = await one.kept.one(await one.kept.tweet(ADA))
    made = await asyncio.gather(*(each.kept.store.insert(retweet(BOB, tweet), claim=None) for each in [one, other] * 5))

    assert len({each.id for each in made}) == 1
    assert [each.repeated for each in made].count(False) == 1
    assert await one.kept.ids_of(BOB) == [made[0].id]
    assert await one.kept.counted(tweet.id) == (0, 1, 0, 0)


async def test_only_so_many_edits_are_made_from_two_processes(one: Process, other: Process) -> None:
    tweet = await one.kept.tweet(ADA)
    outcomes = await asyncio.gather(
        *(
            each.kept.store.edit(tweet, ADA, revision(f"text {number}"), RULES)
            for number, each in enumerate([one, other] * 5)
        ),
        return_exceptions=True,
    )

    assert outcomes.count(True) == 5
    assert all(isinstance(each, FailedPrecondition) for each in outcomes if each is not True)
    assert [version for version, _ in await other.kept.store.history(tweet)] == [6, 5, 4, 3, 2, 1]


async def test_an_edit_and_a_deletion_at_once_leave_nothing_of_what_was_named(
    keyspace: WatchedTables, one: Process, other: Process
) -> None:
    for number in range(5):
        tweet = await one.kept.tweet(ADA, "hello #one", mentions=(BOB,))
        await asyncio.gather(
            other.kept.store.edit(tweet, ADA, revision(f"text {number} #two", mentions=(CYD,)), RULES),
            one.kept.store.delete(tweet, ADA),
            return_exceptions=True,
        )
        assert (await one.kept.one(tweet)).deleted
    for table in ("hashtags", "mentions", "mentions_by_tweet"):
        assert await keyspace.run(f"SELECT * FROM {table}") == []


async def test_likes_and_their_undoing_in_two_processes_end_as_one_state(one: Process, other: Process) -> None:
    tweet = await one.kept.tweet(ADA)
    for _ in range(5):
        await asyncio.gather(*(each.kept.store.like(tweet, BOB, claim=None) for each in (one, other)))
        assert [each.user_id for each in await one.stores.engagement.likers(tweet, READ_ALL)] == [BOB]
        assert await one.stores.listed(Index.LIKES, BOB) == [tweet]
        await asyncio.gather(one.kept.store.like(tweet, BOB, claim=None), other.kept.store.unlike(tweet, BOB))
        liked = tweet in (await one.kept.store.load([tweet], viewer_id=BOB)).liked
        assert await one.kept.counted(tweet) == (int(liked), 0, 0, 0)
        assert len(await one.stores.engagement.likers(tweet, READ_ALL)) == int(liked)
        assert await one.stores.listed(Index.LIKES, BOB) == [tweet] * liked
        await other.kept.store.unlike(tweet, BOB)
        assert await one.stores.engagement.likers(tweet, READ_ALL) == []
        assert await one.stores.listed(Index.LIKES, BOB) == []
        assert await one.kept.counted(tweet) == (0, 0, 0, 0)


async def test_what_is_seen_is_changed_also_when_the_clock_that_wrote_it_is_ahead(one: Process, other: Process) -> None:
    one.writer.times = FastClock()
    tweet, second = await one.kept.tweet(ADA, "hello #one", mentions=(BOB,)), await one.kept.tweet(ADA)
    await one.kept.store.like(tweet, BOB, claim=None)
    await one.stores.engagement.bookmark(tweet, BOB, claim=None)
    again = await one.kept.retweet(BOB, tweet)
    await one.stores.engagement.pin(tweet, ADA, claim=None)

    await other.kept.store.unlike(tweet, BOB)
    await other.stores.engagement.remove_bookmark(tweet, BOB)
    await other.kept.store.undo_retweet(tweet, BOB)
    await other.stores.engagement.pin(second, ADA, claim=None)
    await other.kept.store.edit(tweet, ADA, revision("hello #two"), RULES)
    assert await other.kept.counted(tweet) == (0, 0, 0, 0)
    loaded = await other.kept.store.load([tweet, again], viewer_id=BOB)
    assert (loaded.liked, loaded.bookmarked, loaded.retweeted) == (frozenset(), frozenset(), frozenset())
    assert (loaded.tweets[tweet].version, loaded.tweets[again].deleted) == (2, True)
    assert await other.stores.indices.pins([ADA]) == [second]
    assert (await other.kept.tagged("one"), await other.kept.mentions(BOB)) == ([], [])

    await other.kept.store.delete(tweet, ADA)
    assert await other.kept.ids_of(ADA, BOB) == [second]
    assert await other.kept.tagged("two") == []


async def test_the_pin_of_another_tweet_survives_the_deletion_of_the_one_before(one: Process, other: Process) -> None:
    first, second = await one.kept.tweet(ADA), await one.kept.tweet(ADA)
    await one.stores.engagement.pin(first, ADA, claim=None)
    await asyncio.gather(one.kept.store.delete(first, ADA), other.stores.engagement.pin(second, ADA, claim=None))
    assert await one.stores.indices.pins([ADA]) == [second]


async def test_a_tweet_whose_process_died_behind_its_claim_is_written_by_the_repeat(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = await one.kept.one(await other.kept.tweet(BOB))
    draft = replace(reply(ADA, parent), text="hello #one")
    one.dies_before_its_batch(monkeypatch)
    with pytest.raises(Died):
        await one.kept.store.insert(draft, claim=claim("k"))
    assert await other.kept.ids_of(ADA) == []

    again = await other.kept.store.insert(draft, claim=claim("k"))
    assert again.repeated
    assert await other.kept.ids_of(ADA) == [again.id]
    assert await other.kept.store.reply_ids(parent.id, READ_ALL) == [again.id]
    assert tweets_pb2.Tweet.FromString((await other.kept.one(again.id)).body).id == again.id
    assert await other.kept.counted(parent.id) == (0, 0, 1, 0)


async def test_an_edit_whose_process_died_in_its_turn_is_finished_by_the_next(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    tweet = await other.kept.tweet(ADA, "one")
    one.dies_before_its_batch(monkeypatch)
    with pytest.raises(Died):
        await one.kept.store.edit(tweet, ADA, revision("two"), RULES)
    await other.kept.store.edit(tweet, ADA, revision("three"), RULES)

    versions = await other.kept.store.history(tweet)
    assert [tweets_pb2.Tweet.FromString(body).content for _, body in versions] == ["three", "two", "one"]


async def test_a_retweet_whose_process_died_in_its_turn_is_there_for_the_next(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    tweet = await one.kept.one(await other.kept.tweet(ADA))
    one.dies_before_its_batch(monkeypatch)
    with pytest.raises(Died):
        await one.kept.store.insert(retweet(BOB, tweet), claim=claim("k"))

    again = await other.kept.store.insert(retweet(BOB, tweet), claim=claim("k"))
    assert again == Written(again.id, repeated=True)
    assert await other.kept.ids_of(BOB) == [again.id]


async def test_counts_are_the_same_however_often_and_in_whatever_order_the_log_is_read(
    keyspace: WatchedTables, one: Process
) -> None:
    tweet, gone = await one.kept.tweet(ADA), await one.kept.tweet(ADA)
    for person in (BOB, CYD, 10):
        await one.kept.store.like(tweet, person, claim=None)
        await one.kept.store.like(gone, person, claim=None)
    await one.kept.store.unlike(tweet, CYD)
    again = await one.kept.retweet(BOB, tweet)
    await one.kept.store.insert(quote(CYD, tweet), claim=None)
    await one.kept.reply(BOB, tweet)
    await one.kept.store.delete(again, BOB)
    await one.kept.store.delete(gone, ADA)

    class Backwards(OutboxLog):
        async def read(self, after: int, *, limit: int) -> Sequence[Record]:
            return (await super().read(after, limit=limit))[::-1]

    for log in (OutboxLog(keyspace), Backwards(keyspace), OutboxLog(keyspace)):
        await Counter(one.writer, log).settle()
        assert await one.kept.counted(tweet) == (2, 0, 1, 1)
        assert await one.kept.author_counts(ADA, BOB, CYD) == [
            AuthorCounts(1, 2),
            AuthorCounts(1, 0),
            AuthorCounts(1, 0),
        ]
    # What was counted before the deletion, and comes behind it.
    now_us = time.time_ns() // 1_000
    await Counting(keyspace).apply([Change(ADA, "received", gone, 3, now_us)], at_us=now_us)
    assert await one.kept.author_counts(ADA) == [AuthorCounts(1, 2)]


async def test_an_event_waits_for_its_tweet_and_does_without_one_that_was_removed(
    keyspace: WatchedTables, one: Process, clock: Clock
) -> None:
    parent = await one.kept.tweet(ADA)
    answer = await one.kept.reply(BOB, parent)
    await one.kept.store.delete(answer, BOB)
    events = [each.event for each in await one.kept.log.read(0, limit=9)]
    created, deleted = [each for each in events if each.entity_id == answer]

    async def changes(event: Event, *, later_ms: int = 0) -> set[tuple[int, str, int]]:
        found = await changes_of(keyspace, event, now_ms=clock.now_ms() + later_ms)
        return {(each.entity, each.kind, each.value) for each in found}

    assert await changes(created) == {(BOB, "tweets", 1), (parent, "replies", 1)}
    left = {(BOB, "tweets", 0), (parent, "replies", 0), (BOB, "received", 0)}
    assert await changes(deleted) == left
    await keyspace.rows("DELETE FROM tweets WHERE id = ?", answer)
    assert await changes(deleted) == left

    unseen = Event(type=deleted.type, key=BOB, entity_id=7, version=2, time_ms=clock.now_ms())
    with pytest.raises(Unavailable, match="cannot be read yet"):
        await changes(unseen)
    assert await changes(unseen, later_ms=3_600_000) == {(BOB, "tweets", 0), (BOB, "received", 0)}


async def test_nobody_who_was_erased_is_named_again(keyspace: WatchedTables, one: Process) -> None:
    tweet = await one.kept.tweet(ADA)
    one.writer.erased.add(BOB)

    await one.kept.tweet(ADA, "hello", mentions=(BOB, CYD))
    with pytest.raises(NotFound):
        await one.kept.store.like(tweet, BOB, claim=None)
    with pytest.raises(NotFound):
        await one.kept.store.insert(retweet(BOB, await one.kept.one(tweet)), claim=None)
    assert await keyspace.run("SELECT user_id FROM mentions_by_tweet") == [(CYD,)]
    assert await keyspace.run("SELECT user_id FROM stances") == []
    assert {each.event.type for each in await one.kept.log.read(0, limit=9)} == {
        events_pb2.EVENT_TYPE_TWEET_CREATED,
        events_pb2.EVENT_TYPE_MENTIONED,
    }
    assert (await one.kept.one(tweet)).kind is Kind.ORIGINAL
