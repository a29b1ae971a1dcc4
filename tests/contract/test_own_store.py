"""What every adapter of OwnStore promises."""

from __future__ import annotations

from tests.contract.tweets import ADA, BOB
from tests.contract.upkeep import Upkept

from aviary.tweets.drafts.store import Shelf
from aviary.tweets.store import EditRules, Entities, Revision
from aviary.tweets.upkeep.store import Mark, Vote

FREELY = EditRules(window_ms=3_600_000, limit=5)


async def test_tweets_come_oldest_first_in_stretches_deleted_ones_included(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    made = [await kept.tweet(ADA) for _ in range(4)]
    await kept.tweet(BOB)
    await kept.store.delete(made[1], ADA)

    found = await upkept.own.tweets(ADA, after=0, limit=3, retweets=False)
    assert [(each.tweet.id, each.deleted_ms > 0) for each in found] == [
        (made[0], False),
        (made[1], True),
        (made[2], False),
    ]
    rest = await upkept.own.tweets(ADA, after=made[2], limit=3, retweets=False)
    assert [each.tweet.id for each in rest] == [made[3]]


async def test_retweets_and_other_tweets_are_read_apart(upkept: Upkept) -> None:
    kept = upkept.stores.tweets
    tweet = await kept.tweet(BOB)
    undone = await kept.retweet(ADA, tweet)
    await kept.store.undo_retweet(tweet, ADA)
    retweet, own = await kept.retweet(ADA, tweet), await kept.tweet(ADA)

    found = await upkept.own.tweets(ADA, after=0, limit=9, retweets=True)
    assert [each.tweet.id for each in found] == [undone, retweet]
    assert [each.tweet.id for each in await upkept.own.tweets(ADA, after=0, limit=9, retweets=False)] == [own]


async def test_a_tweet_brings_its_poll_and_every_text_that_it_had(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    poll = await stores.poll("yes", "no")
    await stores.polls.vote(poll, ADA, 1, claim=None)
    edited = await kept.tweet(ADA, "first")
    first = (await kept.one(edited)).body
    revision = Revision(text="second", entities=Entities(), language="und")
    assert await kept.store.edit(edited, ADA, revision, FREELY)
    await upkept.settle()

    found = await upkept.own.tweets(ADA, after=0, limit=9, retweets=False)
    assert [each.earlier for each in found] == [[], [(1, first)]]
    assert [each.poll.votes if each.poll else None for each in found] == [[0, 1], None]


async def test_marks_are_those_that_stand_oldest_first(upkept: Upkept) -> None:
    stores = upkept.stores
    kept = stores.tweets
    one, two, three = [await kept.tweet(BOB) for _ in range(3)]
    for each in (three, one, two):
        await kept.store.like(each, ADA, claim=None)
        await stores.engagement.bookmark(each, ADA, claim=None)
    await kept.store.unlike(one, ADA)
    await stores.engagement.remove_bookmark(two, ADA)

    likes = await upkept.own.marks(Mark.LIKE, ADA, after=0, limit=9)
    assert [each.tweet_id for each in likes] == [three, two]
    bookmarks = await upkept.own.marks(Mark.BOOKMARK, ADA, after=0, limit=9)
    assert [each.tweet_id for each in bookmarks] == [three, one]
    rest = await upkept.own.marks(Mark.LIKE, ADA, after=likes[0].id, limit=9)
    assert rest == likes[1:]
    assert await upkept.own.marks(Mark.LIKE, ADA, after=0, limit=1) == likes[:1]


async def test_a_vote_says_what_was_chosen(upkept: Upkept) -> None:
    stores = upkept.stores
    one, two = await stores.poll("yes", "no"), await stores.poll("tea", "coffee")
    await stores.polls.vote(one, BOB, 1, claim=None)
    await stores.polls.vote(two, BOB, 0, claim=None)

    assert await upkept.own.votes(BOB, after=0, limit=9) == [Vote(one, 1), Vote(two, 0)]
    assert await upkept.own.votes(BOB, after=one, limit=9) == [Vote(two, 0)]
    assert await upkept.own.votes(ADA, after=0, limit=9) == []


async def test_each_shelf_holds_its_own_drafts(upkept: Upkept) -> None:
    drafts, soon = upkept.stores.drafts, upkept.stores.clock.now_ms() + 60_000
    made = [
        (await drafts.create(ADA, b"", publish_ms=publish_ms, source="web", most=9, claim=None)).id
        for publish_ms in (0, soon, 0, soon)
    ]

    async def ids_on(shelf: Shelf, *, after: int = 0) -> list[int]:
        return [each.id for each in await upkept.own.drafts(shelf, ADA, after=after, limit=9)]

    assert await ids_on(Shelf.DRAFTS) == [made[0], made[2]]
    assert await ids_on(Shelf.SCHEDULED) == [made[1], made[3]]
    assert await ids_on(Shelf.SCHEDULED, after=made[1]) == [made[3]]


async def test_the_pin_is_the_persons_own(upkept: Upkept) -> None:
    tweet = await upkept.stores.tweets.tweet(ADA)
    await upkept.stores.engagement.pin(tweet, ADA, claim=None)
    assert (await upkept.own.pin(ADA), await upkept.own.pin(BOB)) == (tweet, 0)
