"""Conversations and quotes as their readers meet them, over a real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving

from aviary.api.graph.v1 import relations_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.settings import Settings


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def conversation(person: Person, tweet_id: int, **fields: object) -> pb.TweetList:
    request = pb.GetConversationRequest(id=tweet_id, **fields)  # type: ignore[arg-type]
    return await person.clients.tweets.GetConversation(request, metadata=person.signed)


async def walked(person: Person, tweet_id: int, *, limit: int = 2, **fields: object) -> list[int]:
    """The whole conversation, page by page."""
    found: list[int] = []
    cursor = ""
    while True:
        page = await conversation(person, tweet_id, limit=limit, cursor=cursor, **fields)
        found.extend(each.id for each in page.tweets)
        if not page.pagination.has_more:
            return found
        assert page.pagination.next_cursor != cursor
        cursor = page.pagination.next_cursor


async def quotes(person: Person, tweet_id: int, **fields: object) -> pb.TweetList:
    request = pb.ListQuotesRequest(id=tweet_id, **fields)  # type: ignore[arg-type]
    return await person.clients.tweets.ListQuotes(request, metadata=person.signed)


async def like(person: Person, tweet_id: int) -> None:
    await person.clients.tweets.LikeTweet(pb.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def test_a_conversation_holds_what_a_tweet_replies_to_and_all_replies_below_it(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    root = (await ada.tweet("root")).id
    middle = (await bob.tweet("middle", reply_to=root)).id
    beside = (await cyd.tweet("beside", reply_to=root)).id
    below = (await ada.tweet("below", reply_to=middle)).id
    deeper = (await cyd.tweet("deeper", reply_to=below)).id
    last = (await bob.tweet("last", reply_to=middle)).id
    await bob.tweet("no part of it", quoting=middle)
    await cyd.retweet(middle)

    assert await walked(ada, root) == [last, deeper, below, beside, middle, root]
    assert await walked(ada, middle) == [last, deeper, below, middle, root]
    assert await walked(ada, deeper) == [deeper, below, middle, root]
    assert await walked(ada, beside, limit=1) == [beside, root]


async def test_a_retweet_stands_for_its_original_in_its_conversation_too(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    reply = (await bob.tweet("reply", reply_to=root)).id
    assert await walked(bob, (await bob.retweet(root)).id) == [reply, root]


async def test_a_deleted_tweet_leaves_the_conversation_and_the_rest_keeps_its_place(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    first = (await bob.tweet("first", reply_to=root)).id
    second = (await ada.tweet("second", reply_to=first)).id
    third = (await bob.tweet("third", reply_to=second)).id
    await ada.delete(second)

    assert await walked(ada, root) == [third, first, root]
    assert await walked(ada, first) == [third, first, root]
    assert await walked(ada, third) == [third, first, root]
    for order in ("latest", "ranked"):
        error = await refusal(conversation(ada, second, order=order))
        assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, f"there is no tweet {second}")


async def test_no_more_than_the_nearest_hundred_tweets_replied_to_are_given(served: Serving) -> None:
    (ada,) = await served.register("ada")
    chain = [(await ada.tweet("0")).id]
    for number in range(1, 103):
        chain.append((await ada.tweet(str(number), reply_to=chain[-1])).id)

    assert await walked(ada, chain[102], limit=60) == chain[102:1:-1]
    assert await walked(ada, chain[102], limit=60, order="ranked") == chain[102:1:-1]


async def test_ranked_gives_the_context_first_then_the_authors_own_replies_then_the_most_engaging(
    served: Serving,
) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    root = (await bob.tweet("root")).id
    asked = (await ada.tweet("asked for", reply_to=root)).id
    quiet = (await bob.tweet("quiet", reply_to=asked)).id
    liked = (await cyd.tweet("liked", reply_to=asked)).id
    retweeted = (await bob.tweet("retweeted", reply_to=asked)).id
    own = (await ada.tweet("own", reply_to=liked)).id
    await like(ada, quiet)
    await like(bob, quiet)
    await ada.retweet(retweeted)
    await like(cyd, retweeted)

    # `liked` has a reply, 2; `quiet` two likes, 2; `retweeted` a retweet and a like, 3: equals by age, newest first.
    expected = [asked, root, own, retweeted, liked, quiet]
    assert await walked(cyd, asked, order="ranked", limit=50) == expected
    assert await walked(cyd, asked, order="ranked", limit=1) == expected


async def test_ranked_pages_are_stable_while_replies_come_and_go(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    replies = [(await bob.tweet(str(number), reply_to=root)).id for number in range(4)]
    await like(ada, replies[3])
    first = await conversation(ada, root, order="ranked", limit=2)
    assert [each.id for each in first.tweets] == [root, replies[3]]

    newcomer = (await bob.tweet("too late to take part", reply_to=root)).id
    await bob.delete(replies[3])
    rest = await conversation(ada, root, order="ranked", limit=9, cursor=first.pagination.next_cursor)
    assert [each.id for each in rest.tweets] == [replies[2], replies[1], replies[0]]
    assert newcomer in await walked(ada, root, order="ranked")


async def test_ranked_goes_on_when_the_last_tweet_of_a_page_is_gone_for_good(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    replies = [(await bob.tweet(str(number), reply_to=root)).id for number in range(3)]
    first = await conversation(ada, root, order="ranked", limit=2)
    assert [each.id for each in first.tweets] == [root, replies[2]]

    await served.database("tweets").write(lambda tx: tx.execute("DELETE FROM tweets WHERE id = ?", (replies[2],)))
    rest = await conversation(ada, root, order="ranked", cursor=first.pagination.next_cursor)
    assert [each.id for each in rest.tweets] == [replies[1], replies[0]]


async def test_since_id_gives_only_what_is_newer_in_either_order(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    one = (await bob.tweet("one", reply_to=root)).id
    two = (await bob.tweet("two", reply_to=one)).id

    for order in ("latest", "ranked"):
        assert await walked(ada, root, since_id=one, order=order) == [two]
        assert await walked(ada, one, since_id=two, order=order) == []
    assert await walked(ada, one, since_id=root) == [two, one]


async def test_what_was_asked_for_shows_in_spite_of_a_mute_and_replies_do_not(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    root = (await bob.tweet("root")).id
    middle = (await cyd.tweet("middle", reply_to=root)).id
    muted = (await bob.tweet("muted", reply_to=middle)).id
    below = (await cyd.tweet("below what is muted", reply_to=muted)).id
    await ada.clients.relations.Mute(relations_pb2.MuteRequest(id=bob.id), metadata=ada.signed)

    assert await walked(ada, middle, limit=9) == [below, middle, root]
    assert await walked(ada, muted, limit=9) == [below, muted, middle, root]
    assert await walked(ada, middle, limit=9, order="ranked") == [middle, root, below]


async def test_a_muted_persons_reply_is_not_listed_and_the_page_is_full_all_the_same(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    tweet = (await ada.tweet("root")).id
    wanted = [(await cyd.tweet(str(number), reply_to=tweet)).id for number in range(2)]
    for number in range(5):
        await bob.tweet(str(number), reply_to=tweet)
    await ada.clients.relations.Mute(relations_pb2.MuteRequest(id=bob.id), metadata=ada.signed)

    request = pb.ListRepliesRequest(id=tweet, limit=2)
    page = await ada.clients.tweets.ListReplies(request, metadata=ada.signed)
    assert ([each.id for each in page.tweets], page.pagination.has_more) == ([wanted[1], wanted[0]], False)


async def test_nothing_of_a_blocked_person_is_in_a_conversation_on_either_side(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    root = (await bob.tweet("root")).id
    middle = (await cyd.tweet("middle", reply_to=root)).id
    last = (await ada.tweet("last", reply_to=middle)).id
    await ada.clients.relations.Block(relations_pb2.BlockRequest(id=bob.id), metadata=ada.signed)

    assert await walked(ada, last) == [last, middle]
    assert await walked(bob, middle) == [middle, root]
    assert (await refusal(conversation(ada, root))).code() is StatusCode.NOT_FOUND
    assert (await refusal(quotes(ada, root))).code() is StatusCode.NOT_FOUND


async def test_quotes_come_newest_first_and_say_exactly_when_they_end(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = (await ada.tweet("quoted")).id
    made = [(await bob.tweet(str(number), quoting=tweet)).id for number in range(4)]
    both = await bob.clients.tweets.CreateTweet(
        pb.CreateTweetRequest(content="a reply that quotes", reply_to_id=tweet, quote_tweet_id=tweet),
        metadata=bob.signed,
    )
    await bob.delete(made[2])

    first = await quotes(ada, tweet, limit=2)
    assert [each.id for each in first.tweets] == [both.id, made[3]]
    rest = await quotes(ada, tweet, limit=2, cursor=first.pagination.next_cursor)
    assert ([each.id for each in rest.tweets], rest.pagination.has_more) == ([made[1], made[0]], False)
    newer = await quotes(ada, tweet, since_id=made[3])
    assert [each.id for each in newer.tweets] == [both.id]
    assert (await quotes(ada, made[0])).tweets == []


async def test_a_muted_persons_quote_is_not_shown_and_the_page_is_full_all_the_same(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    tweet = (await ada.tweet("quoted")).id
    wanted = [(await cyd.tweet(str(number), quoting=tweet)).id for number in range(2)]
    for number in range(5):
        await bob.tweet(str(number), quoting=tweet)
    await ada.clients.relations.Mute(relations_pb2.MuteRequest(id=bob.id), metadata=ada.signed)

    page = await quotes(ada, tweet, limit=2)
    assert ([each.id for each in page.tweets], page.pagination.has_more) == ([wanted[1], wanted[0]], False)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"order": "oldest"}, "order is 'oldest'; it must be latest or ranked"),
        ({"order": ""}, "order is ''; it must be latest or ranked"),
        ({"limit": 0}, "limit is 0; it must be from 1 to 100"),
        ({"limit": 101}, "limit is 101; it must be from 1 to 100"),
        ({"since_id": -1}, "since_id is -1; ids are positive"),
        ({"cursor": "AAAA"}, "the cursor is damaged or belongs to another list; start again without one"),
    ],
)
async def test_what_a_conversation_cannot_be_asked_is_refused_with_the_reason(
    served: Serving, fields: dict[str, object], sentence: str
) -> None:
    (ada,) = await served.register("ada")
    error = await refusal(conversation(ada, (await ada.tweet("hello")).id, **fields))
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, sentence)


async def test_a_cursor_of_one_order_is_no_cursor_of_the_other(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    root = (await ada.tweet("root")).id
    await bob.tweet("reply", reply_to=root)
    cursor = (await conversation(ada, root, limit=1)).pagination.next_cursor
    error = await refusal(conversation(ada, root, order="ranked", cursor=cursor))
    assert error.code() is StatusCode.INVALID_ARGUMENT
