"""What votes, drafts and the agenda promise on ScyllaDB beyond their ports: costs, two processes, and their deaths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.contract import tables
from tests.contract.stores import HOUR_MS, Stores, stores_in
from tests.contract.tables import WatchedTables
from tests.contract.tweets import ADA, BOB, CYD, claim, original

from aviary.clock import Clock
from aviary.errors import FailedPrecondition, RateLimited
from aviary.events.v1 import events_pb2
from aviary.storage.scylla.tables import Statement
from aviary.storage.scylla.tweets import due
from aviary.storage.scylla.tweets.agenda import ScyllaAgendaStore
from aviary.storage.scylla.writes import Write, Writer
from aviary.tweets.agenda.store import Due
from aviary.tweets.drafts.store import Kept, Shelf

pytestmark = pytest.mark.cluster

MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS
CLOSED, VOTED = events_pb2.EVENT_TYPE_POLL_CLOSED, events_pb2.EVENT_TYPE_VOTED


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
async def stores(writer: Writer, clock: Clock) -> Stores:
    return stores_in(writer, clock)


@pytest.fixture
async def other(keyspace: WatchedTables, clock: Clock) -> AsyncIterator[Stores]:
    """The stores of another process."""
    async with tables.writing(keyspace, clock) as writer:
        yield stores_in(writer, clock)


@asynccontextmanager
async def dying(keyspace: WatchedTables, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stores]:
    """The stores of a process that dies between its conditional write and its batch."""

    async def die(_statements: Sequence[Statement]) -> None:
        raise Died

    async with tables.writing(keyspace, clock) as writer:
        monkeypatch.setattr(writer, "_send", die)
        yield stores_in(writer, clock)


async def schedule(stores: Stores, *, in_ms: int = HOUR_MS, user: int = ADA) -> Kept:
    at = stores.clock.now_ms() + in_ms
    made = await stores.drafts.create(user, b"body", publish_ms=at, source="bot", most=10, claim=None)
    return await stores.drafts.get(Shelf.SCHEDULED, user, made.id)


async def trips(keyspace: WatchedTables, deed: Awaitable[object]) -> int:
    before = keyspace.round_trips
    await deed
    return keyspace.round_trips - before


async def test_a_vote_costs_the_same_whatever_the_poll(keyspace: WatchedTables, stores: Stores) -> None:
    poll = await stores.poll("a", "b", "c", "d")
    # The turn; the tweet, the poll and the vote at the same time; the conditional write; the batch.
    for voter in (BOB, CYD, 10, 11):
        assert await trips(keyspace, stores.polls.vote(poll, voter, voter % 4, claim=None)) == 6
    # With a key that is looked up as well.
    assert await trips(keyspace, stores.polls.vote(poll, 12, 0, claim=claim("a"))) == 7
    # And what changes nothing only looks.
    assert await trips(keyspace, stores.polls.vote(poll, BOB, BOB % 4, claim=None)) == 4


async def test_a_draft_costs_the_same_however_many_there_are(keyspace: WatchedTables, stores: Stores) -> None:
    def create(key: str | None = None) -> Awaitable[object]:
        return stores.drafts.create(
            ADA, b"body", publish_ms=0, source="web", most=100, claim=claim(key) if key else None
        )

    for _ in range(10):
        # The turn, the shelf, the conditional write, the batch.
        assert await trips(keyspace, create()) == 4
    assert await trips(keyspace, create("a")) == 5


async def test_of_votes_in_two_processes_one_stands(stores: Stores, other: Stores) -> None:
    poll = await stores.poll("a", "b", "c", "d")
    outcomes = await asyncio.gather(
        *((stores, other)[number % 2].polls.vote(poll, BOB, number % 4, claim=None) for number in range(16)),
        return_exceptions=True,
    )

    assert sum(outcome is True for outcome in outcomes) == 1
    assert sum(isinstance(outcome, FailedPrecondition) for outcome in outcomes) == 12
    assert sorted(await stores.votes(poll)) == [0, 0, 0, 1]


async def test_a_shelf_ends_where_it_shall_also_for_two_processes(stores: Stores, other: Stores) -> None:
    outcomes = await asyncio.gather(
        *(
            (stores, other)[number % 2].drafts.create(ADA, b"", publish_ms=0, source="web", most=5, claim=None)
            for number in range(12)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 7
    assert len(await stores.tweets.look(f"SELECT id FROM drafts_by_user WHERE user_id = {ADA}")) == 5


async def test_a_scheduled_tweet_is_published_once_by_two_processes(stores: Stores, other: Stores) -> None:
    kept = await schedule(stores)
    published = await asyncio.gather(*((stores, other)[each % 2].agenda.publish(kept, original()) for each in range(8)))

    (tweet_id,) = [each for each in published if each is not None]
    assert await stores.tweets.ids_of(ADA) == [tweet_id]


async def test_what_a_dead_process_began_to_publish_is_published_by_the_next(
    keyspace: WatchedTables, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await schedule(stores)
    async with dying(keyspace, stores.clock, monkeypatch) as dead:
        with pytest.raises(Died):
            await dead.agenda.publish(kept, original(ADA, "at last"))
    assert await stores.tweets.ids_of(ADA) == []

    # It is due until it was done, and whoever does it finds it done.
    stores.clock.advance(2 * HOUR_MS)
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == [kept.id]
    assert await stores.agenda.publish(kept, original(ADA, "again")) is None
    assert len(await stores.tweets.ids_of(ADA)) == 1
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == []


async def test_the_vote_of_a_dead_process_stands_for_its_repeat(
    keyspace: WatchedTables, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = await stores.poll()
    async with dying(keyspace, stores.clock, monkeypatch) as dead:
        with pytest.raises(Died):
            await dead.polls.vote(poll, BOB, 1, claim=claim("a"))

    assert not await stores.polls.vote(poll, BOB, 1, claim=claim("a"))
    assert await stores.votes(poll) == [0, 1]
    assert [kind for kind, _ in await stores.tweets.happened()].count(VOTED) == 1


async def test_the_end_of_a_poll_is_told_once_by_two_processes(stores: Stores, other: Stores) -> None:
    poll = await stores.poll()
    stores.clock.advance(HOUR_MS)
    await asyncio.gather(*((stores, other)[each % 2].agenda.close_poll(poll) for each in range(8)))
    assert [kind for kind, _ in await stores.tweets.happened()].count(CLOSED) == 1


async def test_what_fell_due_while_nobody_looked_is_found(stores: Stores, writer: Writer) -> None:
    # Before anybody ever looked, and after.
    for _ in range(2):
        poll, kept = await stores.poll(lasts_ms=HOUR_MS), await schedule(stores, in_ms=5 * HOUR_MS)
        stores.clock.advance(2 * DAY_MS)
        started_again = ScyllaAgendaStore(writer)
        assert await started_again.due(stores.clock.now_ms(), limit=9) == Due(polls=[poll], scheduled=[kept.id])
        await started_again.close_poll(poll)
        await started_again.publish(kept, original())
        assert await started_again.due(stores.clock.now_ms(), limit=9) == Due(polls=[], scheduled=[])


async def test_a_look_reads_a_few_buckets_however_long_it_has_gone_on(keyspace: WatchedTables, stores: Stores) -> None:
    for minute in range(20):
        poll = await stores.poll(lasts_ms=(5 + minute) * MINUTE_MS)
    stores.clock.advance(30 * DAY_MS)
    for closed in (await stores.agenda.due(stores.clock.now_ms(), limit=99)).polls:
        await stores.agenda.close_poll(closed)
    await stores.agenda.due(stores.clock.now_ms(), limit=9)

    poll = await stores.poll(lasts_ms=5 * MINUTE_MS)
    stores.clock.advance(5 * MINUTE_MS)
    # Of each of two kinds: which minutes of today, or of two days, hold something; those by four shards; and where it
    # has come to, which is stored.
    for _ in range(10):
        assert await trips(keyspace, stores.agenda.due(stores.clock.now_ms(), limit=9)) <= 2 * (2 + 4 + 1)
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).polls == [poll]


async def test_what_lands_late_because_its_process_died_is_found_on_the_round(
    stores: Stores, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = stores.clock.now_ms()
    assert await stores.agenda.due(now_ms, limit=9) == Due(polls=[], scheduled=[])
    # As if begun to be written an hour ago.
    late = await stores.poll(lasts_ms=2 * HOUR_MS)

    async def land(write: Write) -> None:
        due.POLLS.put(write, now_ms - HOUR_MS, late)

    await writer.commit(land)
    monkeypatch.setattr(due, "_SWEEP_EVERY", 2)
    monkeypatch.setattr(due, "_SWEPT", 1)
    found = [(await stores.agenda.due(now_ms, limit=9)).polls for _ in range(8)]
    assert [late] in found


async def test_an_old_failure_that_waits_again_is_due_where_looks_still_go(stores: Stores) -> None:
    kept = await schedule(stores)
    stores.clock.advance(DAY_MS)
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == [kept.id]
    await stores.agenda.fail(kept, "the tweet is gone")
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == []
    stores.clock.advance(DAY_MS)
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == []

    await stores.drafts.update(Shelf.SCHEDULED, ADA, kept.id, body=b"new", publish_ms=None)
    stores.clock.advance(1)
    assert (await stores.agenda.due(stores.clock.now_ms(), limit=9)).scheduled == [kept.id]


@pytest.mark.parametrize("change", ["sooner", "later", "back"])
async def test_what_is_moved_is_due_at_its_new_time_alone(stores: Stores, change: str) -> None:
    kept = await schedule(stores, in_ms=HOUR_MS)
    at = {"sooner": kept.publish_ms - MINUTE_MS, "later": kept.publish_ms + MINUTE_MS, "back": kept.publish_ms}[change]
    await stores.drafts.update(Shelf.SCHEDULED, ADA, kept.id, body=None, publish_ms=at + 5 * MINUTE_MS)
    await stores.drafts.update(Shelf.SCHEDULED, ADA, kept.id, body=None, publish_ms=at)

    before, after = await stores.agenda.due(at - 1, limit=9), await stores.agenda.due(at, limit=9)
    assert (before.scheduled, after.scheduled) == ([], [kept.id])
    assert len(await stores.tweets.look("SELECT id FROM diary")) == 1


@pytest.mark.parametrize("is_published", [False, True])
async def test_what_is_no_longer_kept_leaves_no_row(stores: Stores, *, is_published: bool) -> None:
    kept = await schedule(stores)
    if is_published:
        await stores.agenda.publish(kept, original())
    else:
        await stores.drafts.delete(Shelf.SCHEDULED, ADA, kept.id)
    for table in ("drafts", "drafts_by_user", "diary"):
        assert await stores.tweets.look(f"SELECT * FROM {table}") == []
