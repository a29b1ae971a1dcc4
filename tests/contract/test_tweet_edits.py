"""What every adapter of TweetStore promises about edits."""

from __future__ import annotations

import asyncio

import pytest
from tests.contract.tweets import ADA, BOB, CYD, Kept, original, retweet, revision

from aviary.api.tweets.v1 import tweets_pb2
from aviary.clock import Clock
from aviary.errors import FailedPrecondition, Forbidden, NotFound
from aviary.events.v1 import events_pb2
from aviary.tweets.store import EditRules, Kind, PollDraft

EDITED, DELETED = events_pb2.EVENT_TYPE_TWEET_EDITED, events_pb2.EVENT_TYPE_TWEET_DELETED
MENTIONED = events_pb2.EVENT_TYPE_MENTIONED
RULES = EditRules(window_ms=3_600_000, limit=5)


async def edit(kept: Kept, tweet_id: int, text: str, *, author: int = ADA, rules: EditRules = RULES) -> bool:
    return await kept.store.edit(tweet_id, author, revision(text), rules)


async def body(kept: Kept, tweet_id: int) -> tweets_pb2.Tweet:
    return tweets_pb2.Tweet.FromString((await kept.one(tweet_id)).body)


async def told(kept: Kept) -> list[tuple[int, int]]:
    """Each person who was told of being mentioned, with the tweet."""
    events = [record.event for record in await kept.log.read(0, limit=10_000)]
    return [(event.target_id, event.entity_id) for event in events if event.type == MENTIONED]


async def test_an_edit_changes_the_text_and_all_that_comes_of_it_and_nothing_else(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "hello #world")
    before = await body(kept, tweet_id)

    assert await edit(kept, tweet_id, "good evening #moon") is True
    after = await body(kept, tweet_id)
    assert (after.content, [each.tag for each in after.entities.hashtags]) == ("good evening #moon", ["moon"])
    assert after.HasField("edited_at")
    assert (await kept.one(tweet_id)).version == 2
    for field in ("content", "entities", "language", "edited_at"):
        before.ClearField(field)
        after.ClearField(field)
    assert after == before
    assert (await kept.happened())[-1] == (EDITED, tweet_id)


async def test_the_event_of_an_edit_tells_the_version(kept: Kept) -> None:
    tweet_id = await kept.tweet()
    for text in ("one", "two"):
        await edit(kept, tweet_id, text)
    await kept.store.delete(tweet_id, ADA)

    events = [record.event for record in await kept.log.read(0, limit=10)]
    assert [(event.type, event.version) for event in events[1:]] == [(EDITED, 2), (EDITED, 3), (DELETED, 4)]


async def test_the_same_text_again_changes_nothing_also_when_no_edit_is_left(kept: Kept, clock: Clock) -> None:
    tweet_id = await kept.tweet(ADA, "hello")
    before = await kept.one(tweet_id), await kept.happened()

    assert await edit(kept, tweet_id, "hello", rules=EditRules(window_ms=1, limit=0)) is False
    clock.advance(10_000_000)
    assert await edit(kept, tweet_id, "hello") is False
    assert (await kept.one(tweet_id), await kept.happened()) == before


async def test_a_history_has_every_text_newest_first(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "one")
    for text in ("two", "three", "two"):
        await edit(kept, tweet_id, text)

    versions = await kept.store.history(tweet_id)
    assert [number for number, _ in versions] == [4, 3, 2, 1]
    assert [tweets_pb2.Tweet.FromString(each).content for _, each in versions] == ["two", "three", "two", "one"]


async def test_what_is_gone_has_no_history(kept: Kept) -> None:
    tweet_id = await kept.tweet()
    await edit(kept, tweet_id, "other")
    await kept.store.delete(tweet_id, ADA)

    assert await kept.store.history(tweet_id) == []
    assert await kept.store.history(12345) == []


async def test_only_so_many_edits_are_made_also_at_once(kept: Kept) -> None:
    tweet_id = await kept.tweet()
    outcomes = await asyncio.gather(
        *(edit(kept, tweet_id, f"text {number}") for number in range(20)), return_exceptions=True
    )

    assert outcomes.count(True) == 5
    refused = [outcome for outcome in outcomes if outcome is not True]
    assert all(isinstance(each, FailedPrecondition) for each in refused)
    assert str(refused[0]) == f"tweet {tweet_id} was edited 5 times; the limit is 5"
    assert (await kept.one(tweet_id)).version == 6
    assert len(await kept.store.history(tweet_id)) == 6


async def test_nothing_is_edited_after_its_time(kept: Kept, clock: Clock) -> None:
    tweet_id = await kept.tweet()
    clock.advance(3_590_000)
    await edit(kept, tweet_id, "just in time")
    clock.advance(11_000)

    with pytest.raises(FailedPrecondition) as refused:
        await edit(kept, tweet_id, "too late")
    assert refused.value.message == f"tweet {tweet_id} was published 60 min ago; it could be edited for 60 min"
    assert (await body(kept, tweet_id)).content == "just in time"


async def test_only_the_author_edits_and_only_what_exists(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA)

    with pytest.raises(Forbidden):
        await edit(kept, tweet_id, "mine now", author=BOB)
    await kept.store.delete(tweet_id, ADA)
    for missing in (tweet_id, 12345):
        with pytest.raises(NotFound):
            await edit(kept, missing, "hello again")


async def test_retweets_and_polls_are_not_edited(kept: Kept) -> None:
    again = (await kept.store.insert(retweet(ADA, await kept.one(await kept.tweet(BOB))), claim=None)).id
    asking = await kept.poll(ADA, PollDraft(options=["a", "b"], duration_ms=300_000))

    for tweet_id, what in ((again, "a retweet"), (asking, "a poll")):
        with pytest.raises(FailedPrecondition) as refused:
            await edit(kept, tweet_id, "other")
        assert refused.value.message == f"tweet {tweet_id} is {what}, which cannot be edited"


async def test_people_are_told_once_of_being_mentioned_whatever_is_edited(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "hello", mentions=(BOB,))
    for number, people in enumerate([(), (BOB, CYD), (CYD,), (BOB, CYD, ADA)]):
        await kept.store.edit(tweet_id, ADA, revision(f"text {number}", mentions=people), RULES)

    assert await told(kept) == [(BOB, tweet_id), (CYD, tweet_id)]


async def test_a_name_that_an_edit_takes_out_leaves_the_lists_and_may_come_back(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "hello #one", mentions=(BOB,))
    assert await kept.mentions(BOB) == await kept.tagged("one") == [tweet_id]

    await kept.store.edit(tweet_id, ADA, revision("hello #two", mentions=(CYD,)), RULES)
    assert (await kept.mentions(BOB), await kept.mentions(CYD)) == ([], [tweet_id])
    assert (await kept.tagged("one"), await kept.tagged("two")) == ([], [tweet_id])

    await kept.store.edit(tweet_id, ADA, revision("hello #one", mentions=(BOB,)), RULES)
    assert await kept.mentions(BOB) == await kept.tagged("one") == [tweet_id]


async def test_a_deleted_tweet_leaves_the_lists_of_mentions_and_hashtags(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "hello #one", mentions=(BOB,))
    await kept.store.delete(tweet_id, ADA)

    assert (await kept.mentions(BOB), await kept.tagged("one")) == ([], [])


async def test_a_deleted_tweet_leaves_no_rows_for_lists_to_walk_over(kept: Kept) -> None:
    # A page over a thousand deleted ones would otherwise read them all.
    tweet_id = await kept.tweet(ADA, "hello #one", mentions=(BOB,))
    await kept.store.delete(tweet_id, ADA)

    assert [*await kept.look("SELECT * FROM mentions"), *await kept.look("SELECT * FROM hashtags")] == []


async def test_spellings_of_a_hashtag_are_one_hashtag(kept: Kept) -> None:
    made = [await kept.tweet(ADA, f"look #{tag}") for tag in ("Café", "CAFE\u0301", "ｃａｆé")]
    await kept.store.insert(original(BOB, "look #Café #café"), claim=None)

    assert len(await kept.tagged("café")) == 4
    assert set(made) < set(await kept.tagged("café"))


async def test_nobody_is_told_of_mentioning_themselves_or_nobody(kept: Kept) -> None:
    await kept.tweet(ADA, "hello", mentions=(ADA, 0, BOB, BOB))
    assert [target for target, _ in await told(kept)] == [BOB]


async def test_an_edit_never_shows_a_mixture(kept: Kept) -> None:
    # Each text tells its version, its hashtag too; readers look all the while.
    tweet_id = (await kept.store.insert(original(ADA, "version 1 #v1"), claim=None)).id
    rules = EditRules(window_ms=3_600_000, limit=60)
    seen: set[int] = set()

    async def write() -> None:
        for version in range(2, 61):
            await kept.store.edit(tweet_id, ADA, revision(f"version {version} #v{version}"), rules)

    async def read() -> None:
        while len(seen) < 20 and 60 not in seen:
            tweet = await kept.one(tweet_id)
            shown = tweets_pb2.Tweet.FromString(tweet.body)
            assert shown.content == f"version {tweet.version} #v{tweet.version}"
            assert [each.tag for each in shown.entities.hashtags] == [f"v{tweet.version}"]
            assert shown.HasField("edited_at") is (tweet.version > 1)
            assert [number for number, _ in await kept.store.history(tweet_id)][-1] == 1
            seen.add(tweet.version)

    await asyncio.gather(write(), *(read() for _ in range(4)))
    versions = await kept.store.history(tweet_id)
    assert [number for number, _ in versions] == list(range(60, 0, -1))
    assert all(tweets_pb2.Tweet.FromString(each).content.startswith(f"version {n} ") for n, each in versions)


async def test_an_edited_tweet_keeps_its_place_and_its_counters(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA)
    await kept.store.like(tweet_id, BOB, claim=None)
    answer = await kept.reply(BOB, tweet_id)
    await edit(kept, tweet_id, "other")

    await kept.settle()
    tweet = await kept.one(tweet_id)
    assert (tweet.likes, tweet.replies, tweet.kind) == (1, 1, Kind.ORIGINAL)
    assert await kept.ids_of(ADA, BOB) == [answer, tweet_id]
