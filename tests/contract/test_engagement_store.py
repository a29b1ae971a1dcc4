"""What every adapter of EngagementStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from tests.contract.stores import Stores
from tests.contract.tweets import ADA, BOB, CYD, claim

from aviary.errors import Conflict, NotFound
from aviary.events.v1 import events_pb2
from aviary.ids import MAX_ID
from aviary.paging import PageRequest
from aviary.surfaces import Index
from aviary.tweets.engagement.store import Engaged

BOOKMARKED, UNBOOKMARKED = events_pb2.EVENT_TYPE_BOOKMARKED, events_pb2.EVENT_TYPE_UNBOOKMARKED
PINNED, UNPINNED = events_pb2.EVENT_TYPE_TWEET_PINNED, events_pb2.EVENT_TYPE_TWEET_UNPINNED
READ_ALL = PageRequest(limit=100)


async def events_after(stores: Stores, count: int) -> list[tuple[int, int]]:
    return (await stores.tweets.happened())[count:]


async def test_a_bookmark_counts_once_with_one_event_each_way(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)

    assert await stores.engagement.bookmark(tweet, BOB, claim=None)
    assert not await stores.engagement.bookmark(tweet, BOB, claim=None)
    assert await stores.engagement.bookmark(tweet, CYD, claim=None)
    assert await stores.bookmarks(tweet) == 2
    await stores.engagement.remove_bookmark(tweet, BOB)
    await stores.engagement.remove_bookmark(tweet, BOB)
    assert await stores.bookmarks(tweet) == 1
    assert await events_after(stores, 1) == [(BOOKMARKED, tweet), (BOOKMARKED, tweet), (UNBOOKMARKED, tweet)]


async def test_only_their_owner_has_the_flag_of_a_bookmark(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    await stores.engagement.bookmark(tweet, BOB, claim=None)

    assert tweet in (await stores.tweets.store.load([tweet], viewer_id=BOB)).bookmarked
    assert tweet not in (await stores.tweets.store.load([tweet], viewer_id=ADA)).bookmarked


async def test_a_deleted_tweet_cannot_be_bookmarked_but_its_bookmark_can_go(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    await stores.tweets.store.delete(tweet, ADA)

    with pytest.raises(NotFound):
        await stores.engagement.bookmark(tweet, CYD, claim=None)
    await stores.engagement.remove_bookmark(tweet, BOB)
    assert await stores.bookmarks(tweet) == 0


async def test_a_bookmark_goes_also_by_the_id_of_a_retweet_that_is_gone(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    retweet = await stores.tweets.retweet(CYD, tweet)
    await stores.engagement.bookmark(tweet, BOB, claim=None)
    await stores.tweets.store.delete(retweet, CYD)
    await stores.engagement.remove_bookmark(retweet, BOB)

    assert await stores.bookmarks(tweet) == 0


async def test_removing_what_was_never_bookmarked_changes_nothing(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    await stores.engagement.remove_bookmark(tweet, BOB)
    await stores.engagement.remove_bookmark(12345, BOB)

    assert await stores.bookmarks(tweet) == 0
    assert await events_after(stores, 1) == []


async def test_a_bookmark_that_comes_back_is_the_newest(stores: Stores) -> None:
    one, two = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)
    for tweet in (two, one):
        await stores.engagement.bookmark(tweet, BOB, claim=None)
    await stores.engagement.remove_bookmark(two, BOB)
    await stores.engagement.bookmark(two, BOB, claim=None)

    assert await stores.listed(Index.BOOKMARKS, BOB) == [two, one]


async def test_a_pin_takes_the_place_of_the_one_before(stores: Stores) -> None:
    one, two = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)

    assert await stores.engagement.pin(one, ADA, claim=None)
    assert not await stores.engagement.pin(one, ADA, claim=None)
    assert await stores.engagement.pin(two, ADA, claim=None)
    assert await stores.indices.pins([BOB, ADA]) == [0, two]
    assert await events_after(stores, 2) == [(PINNED, one), (PINNED, two)]


async def test_unpinning_acts_only_on_the_tweet_that_is_pinned(stores: Stores) -> None:
    one, two = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)
    await stores.engagement.pin(two, ADA, claim=None)
    await stores.engagement.unpin(one, ADA)
    assert await stores.indices.pins([ADA]) == [two]
    await stores.engagement.unpin(two, ADA)
    await stores.engagement.unpin(two, ADA)

    assert await stores.indices.pins([ADA]) == [0]
    assert await events_after(stores, 3) == [(UNPINNED, two)]


async def test_a_pin_of_a_deleted_tweet_is_none(stores: Stores) -> None:
    tweet, other = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)
    await stores.engagement.pin(tweet, ADA, claim=None)
    await stores.tweets.store.delete(tweet, ADA)
    await stores.tweets.store.delete(other, ADA)

    assert await stores.indices.pins([ADA]) == [0]
    with pytest.raises(NotFound):
        await stores.engagement.pin(other, ADA, claim=None)


@pytest.mark.parametrize("deed", ["bookmark", "pin"])
async def test_a_repeated_claim_does_nothing_even_after_the_deed_was_undone(stores: Stores, deed: str) -> None:
    tweet = await stores.tweets.tweet(ADA)
    do: Callable[..., Awaitable[bool]] = getattr(stores.engagement, deed)
    undo = stores.engagement.remove_bookmark if deed == "bookmark" else stores.engagement.unpin
    assert not await stores.engagement.settled(claim("a"))
    assert await do(tweet, ADA, claim=claim("a"))
    assert await stores.engagement.settled(claim("a"))
    await undo(tweet, ADA)
    before = await stores.tweets.happened()

    assert not await do(tweet, ADA, claim=claim("a"))
    assert (await stores.bookmarks(tweet), await stores.indices.pins([ADA])) == (0, [0])
    assert await stores.tweets.happened() == before
    with pytest.raises(Conflict):
        await do(tweet, ADA, claim=claim("a", b"another body"))


async def test_fifty_bookmarks_at_once_are_one(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    changed = await asyncio.gather(*(stores.engagement.bookmark(tweet, BOB, claim=None) for _ in range(50)))

    assert sum(changed) == 1
    assert await stores.bookmarks(tweet) == 1


async def walked(read: Callable[[PageRequest], Awaitable[Sequence[Engaged]]]) -> list[int]:
    """The people of a list, two at a time."""
    found: list[int] = []
    below = MAX_ID
    while some := await read(PageRequest(limit=2, below=below)):
        found += [each.user_id for each in some]
        below = some[-1].position
    return found


async def test_likers_come_newest_like_first_without_those_who_took_it_back(stores: Stores) -> None:
    tweet, other = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)
    for user_id in range(10, 16):
        await stores.tweets.store.like(tweet, user_id, claim=None)
    await stores.tweets.store.like(other, 99, claim=None)
    await stores.tweets.store.unlike(tweet, 12)
    await stores.tweets.store.unlike(tweet, 10)
    await stores.tweets.store.like(tweet, 10, claim=None)

    assert await walked(lambda page: stores.engagement.likers(tweet, page)) == [10, 15, 14, 13, 11]


async def test_retweeters_come_newest_retweet_first_without_those_who_undid_it(stores: Stores) -> None:
    tweet, other = await stores.tweets.tweet(ADA), await stores.tweets.tweet(ADA)
    for user_id in range(10, 16):
        await stores.tweets.retweet(user_id, tweet)
    await stores.tweets.retweet(99, other)
    await stores.tweets.store.undo_retweet(tweet, 12)
    await stores.tweets.store.undo_retweet(tweet, 10)
    await stores.tweets.retweet(10, tweet)

    assert await walked(lambda page: stores.engagement.retweeters(tweet, page)) == [10, 15, 14, 13, 11]


async def test_lists_of_people_keep_to_both_bounds(stores: Stores) -> None:
    tweet = await stores.tweets.tweet(ADA)
    for user_id in range(10, 15):
        await stores.tweets.store.like(tweet, user_id, claim=None)
        await stores.tweets.retweet(user_id, tweet)

    for read in (stores.engagement.likers, stores.engagement.retweeters):
        newest, *_, oldest = await read(tweet, READ_ALL)
        between = PageRequest(limit=100, below=newest.position, above=oldest.position)
        assert [each.user_id for each in await read(tweet, between)] == [13, 12, 11]
