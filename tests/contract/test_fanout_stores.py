"""What every adapter of TierStore and of DeadLetters promises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from tests.contract import tables
from tests.contract.conftest import ADAPTERS, OpenDatabase

from aviary.clock import Clock
from aviary.eventlog import Record
from aviary.events.v1.events_pb2 import Event
from aviary.fanout.store import AuthorTier, DeadLetters, Tier, TierStore
from aviary.storage.scylla.fanout import tiers as scylla_tiers
from aviary.storage.scylla.fanout.tiers import ScyllaTierStore
from aviary.storage.scylla.writes import Writer
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore

ADA, BOB = 1, 2
KNOWN_FOR_S = 0.05

# Makes the store of another process, or of the same after it was started again.
OpenTiers = Callable[[], TierStore]


@pytest.fixture
async def writer(tables_address: str, clock: Clock) -> AsyncIterator[Writer]:
    async with tables.opened(tables_address, "fanout") as keyspace, tables.writing(keyspace, clock) as writer:
        yield writer


@pytest.fixture(params=ADAPTERS)
async def open_tiers(request: pytest.FixtureRequest, clock: Clock) -> AsyncIterator[OpenTiers]:
    if request.param == "sqlite":
        open_database: OpenDatabase = request.getfixturevalue("open_database")
        database = open_database("fanout")
        yield lambda: SqliteTierStore(database)
        return
    address = request.getfixturevalue("tables_address")
    async with tables.opened(address, "fanout") as keyspace, tables.writing(keyspace, clock) as writer:
        yield lambda: ScyllaTierStore(writer, known_for_s=KNOWN_FOR_S)


@pytest.fixture
async def tiers(open_tiers: OpenTiers) -> TierStore:
    return open_tiers()


@pytest.fixture(params=["sqlite"])
async def dead_letters(open_database: OpenDatabase) -> DeadLetters:
    return SqliteDeadLetters(open_database("fanout"))


def tier(author: int, tier: Tier, *, since: int = 10) -> AuthorTier:
    return AuthorTier(author_id=author, tier=tier, from_id=since)


async def test_at_first_nobody_is_above_the_push_tier(tiers: TierStore) -> None:
    assert await tiers.version() == 0
    assert await tiers.all() == []


async def test_a_raised_tier_is_there_with_the_next_version(tiers: TierStore) -> None:
    await tiers.raise_tier(tier(BOB, Tier.PULL))
    await tiers.raise_tier(tier(ADA, Tier.MID))

    assert await tiers.all() == [tier(ADA, Tier.MID), tier(BOB, Tier.PULL)]
    assert await tiers.version() == 2


async def test_a_tier_goes_up_and_never_down(tiers: TierStore) -> None:
    await tiers.raise_tier(tier(ADA, Tier.MID))
    await tiers.raise_tier(tier(ADA, Tier.PULL, since=20))
    await tiers.raise_tier(tier(ADA, Tier.MID, since=30))

    assert [each.tier for each in await tiers.all()] == [Tier.PULL]
    assert await tiers.version() == 2


async def test_readers_go_on_pulling_from_where_an_author_first_left_the_push_tier(tiers: TierStore) -> None:
    await tiers.raise_tier(tier(ADA, Tier.MID, since=10))
    await tiers.raise_tier(tier(ADA, Tier.PULL, since=20))

    assert await tiers.all() == [tier(ADA, Tier.PULL, since=10)]


async def test_the_same_tier_again_changes_nothing(tiers: TierStore) -> None:
    await tiers.raise_tier(tier(ADA, Tier.MID, since=10))
    await tiers.raise_tier(tier(ADA, Tier.MID, since=20))

    assert await tiers.all() == [tier(ADA, Tier.MID, since=10)]
    assert await tiers.version() == 1


@pytest.mark.parametrize("order", [(Tier.MID, Tier.PULL, Tier.MID), (Tier.PULL, Tier.MID, Tier.MID)])
async def test_a_new_process_on_the_same_store_lowers_nothing(open_tiers: OpenTiers, order: tuple[Tier, ...]) -> None:
    for each in order:
        await open_tiers().raise_tier(tier(ADA, each))

    assert [each.tier for each in await open_tiers().all()] == [Tier.PULL]


async def test_fifty_raises_at_once_end_at_the_highest_tier(tiers: TierStore) -> None:
    await asyncio.gather(*(tiers.raise_tier(tier(ADA, each)) for each in [Tier.MID, Tier.PULL] * 25))

    assert [each.tier for each in await tiers.all()] == [Tier.PULL]
    assert await tiers.version() <= 2


async def test_versions_differ_after_every_change_of_any_author(tiers: TierStore) -> None:
    seen = [await tiers.version()]
    for author in range(1, 6):
        await tiers.raise_tier(tier(author, Tier.MID))
        seen.append(await tiers.version())

    assert seen == sorted(set(seen))


async def test_a_version_read_while_a_tier_is_raised_is_not_taken_for_the_newest_afterwards(tiers: TierStore) -> None:
    for author in range(1, 20):
        await asyncio.gather(
            tiers.version(), tiers.raise_tier(AuthorTier(author_id=author, tier=Tier.MID, from_id=1)), tiers.version()
        )
        assert await tiers.version() == author


def letter(place: int) -> Record:
    return Record(place, Event(id=place, key=1))


async def test_dead_letters_are_counted_once_per_place(dead_letters: DeadLetters) -> None:
    assert await dead_letters.count() == 0
    await dead_letters.add("tweets", letter(7), "the graph does not answer")
    await dead_letters.add("tweets", letter(7), "again")
    await dead_letters.add("tweets", letter(8), "the graph does not answer")
    await dead_letters.add("users", letter(7), "another log")

    assert await dead_letters.count() == 3


@pytest.mark.cluster
async def test_raises_in_two_processes_are_counted_one_after_the_other(writer: Writer, clock: Clock) -> None:
    async with tables.writing(writer.tables, clock) as other:
        stores = [ScyllaTierStore(each, known_for_s=KNOWN_FOR_S) for each in (writer, other)]
        await asyncio.gather(
            *(stores[author % 2].raise_tier(tier(author // 2, Tier.MID)) for author in range(2, 14)),
        )

    for store in stores:
        assert [each.author_id for each in await store.all()] == list(range(1, 7))
        assert await store.version() == 6


@pytest.mark.cluster
async def test_a_raise_takes_effect_when_every_process_knows(writer: Writer) -> None:
    raiser, reader = (ScyllaTierStore(writer, known_for_s=KNOWN_FOR_S) for _ in range(2))
    for author in range(1, 10):
        # As close before the raise as can be: what is known then lasts longest.
        _, known = await asyncio.gather(raiser.raise_tier(tier(author, Tier.MID)), reader.version())
        assert known in (author - 1, author)
        assert await reader.version() == author


@pytest.mark.cluster
async def test_a_raise_whose_process_died_is_waited_for_by_the_next(writer: Writer) -> None:
    died = asyncio.ensure_future(ScyllaTierStore(writer, known_for_s=5.0).raise_tier(tier(ADA, Tier.MID)))
    while not await ScyllaTierStore(writer).all():
        await asyncio.wait([died], timeout=0.01)
    died.cancel()

    began = time.monotonic()
    await ScyllaTierStore(writer, known_for_s=0.5).raise_tier(tier(ADA, Tier.MID))
    assert time.monotonic() - began > 0.5


@pytest.mark.cluster
async def test_tiers_beyond_one_partition_are_all_there(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scylla_tiers, "_SLICE", 3)
    store = ScyllaTierStore(writer, known_for_s=0)
    for author in range(1, 9):
        await store.raise_tier(tier(author, Tier.MID))
        assert await ScyllaTierStore(writer).version() == author

    assert [each.author_id for each in await ScyllaTierStore(writer).all()] == list(range(1, 9))
    assert sorted(await writer.tables.run("SELECT DISTINCT slice FROM tiers")) == [(0,), (1,), (2,)]
