"""What every adapter of TweetStore promises to its writers."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from tests.contract.tweets import ADA, BOB, CYD, Kept, claim, original, quote, reply, retweet

from aviary.api.tweets.v1 import tweets_pb2
from aviary.errors import Conflict, Forbidden, NotFound
from aviary.events.v1 import events_pb2
from aviary.tweets.store import AuthorCounts, Kind, Written

CREATED, DELETED = events_pb2.EVENT_TYPE_TWEET_CREATED, events_pb2.EVENT_TYPE_TWEET_DELETED
LIKED, UNLIKED = events_pb2.EVENT_TYPE_TWEET_LIKED, events_pb2.EVENT_TYPE_TWEET_UNLIKED


async def test_a_tweet_is_kept_with_its_text_its_moment_and_one_event(kept: Kept) -> None:
    tweet_id = await kept.tweet(ADA, "hello #world")
    tweet = await kept.one(tweet_id)
    body = tweets_pb2.Tweet.FromString(tweet.body)

    assert (body.id, body.content, body.type, body.conversation_id) == (tweet_id, "hello #world", "original", tweet_id)
    assert body.HasField("created_at")
    assert (tweet.author_id, tweet.kind, tweet.deleted) == (ADA, Kind.ORIGINAL, False)
    assert await kept.counted(tweet_id) == (0, 0, 0, 0)
    assert await kept.happened() == [(CREATED, tweet_id)]


async def test_what_a_write_tells_of_its_tweet_is_what_a_read_finds(kept: Kept) -> None:
    first = await kept.store.insert(original(ADA, "hello #world"), claim=claim("one"))
    answer = await kept.store.insert(reply(BOB, await kept.one(first.id)), claim=None)
    for written in (first, answer):
        assert written.tweet in {None, (await kept.store.load([written.id], viewer_id=ADA)).tweets[written.id]}
    again = await kept.store.insert(original(ADA, "hello #world"), claim=claim("one"))
    # What others made of it since, only a read knows.
    assert (again.id, again.repeated, again.tweet) == (first.id, True, None)
    quoting = await kept.store.insert(quote(CYD, first.id), claim=None)
    assert quoting.tweet is None


async def test_the_event_tells_all_that_the_fan_out_needs(kept: Kept) -> None:
    first = await kept.tweet(ADA)
    answer = await kept.reply(BOB, first)
    again = await kept.retweet(CYD, answer)
    event = [record.event for record in await kept.log.read(0, limit=10)][-1]

    assert (event.key, event.actor_id, event.target_id) == (CYD, CYD, BOB)
    assert (event.tweet.tweet_id, event.tweet.author_id) == (again, CYD)
    assert (event.tweet.ref_tweet_id, event.tweet.ref_author_id) == (answer, BOB)
    assert event.tweet.is_retweet
    assert event.tweet.ref_is_reply


async def test_a_reply_keeps_its_conversation_and_counts_at_its_parent(kept: Kept) -> None:
    first = await kept.tweet(ADA)
    answer = await kept.one(await kept.reply(BOB, first))
    deeper = await kept.one(await kept.reply(CYD, answer.id))

    assert (answer.conversation_id, deeper.conversation_id) == (first, first)
    assert await kept.counted(first) == (0, 0, 1, 0)
    assert await kept.counted(answer.id) == (0, 0, 1, 0)


async def test_a_reply_that_quotes_counts_at_both(kept: Kept) -> None:
    parent, quoted = await kept.tweet(ADA), await kept.tweet(BOB)
    draft = replace(reply(CYD, await kept.one(parent)), quote_id=quoted)
    await kept.store.insert(draft, claim=None)

    assert await kept.counted(parent) == (0, 0, 1, 0)
    assert await kept.counted(quoted) == (0, 0, 0, 1)
    told = (await kept.log.read(0, limit=9))[-1].event.tweet
    assert (told.ref_tweet_id, told.quoted_tweet_id, told.is_retweet) == (parent, quoted, False)


async def test_a_deletion_tells_what_was_deleted_as_its_creation_did(kept: Kept) -> None:
    answer = await kept.reply(BOB, await kept.tweet(ADA))
    draft = replace(reply(CYD, await kept.one(answer)), quote_id=await kept.tweet(BOB))
    made = [
        (BOB, answer),
        (CYD, (await kept.store.insert(draft, claim=None)).id),
        (CYD, (await kept.store.insert(retweet(CYD, await kept.one(answer)), claim=None)).id),
    ]
    for author_id, tweet_id in reversed(made):
        await kept.store.delete(tweet_id, author_id)

    told: dict[object, list[object]] = {CREATED: [], DELETED: []}
    for record in await kept.log.read(0, limit=99):
        if record.event.type in told and record.event.entity_id in {tweet_id for _, tweet_id in made}:
            told[record.event.type].append(record.event.tweet)
    assert len(told[CREATED]) == len(made)
    assert told[DELETED] == told[CREATED][::-1]


@pytest.mark.parametrize("kind", [Kind.REPLY, Kind.QUOTE, Kind.RETWEET])
async def test_nothing_can_refer_to_a_tweet_that_was_deleted_meanwhile(kept: Kept, kind: Kind) -> None:
    seen = await kept.one(await kept.tweet(ADA))
    await kept.store.delete(seen.id, ADA)
    draft = {Kind.REPLY: reply(BOB, seen), Kind.QUOTE: quote(BOB, seen.id), Kind.RETWEET: retweet(BOB, seen)}[kind]
    before = await kept.happened()

    with pytest.raises(NotFound):
        await kept.store.insert(draft, claim=claim("k"))
    assert await kept.happened() == before
    assert await kept.store.settled(claim("k")) is None
    assert await kept.author_counts(BOB) == [AuthorCounts(0, 0)]


async def test_a_failed_half_of_a_reply_that_quotes_leaves_no_count(kept: Kept) -> None:
    parent, quoted = await kept.tweet(ADA), await kept.tweet(BOB)
    await kept.store.delete(quoted, BOB)
    draft = replace(reply(CYD, await kept.one(parent)), quote_id=quoted)

    with pytest.raises(NotFound):
        await kept.store.insert(draft, claim=None)
    assert await kept.counted(parent) == (0, 0, 0, 0)


async def test_ids_rise_in_the_order_of_the_log(kept: Kept) -> None:
    await asyncio.gather(*(kept.tweet(author) for author in range(1, 101)))
    created = [tweet_id for _, tweet_id in await kept.happened()]

    assert created == sorted(created)
    assert len(set(created)) == 100


async def test_a_repeat_under_a_key_is_the_first_tweet(kept: Kept) -> None:
    first = await kept.store.insert(original(), claim=claim("k"))

    assert first.repeated is False
    assert await kept.store.insert(original(), claim=claim("k")) == Written(first.id, repeated=True)
    assert await kept.store.settled(claim("k")) == first.id
    assert await kept.happened() == [(CREATED, first.id)]


async def test_a_repeat_is_the_first_tweet_even_when_that_was_deleted(kept: Kept) -> None:
    first = await kept.store.insert(original(), claim=claim("k"))
    await kept.store.delete(first.id, ADA)

    assert await kept.store.insert(original(), claim=claim("k")) == Written(first.id, repeated=True)


async def test_a_key_with_another_body_is_a_conflict_everywhere(kept: Kept) -> None:
    first = await kept.store.insert(original(), claim=claim("k", b"one"))

    with pytest.raises(Conflict):
        await kept.store.insert(original(content="other"), claim=claim("k", b"two"))
    with pytest.raises(Conflict):
        await kept.store.settled(claim("k", b"two"))
    with pytest.raises(Conflict):
        await kept.store.like(first.id, BOB, claim=claim("k", b"two"))
    assert await kept.ids_of(ADA) == [first.id]


async def test_keys_of_other_callers_and_other_calls_are_other_keys(kept: Kept) -> None:
    mine = claim("k")
    await kept.store.insert(original(), claim=mine)

    assert await kept.store.settled(replace(mine, caller="2")) is None
    assert await kept.store.settled(replace(mine, rpc="/other")) is None


async def test_fifty_inserts_under_one_key_are_one_tweet(kept: Kept) -> None:
    written = await asyncio.gather(*(kept.store.insert(original(), claim=claim("k")) for _ in range(50)))

    assert len({each.id for each in written}) == 1
    assert [each.repeated for each in written].count(False) == 1
    assert await kept.author_counts(ADA) == [AuthorCounts(1, 0)]
    assert len(await kept.happened()) == 1


async def test_retweeting_twice_is_the_first_retweet(kept: Kept) -> None:
    tweet = await kept.one(await kept.tweet(ADA))
    first = await kept.store.insert(retweet(BOB, tweet), claim=None)

    assert await kept.store.insert(retweet(BOB, tweet), claim=None) == Written(first.id, repeated=True)
    assert await kept.counted(tweet.id) == (0, 1, 0, 0)


async def test_the_key_of_a_repeated_retweet_is_settled_too(kept: Kept) -> None:
    # Else the key would make a second retweet once the first is undone.
    tweet = await kept.one(await kept.tweet(ADA))
    first = await kept.store.insert(retweet(BOB, tweet), claim=None)
    await kept.store.insert(retweet(BOB, tweet), claim=claim("k"))
    await kept.store.undo_retweet(tweet.id, BOB)

    assert await kept.store.settled(claim("k")) == first.id
    assert await kept.store.insert(retweet(BOB, tweet), claim=claim("k")) == Written(first.id, repeated=True)
    assert await kept.counted(tweet.id) == (0, 0, 0, 0)


async def test_a_used_key_is_a_conflict_also_for_what_is_retweeted_already(kept: Kept) -> None:
    one, other = await kept.one(await kept.tweet(ADA)), await kept.one(await kept.tweet(ADA))
    await kept.store.insert(retweet(BOB, one), claim=claim("k", b"one"))
    await kept.store.insert(retweet(BOB, other), claim=None)

    with pytest.raises(Conflict):
        await kept.store.insert(retweet(BOB, other), claim=claim("k", b"other"))


async def test_undoing_a_retweet_is_deleting_it(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    made = await kept.retweet(BOB, tweet)
    await kept.store.undo_retweet(tweet, BOB)

    assert (await kept.one(made)).deleted
    assert await kept.counted(tweet) == (0, 0, 0, 0)
    assert (await kept.happened())[-1] == (DELETED, made)
    assert await kept.ids_of(BOB) == []


async def test_undoing_a_retweet_that_is_not_there_changes_nothing(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    before = await kept.happened()
    await kept.store.undo_retweet(tweet, BOB)

    assert await kept.happened() == before


async def test_a_retweet_after_its_undoing_is_a_new_one(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    first = await kept.retweet(BOB, tweet)
    await kept.store.undo_retweet(tweet, BOB)

    assert await kept.retweet(BOB, tweet) > first
    assert await kept.counted(tweet) == (0, 1, 0, 0)


async def test_deleting_is_soft_and_undoes_what_was_counted(kept: Kept) -> None:
    parent = await kept.tweet(ADA)
    answer = await kept.reply(BOB, parent)
    quoting = (await kept.store.insert(quote(CYD, parent), claim=None)).id
    await kept.store.delete(answer, BOB)
    await kept.store.delete(quoting, CYD)

    assert (await kept.one(answer)).deleted
    assert await kept.counted(parent) == (0, 0, 0, 0)
    assert (await kept.happened())[-2:] == [(DELETED, answer), (DELETED, quoting)]
    assert await kept.author_counts(ADA, BOB, CYD) == [
        AuthorCounts(1, 0),
        AuthorCounts(0, 0),
        AuthorCounts(0, 0),
    ]


async def test_deleting_a_retweet_by_its_own_id_undoes_it(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    made = await kept.retweet(BOB, tweet)
    await kept.store.delete(made, BOB)

    assert await kept.counted(tweet) == (0, 0, 0, 0)
    assert (await kept.store.load([tweet], viewer_id=BOB)).retweeted == frozenset()


async def test_only_the_author_deletes_and_only_once(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)

    with pytest.raises(Forbidden):
        await kept.store.delete(tweet, BOB)
    await kept.store.delete(tweet, ADA)
    with pytest.raises(NotFound):
        await kept.store.delete(tweet, ADA)
    with pytest.raises(NotFound):
        await kept.store.delete(12345, ADA)


async def test_a_like_counts_once_for_the_tweet_and_its_author(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)

    assert await kept.store.like(tweet, BOB, claim=None) is True
    assert await kept.store.like(tweet, BOB, claim=None) is False
    assert await kept.counted(tweet) == (1, 0, 0, 0)
    assert await kept.author_counts(ADA, BOB) == [AuthorCounts(1, 1), AuthorCounts(0, 0)]
    assert (await kept.happened())[1:] == [(LIKED, tweet)]


async def test_an_unlike_takes_it_back_once(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await kept.store.unlike(tweet, BOB)
    await kept.store.unlike(tweet, BOB)

    assert await kept.counted(tweet) == (0, 0, 0, 0)
    assert await kept.author_counts(ADA) == [AuthorCounts(1, 0)]
    assert (await kept.happened())[1:] == [(LIKED, tweet), (UNLIKED, tweet)]


async def test_a_settled_key_does_not_like_again(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=claim("k"))
    await kept.store.unlike(tweet, BOB)

    assert await kept.store.like(tweet, BOB, claim=claim("k")) is False
    assert await kept.counted(tweet) == (0, 0, 0, 0)


async def test_a_deleted_tweet_cannot_be_liked_and_takes_its_likes_along(kept: Kept) -> None:
    tweet = await kept.tweet(ADA)
    await kept.store.like(tweet, BOB, claim=None)
    await kept.store.delete(tweet, ADA)

    with pytest.raises(NotFound):
        await kept.store.like(tweet, CYD, claim=None)
    with pytest.raises(NotFound):
        await kept.store.unlike(tweet, BOB)
    assert await kept.author_counts(ADA) == [AuthorCounts(0, 0)]


async def test_counters_equal_the_sets_whatever_fifty_people_do_at_once(kept: Kept) -> None:
    tweets = [await kept.one(await kept.tweet(ADA)) for _ in range(4)]

    async def act(person: int) -> None:
        draws = random.Random(person)
        for _ in range(8):
            tweet = draws.choice(tweets)
            deed = draws.choice([kept.store.unlike, kept.store.undo_retweet, None, None, None])
            if deed is not None:
                await deed(tweet.id, person)
            elif draws.random() < 0.5:
                await kept.store.like(tweet.id, person, claim=None)
            else:
                await kept.store.insert(retweet(person, tweet), claim=None)

    people = range(100, 150)
    await asyncio.gather(*(act(person) for person in people))

    await kept.settle()
    ids = [tweet.id for tweet in tweets]
    seen = {person: await kept.store.load(ids, viewer_id=person) for person in people}
    for tweet in tweets:
        stored = await kept.one(tweet.id)
        assert stored.likes == sum(tweet.id in loaded.liked for loaded in seen.values())
        assert stored.retweets == sum(tweet.id in loaded.retweeted for loaded in seen.values())
    assert await kept.author_counts(ADA) == [AuthorCounts(4, sum([(await kept.one(tweet)).likes for tweet in ids]))]
    kinds = [kind for kind, _ in await kept.happened()]
    assert kinds.count(LIKED) - kinds.count(UNLIKED) == sum(len(loaded.liked) for loaded in seen.values())
    assert kinds.count(CREATED) - kinds.count(DELETED) == 4 + sum(len(loaded.retweeted) for loaded in seen.values())


async def test_of_fifty_deletions_at_once_one_succeeds(kept: Kept) -> None:
    parent = await kept.tweet(ADA)
    answer = await kept.reply(BOB, parent)
    outcomes = await asyncio.gather(*(kept.store.delete(answer, BOB) for _ in range(50)), return_exceptions=True)

    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(isinstance(outcome, NotFound) for outcome in outcomes if outcome is not None)
    assert await kept.counted(parent) == (0, 0, 0, 0)
    assert await kept.author_counts(BOB) == [AuthorCounts(0, 0)]
