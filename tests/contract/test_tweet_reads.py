"""What every adapter of TweetStore promises to its readers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.contract.tweets import ADA, BOB, CYD, Kept, quote, retweet

from aviary import entries
from aviary.events.v1 import events_pb2
from aviary.paging import PageRequest

CREATED, DELETED = events_pb2.EVENT_TYPE_TWEET_CREATED, events_pb2.EVENT_TYPE_TWEET_DELETED
LIKED, UNLIKED = events_pb2.EVENT_TYPE_TWEET_LIKED, events_pb2.EVENT_TYPE_TWEET_UNLIKED


async def test_loading_brings_what_is_shown_inside_two_levels_deep(kept: Kept) -> None:
    innermost = await kept.tweet(ADA)
    quoting = (await kept.store.insert(quote(BOB, innermost), claim=None)).id
    again = await kept.retweet(CYD, quoting)
    await kept.store.delete(innermost, ADA)

    loaded = await kept.store.load([again, 999], viewer_id=0)
    assert set(loaded.tweets) == {again, quoting, innermost}
    assert loaded.tweets[innermost].deleted


async def test_the_viewers_own_flags_are_the_viewers_alone(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    made = await kept.retweet(BOB, tweet)
    await kept.store.like(tweet, BOB, claim=None)

    mine = await kept.store.load([made], viewer_id=BOB)
    assert (mine.liked, mine.retweeted) == (frozenset({tweet}), frozenset({tweet}))
    others = await kept.store.load([made], viewer_id=CYD)
    assert (others.liked, others.retweeted) == (frozenset(), frozenset())


async def test_loading_nothing_gives_nothing(kept: Kept) -> None:
    loaded = await kept.store.load([], viewer_id=ADA)
    assert (dict(loaded.tweets), loaded.liked, loaded.retweeted) == ({}, frozenset(), frozenset())


async def test_replies_come_newest_first_within_the_bounds_without_deleted_and_deeper_ones(kept: Kept) -> None:
    parent = await kept.tweet(ADA)
    made = [await kept.reply(BOB, parent) for _ in range(6)]
    await kept.reply(CYD, made[0])
    await kept.retweet(CYD, parent)
    await kept.store.delete(made[3], BOB)

    assert await kept.store.reply_ids(parent, PageRequest(limit=10)) == [made[5], made[4], made[2], made[1], made[0]]
    assert await kept.store.reply_ids(parent, PageRequest(limit=2, below=made[5])) == [made[4], made[2]]
    assert await kept.store.reply_ids(parent, PageRequest(limit=10, below=made[5], above=made[1])) == [made[4], made[2]]


async def test_entries_merge_authors_newest_first_within_bounds_without_deleted_ones(kept: Kept) -> None:
    made = [await kept.tweet(author) for author in (ADA, BOB, CYD, ADA, BOB, CYD)]
    await kept.store.delete(made[4], BOB)

    assert await kept.ids_of(ADA, BOB) == [made[3], made[1], made[0]]
    assert await kept.ids_of(ADA, BOB, CYD, limit=2) == [made[5], made[3]]
    assert await kept.ids_of(ADA, BOB, CYD, below=made[5], above=made[0]) == [made[3], made[2], made[1]]


async def test_an_entry_says_what_it_refers_to(kept: Kept) -> None:
    first = await kept.tweet(ADA)
    answer = await kept.reply(BOB, first)
    again = await kept.retweet(CYD, answer)
    rows = await kept.store.entries([BOB, CYD], PageRequest(limit=9), no_replies=False, media_only=False)

    assert list(entries.unpack(rows)) == [
        entries.Entry(id=again, author_id=CYD, ref_id=answer, ref_author_id=BOB, is_retweet=True, ref_is_reply=True),
        entries.Entry(id=answer, author_id=BOB, ref_id=first, ref_author_id=ADA),
    ]


async def test_entries_can_leave_out_replies_and_what_has_no_media(kept: Kept) -> None:
    first = await kept.tweet(ADA)
    await kept.reply(ADA, first)
    again = await kept.retweet(ADA, first)
    page = PageRequest(limit=9)

    rows = await kept.store.entries([ADA], page, no_replies=True, media_only=False)
    assert [entry.id for entry in entries.unpack(rows)] == [again, first]
    assert await kept.store.entries([ADA], page, no_replies=False, media_only=True) == b""


async def test_entries_take_a_hundred_authors_at_once(kept: Kept) -> None:
    made = await asyncio.gather(*(kept.tweet(author) for author in range(1, 101)))
    assert await kept.ids_of(*range(1, 101), limit=100) == sorted(made, reverse=True)


async def test_the_earliest_retweet_is_that_of_ones_own_people(kept: Kept) -> None:
    one, other = await kept.tweet(ADA), await kept.tweet(ADA)
    first = await kept.retweet(BOB, one)
    second = await kept.retweet(CYD, one)

    async def earliest(*authors: int) -> Sequence[tuple[int, int]]:
        return await kept.store.earliest_retweets([other, one], frozenset(authors))

    assert await earliest(BOB, CYD) == [(0, 0), (first, BOB)]
    assert await earliest(CYD) == [(0, 0), (second, CYD)]
    assert await earliest(ADA) == [(0, 0), (0, 0)]
    await kept.store.undo_retweet(one, BOB)
    assert await earliest(BOB, CYD) == [(0, 0), (second, CYD)]


async def test_the_earliest_retweet_is_found_behind_hundreds_of_strangers(kept: Kept) -> None:
    tweet = await kept.one(await kept.tweet(ADA))
    strangers = range(1_000, 1_300)
    await asyncio.gather(*(kept.store.insert(retweet(each, tweet), claim=None) for each in strangers))
    mine = await kept.retweet(BOB, tweet.id)
    await kept.retweet(CYD, tweet.id)

    assert await kept.store.earliest_retweets([tweet.id], frozenset({BOB, CYD})) == [(mine, BOB)]
    many = frozenset(range(2_000, 2_250))
    assert await kept.store.earliest_retweets([tweet.id], many | {BOB, CYD}) == [(mine, BOB)]
    assert await kept.store.earliest_retweets([tweet.id], many | {ADA}) == [(0, 0)]
