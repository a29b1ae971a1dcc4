"""What every adapter of TierStore and of DeadLetters promises."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.conftest import OpenDatabase

from aviary.fanout.store import AuthorTier, DeadLetters, Tier, TierStore
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore

ADA, BOB = 1, 2


@pytest.fixture(params=["sqlite"])
async def tiers(open_database: OpenDatabase) -> TierStore:
    return SqliteTierStore(open_database("fanout"))


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
async def test_a_new_process_on_the_same_store_lowers_nothing(
    open_database: OpenDatabase, order: tuple[Tier, ...]
) -> None:
    database = open_database("fanout")
    for each in order:
        await SqliteTierStore(database).raise_tier(tier(ADA, each))

    assert [each.tier for each in await SqliteTierStore(database).all()] == [Tier.PULL]


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


async def test_dead_letters_are_counted_once_per_place(dead_letters: DeadLetters) -> None:
    assert await dead_letters.count() == 0
    await dead_letters.add("tweets", 7, "the graph does not answer")
    await dead_letters.add("tweets", 7, "again")
    await dead_letters.add("tweets", 8, "the graph does not answer")
    await dead_letters.add("users", 7, "another log")

    assert await dead_letters.count() == 3
