"""What every adapter of IndexStore promises."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.contract.stores import Stores
from tests.contract.tweets import ADA, BOB, CYD

from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.surfaces import Index


async def put(stores: Stores, index: Index, count: int) -> Sequence[int]:
    """Bring `count` new tweets into the index of Bob, or of the tag "world"; return them newest place first."""
    made = [await stores.tweets.tweet(ADA, "#world", mentions=[BOB]) for _ in range(count)]
    if index is Index.LIKES:
        for tweet in made:
            await stores.tweets.store.like(tweet, BOB, claim=None)
    if index is Index.BOOKMARKS:
        for tweet in made:
            await stores.engagement.bookmark(tweet, BOB, claim=None)
    return made[::-1]


def owner_of(index: Index) -> int | str:
    return "world" if index is Index.HASHTAG else BOB


@pytest.mark.parametrize("index", Index)
async def test_an_index_holds_what_belongs_to_its_owner_newest_place_first(stores: Stores, index: Index) -> None:
    made = await put(stores, index, 3)
    await stores.tweets.tweet(ADA, "#hello", mentions=[CYD])

    assert await stores.listed(index, owner_of(index)) == made
    assert await stores.listed(index, "nothing" if index is Index.HASHTAG else 99) == []


@pytest.mark.parametrize("index", Index)
async def test_an_index_holds_only_what_exists(stores: Stores, index: Index) -> None:
    newest, middle, oldest = await put(stores, index, 3)
    await stores.tweets.store.delete(middle, ADA)

    assert await stores.listed(index, owner_of(index)) == [newest, oldest]
    assert await stores.listed(index, owner_of(index), limit=2) == [newest, oldest]


@pytest.mark.parametrize("index", Index)
async def test_an_index_is_read_in_stretches_by_position(stores: Stores, index: Index) -> None:
    made = await put(stores, index, 5)
    below = MAX_ID
    walked: list[int] = []
    while some := await stores.indices.places(index, owner_of(index), PageRequest(limit=2, below=below), since_id=0):
        walked += [each.tweet_id for each in some]
        below = some[-1].position
    assert walked == made

    newest, *_, oldest = await stores.indices.places(index, owner_of(index), PageRequest(limit=9), since_id=0)
    between = PageRequest(limit=9, below=newest.position, above=oldest.position)
    inner = await stores.indices.places(index, owner_of(index), between, since_id=0)
    assert [each.tweet_id for each in inner] == made[1:-1]


@pytest.mark.parametrize("index", Index)
async def test_since_a_tweet_is_above_its_place(stores: Stores, index: Index) -> None:
    made = await put(stores, index, 4)

    assert await stores.listed(index, owner_of(index), since_id=made[2]) == made[:2]
    assert await stores.listed(index, owner_of(index), since_id=made[0]) == []


@pytest.mark.parametrize("index", [Index.LIKES, Index.BOOKMARKS])
async def test_since_a_tweet_goes_by_its_place_and_not_by_its_age(stores: Stores, index: Index) -> None:
    take_back = stores.tweets.store.unlike if index is Index.LIKES else stores.engagement.remove_bookmark
    keep = stores.tweets.store.like if index is Index.LIKES else stores.engagement.bookmark
    old, middle, young = [await stores.tweets.tweet(ADA) for _ in range(3)]
    for tweet in (young, middle, old):
        await keep(tweet, BOB, claim=None)
    assert await stores.listed(index, BOB, since_id=young) == [old, middle]

    # What was taken back had a place, and keeps it for whoever asks since then.
    await take_back(middle, BOB)
    assert await stores.listed(index, BOB, since_id=middle) == [old]
    await keep(middle, BOB, claim=None)
    assert await stores.listed(index, BOB, since_id=old) == [middle]
    assert await stores.listed(index, BOB, since_id=middle) == []


@pytest.mark.parametrize("index", [Index.LIKES, Index.BOOKMARKS])
async def test_since_a_tweet_that_was_never_there_goes_by_its_id(stores: Stores, index: Index) -> None:
    before = await put(stores, index, 2)
    stranger = await stores.tweets.tweet(ADA)
    after = await put(stores, index, 2)

    assert await stores.listed(index, BOB, since_id=stranger) == after
    assert await stores.listed(index, BOB, since_id=1) == [*after, *before]


async def test_pins_come_in_the_order_asked_for(stores: Stores) -> None:
    ours, theirs = await stores.tweets.tweet(ADA), await stores.tweets.tweet(BOB)
    await stores.engagement.pin(ours, ADA, claim=None)
    await stores.engagement.pin(theirs, BOB, claim=None)

    assert await stores.indices.pins([CYD, BOB, ADA, BOB]) == [0, theirs, ours, theirs]
    assert await stores.indices.pins([]) == []
