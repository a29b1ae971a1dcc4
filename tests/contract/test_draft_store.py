"""What every adapter of DraftStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.contract.stores import Stores
from tests.contract.tweets import ADA, BOB, claim

from aviary import ids
from aviary.errors import Conflict, NotFound, RateLimited
from aviary.events.v1 import events_pb2
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.tweets.drafts.store import Kept, Shelf

CHANGED = events_pb2.EVENT_TYPE_DRAFT_CHANGED
SOON = 5_000_000_000_000
SHELVES = pytest.mark.parametrize("shelf", Shelf)


async def keep(
    stores: Stores,
    shelf: Shelf = Shelf.DRAFTS,
    *,
    body: bytes = b"body",
    user: int = ADA,
    at: int = SOON,
    most: int = 1_000,
    key: Claim | None = None,
) -> int:
    publish_ms = at if shelf is Shelf.SCHEDULED else 0
    made = await stores.drafts.create(user, body, publish_ms=publish_ms, source="web", most=most, claim=key)
    return made.id


async def walked(read: Callable[[int, PageRequest], Awaitable[Page[Kept]]], user: int = ADA) -> list[int]:
    """A whole list, two at a time."""
    page = await read(user, PageRequest(limit=2))
    found = [each.id for each in page.items]
    while page.next_below is not None:
        page = await read(user, PageRequest(limit=2, below=page.next_below, hint=page.hint))
        found += [each.id for each in page.items]
    return found


@SHELVES
async def test_what_is_kept_is_read_back_whole(stores: Stores, shelf: Shelf) -> None:
    kept_id = await keep(stores, shelf, body=b"\0 any bytes \xff")
    made_ms = ids.time_ms(kept_id)

    assert await stores.drafts.get(shelf, ADA, kept_id) == Kept(
        id=kept_id,
        user_id=ADA,
        body=b"\0 any bytes \xff",
        publish_ms=SOON if shelf is Shelf.SCHEDULED else 0,
        failure="",
        source="web",
        created_ms=made_ms,
        updated_ms=made_ms,
    )
    assert await stores.tweets.happened() == [(CHANGED, kept_id)]


@SHELVES
async def test_what_is_not_on_ones_own_shelf_is_not_there(stores: Stores, shelf: Shelf) -> None:
    theirs = await keep(stores, shelf, user=BOB)
    (other,) = set(Shelf) - {shelf}
    elsewhere = await keep(stores, other)
    before = await stores.tweets.happened()

    for missing in (theirs, elsewhere, 12345):
        message = f"there is no {shelf.value} {missing}"
        with pytest.raises(NotFound, match=message):
            await stores.drafts.get(shelf, ADA, missing)
        with pytest.raises(NotFound, match=message):
            await stores.drafts.update(shelf, ADA, missing, body=b"new", publish_ms=None)
        with pytest.raises(NotFound, match=message):
            await stores.drafts.delete(shelf, ADA, missing)
    assert await stores.tweets.happened() == before


@SHELVES
async def test_an_update_changes_only_what_was_sent(stores: Stores, shelf: Shelf) -> None:
    kept_id = await keep(stores, shelf)
    first = await stores.drafts.get(shelf, ADA, kept_id)
    stores.clock.advance(1_000)
    second = await stores.drafts.update(shelf, ADA, kept_id, body=b"new", publish_ms=None)

    assert (second.body, second.publish_ms, second.created_ms) == (b"new", first.publish_ms, first.created_ms)
    assert second.updated_ms >= first.updated_ms + 1_000
    assert await stores.drafts.get(shelf, ADA, kept_id) == second
    assert await stores.tweets.happened() == [(CHANGED, kept_id)] * 2


async def test_a_scheduled_tweet_moves_with_its_text_kept(stores: Stores) -> None:
    kept_id = await keep(stores, Shelf.SCHEDULED)
    moved = await stores.drafts.update(Shelf.SCHEDULED, ADA, kept_id, body=None, publish_ms=SOON + 1)
    assert (moved.body, moved.publish_ms) == (b"body", SOON + 1)


@SHELVES
async def test_what_is_deleted_is_gone(stores: Stores, shelf: Shelf) -> None:
    kept_id = await keep(stores, shelf)
    await stores.drafts.delete(shelf, ADA, kept_id)

    with pytest.raises(NotFound):
        await stores.drafts.get(shelf, ADA, kept_id)
    with pytest.raises(NotFound):
        await stores.drafts.delete(shelf, ADA, kept_id)
    assert await stores.tweets.happened() == [(CHANGED, kept_id)] * 2


async def test_drafts_are_paged_newest_first(stores: Stores) -> None:
    made = [await keep(stores) for _ in range(5)]
    await keep(stores, user=BOB)
    await keep(stores, Shelf.SCHEDULED)

    assert await walked(stores.drafts.drafts) == made[::-1]
    exactly = await stores.drafts.drafts(ADA, PageRequest(limit=5))
    assert (len(exactly.items), exactly.next_below) == (5, None)


async def test_scheduled_tweets_are_paged_soonest_last_also_those_of_one_moment(stores: Stores) -> None:
    late, soon = await keep(stores, Shelf.SCHEDULED, at=SOON + 9), await keep(stores, Shelf.SCHEDULED, at=SOON - 9)
    together = [await keep(stores, Shelf.SCHEDULED) for _ in range(5)]
    await keep(stores, Shelf.SCHEDULED, user=BOB)
    await keep(stores)

    assert await walked(stores.drafts.scheduled) == [late, *together[::-1], soon]


@SHELVES
async def test_a_shelf_has_an_end_that_each_person_reaches_alone(stores: Stores, shelf: Shelf) -> None:
    for _ in range(3):
        await keep(stores, shelf, most=3)
    with pytest.raises(RateLimited, match=f"3 {shelf.value}s are kept, which is the limit; delete one first"):
        await keep(stores, shelf, most=3)

    await keep(stores, shelf, most=3, user=BOB)
    (other,) = set(Shelf) - {shelf}
    await keep(stores, other, most=3)


@SHELVES
async def test_fifty_creations_at_once_under_one_key_are_one(stores: Stores, shelf: Shelf) -> None:
    made = await asyncio.gather(*(keep(stores, shelf, key=claim("a")) for _ in range(50)))

    assert len(set(made)) == 1
    assert await stores.drafts.settled(claim("a")) == made[0]
    assert await stores.tweets.happened() == [(CHANGED, made[0])]
    with pytest.raises(Conflict):
        await keep(stores, shelf, key=claim("a", b"another body"))


@SHELVES
async def test_a_repeat_is_answered_also_when_the_shelf_is_full_or_the_first_is_gone(
    stores: Stores, shelf: Shelf
) -> None:
    kept_id = await keep(stores, shelf, key=claim("a"), most=1)
    assert await keep(stores, shelf, key=claim("a"), most=1) == kept_id
    await stores.drafts.delete(shelf, ADA, kept_id)

    assert await keep(stores, shelf, key=claim("a"), most=1) == kept_id
    with pytest.raises(NotFound):
        await stores.drafts.get(shelf, ADA, kept_id)
