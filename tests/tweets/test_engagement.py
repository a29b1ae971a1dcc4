"""Bookmarks, pins and who engaged as their callers meet them, over a real gRPC server."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal
from tests.tweets.doings import (
    block,
    bookmark,
    keyed,
    like,
    mute,
    pin,
    profile,
    remove_bookmark,
    seen,
    suspend,
    unpin,
)

from aviary import ids
from aviary.api.tweets.v1 import engagement_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2

LISTS = pytest.mark.parametrize("name", ["ListLikers", "ListRetweeters"])


async def page(
    person: Person, name: str, tweet_id: int, *, limit: int | None = None, cursor: str = ""
) -> pb.EngagedUsers:
    request = pb.ListEngagedRequest(id=tweet_id, limit=limit, cursor=cursor)
    answer: pb.EngagedUsers = await getattr(person.clients.engagement, name)(request, metadata=person.signed)
    return answer


async def people(person: Person, name: str, tweet_id: int, *, limit: int = 2) -> list[str]:
    """The whole list; every page but the last is full."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await page(person, name, tweet_id, limit=limit, cursor=cursor)
        found += [user.username for user in answer.users]
        if not answer.pagination.has_more:
            return found
        assert len(answer.users) == limit
        cursor = answer.pagination.next_cursor


async def engage(name: str, tweet_id: int, *persons: Person) -> None:
    for person in persons:
        if name == "ListLikers":
            await like(person, tweet_id)
        else:
            await person.retweet(tweet_id)


async def indexed(served: Serving, index: int, **fields: object) -> list[int]:
    request = tweets_pb2.ListIndexedRequest(index=index, limit=10, **fields)  # type: ignore[arg-type]
    return list(ids.unpack((await served.clients.tweets.ListIndexed(request, metadata=served.as_operator())).ids))


async def test_a_bookmark_is_counted_for_all_and_flagged_for_its_owner_alone(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    await bookmark(bob, tweet.id)
    await bookmark(bob, tweet.id)

    assert [
        (each.bookmark_count, each.is_bookmarked) for each in (await seen(bob, tweet.id), await seen(ada, tweet.id))
    ] == [
        (1, True),
        (1, False),
    ]
    await remove_bookmark(bob, tweet.id)
    await remove_bookmark(bob, tweet.id)
    after = await seen(bob, tweet.id)
    assert (after.bookmark_count, after.is_bookmarked) == (0, False)


async def test_a_bookmarked_retweet_is_its_original(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    tweet = await ada.tweet("hello")
    retweet = await bob.retweet(tweet.id)
    await bookmark(cyd, retweet.id)
    assert (await seen(cyd, tweet.id)).is_bookmarked
    await bob.delete(retweet.id)
    await remove_bookmark(cyd, retweet.id)

    assert not (await seen(cyd, tweet.id)).is_bookmarked


async def test_what_one_kept_can_be_dropped_when_it_may_not_be_seen_any_more(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet, gone = await ada.tweet("hello"), await ada.tweet("gone")
    for each in (tweet, gone):
        await bookmark(bob, each.id)
    await ada.delete(gone.id)
    await block(ada, bob)
    for each in (tweet, gone):
        await remove_bookmark(bob, each.id)

    assert (await seen(ada, tweet.id)).bookmark_count == 0
    assert await indexed(served, tweets_pb2.INDEX_BOOKMARKS, owner_id=bob.id) == []


async def test_nobody_engages_with_what_they_may_not_see(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet, gone = await ada.tweet("hello"), await ada.tweet("gone")
    await ada.delete(gone.id)
    await block(ada, bob)
    client = bob.clients.engagement

    for tweet_id in (tweet.id, gone.id, 0, -1, 12345):
        for call in (
            client.Bookmark(pb.BookmarkRequest(id=tweet_id), metadata=bob.signed),
            client.Pin(pb.PinRequest(id=tweet_id), metadata=bob.signed),
            client.Vote(pb.VoteRequest(id=tweet_id, option=0), metadata=bob.signed),
            client.ListLikers(pb.ListEngagedRequest(id=tweet_id), metadata=bob.signed),
            client.ListRetweeters(pb.ListEngagedRequest(id=tweet_id), metadata=bob.signed),
        ):
            error = await refusal(call)
            assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, f"there is no tweet {tweet_id}")


async def test_a_key_bookmarks_once_and_is_answered_also_when_the_tweet_is_gone(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet, other = await ada.tweet("hello"), await ada.tweet("other")
    client, metadata = bob.clients.engagement, keyed(bob, "k")
    await client.Bookmark(pb.BookmarkRequest(id=tweet.id), metadata=metadata)
    await remove_bookmark(bob, tweet.id)
    await client.Bookmark(pb.BookmarkRequest(id=tweet.id), metadata=metadata)
    assert (await seen(ada, tweet.id)).bookmark_count == 0

    await ada.delete(tweet.id)
    await client.Bookmark(pb.BookmarkRequest(id=tweet.id), metadata=metadata)
    error = await refusal(client.Bookmark(pb.BookmarkRequest(id=other.id), metadata=metadata))
    assert error.code() is StatusCode.ALREADY_EXISTS


async def test_only_ones_own_tweet_can_be_pinned(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    tweet = await ada.tweet("hello")
    retweet = await bob.retweet(tweet.id)

    error = await refusal(bob.clients.engagement.Pin(pb.PinRequest(id=tweet.id), metadata=bob.signed))
    assert (error.code(), error.details()) == (
        StatusCode.PERMISSION_DENIED,
        f"tweet {tweet.id} is somebody else's; only its author may pin it",
    )
    error = await refusal(bob.clients.engagement.Pin(pb.PinRequest(id=retweet.id), metadata=bob.signed))
    assert (error.code(), error.details()) == (
        StatusCode.FAILED_PRECONDITION,
        f"tweet {retweet.id} is a retweet; only a tweet of one's own can be pinned",
    )


async def test_a_pin_is_one_and_goes_with_its_tweet(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    one, two = await ada.tweet("one"), await ada.tweet("two")
    request = tweets_pb2.BatchGetPinsRequest(user_ids=[bob.id, ada.id])

    async def pins() -> list[int]:
        answer = await served.clients.tweets.BatchGetPins(request, metadata=served.as_operator())
        return list(answer.tweet_ids)

    await pin(ada, one.id)
    await pin(ada, two.id)
    assert await pins() == [0, two.id]
    await unpin(ada, one.id)
    assert await pins() == [0, two.id]
    assert (await profile(bob, ada)).pinned_tweet_id == two.id
    await ada.delete(two.id)
    assert await pins() == [0, 0]
    await pin(ada, one.id)
    await unpin(ada, one.id)
    assert await pins() == [0, 0]


@LISTS
async def test_who_engaged_is_listed_newest_first_in_full_pages(served: Serving, name: str) -> None:
    ada, *others = await served.register("ada", "u1", "u2", "u3", "u4", "u5")
    tweet = await ada.tweet("hello")
    await engage(name, tweet.id, *others)

    assert await people(ada, name, tweet.id) == ["u5", "u4", "u3", "u2", "u1"]
    retweet = await others[0].retweet(tweet.id)
    assert await people(ada, name, retweet.id, limit=9) == ["u5", "u4", "u3", "u2", "u1"]
    (newest,) = (await page(ada, name, tweet.id, limit=1)).users
    assert (newest.display_name, newest.HasField("created_at")) == ("u5", True)


@LISTS
async def test_a_list_of_people_leaves_out_those_who_are_blocked_either_way_or_suspended(
    served: Serving, name: str
) -> None:
    ada, *others = await served.register("ada", "u1", "u2", "u3", "u4", "u5", "u6")
    tweet = await ada.tweet("hello")
    await engage(name, tweet.id, *others)
    u1, u2, u3, u4, *_ = others
    await block(u1, u2)
    await block(u3, u1)
    await suspend(served, u4)
    await mute(u1, others[4])

    assert await people(u1, name, tweet.id) == ["u6", "u5", "u1"]
    assert await people(ada, name, tweet.id) == ["u6", "u5", "u3", "u2", "u1"]


@LISTS
async def test_a_page_of_people_is_full_although_nearly_all_are_blocked(served: Serving, name: str) -> None:
    ada, bob, *others = await served.register("ada", "bob", *(f"u{number}" for number in range(40)))
    tweet = await ada.tweet("hello")
    await engage(name, tweet.id, *others)
    for person in others[2:]:
        await block(bob, person)

    answer = await page(bob, name, tweet.id, limit=2)
    assert [user.username for user in answer.users] == ["u1", "u0"]
    assert not answer.pagination.has_more


@LISTS
async def test_a_list_of_people_is_refused_out_of_its_bounds(served: Serving, name: str) -> None:
    ada, bob = await served.register("ada", "bob")
    one, two = await ada.tweet("one"), await ada.tweet("two")
    await engage(name, one.id, ada, bob)
    cursor = (await page(ada, name, one.id, limit=1)).pagination.next_cursor
    client = getattr(ada.clients.engagement, name)

    for request in (
        pb.ListEngagedRequest(id=one.id, limit=0),
        pb.ListEngagedRequest(id=one.id, limit=101),
        pb.ListEngagedRequest(id=one.id, cursor="x"),
        pb.ListEngagedRequest(id=two.id, cursor=cursor),
    ):
        assert (await refusal(client(request, metadata=ada.signed))).code() is StatusCode.INVALID_ARGUMENT


async def test_indices_are_for_services_and_within_their_bounds(served: Serving) -> None:
    (ada,) = await served.register("ada")
    tweet = await ada.tweet("Hello #Café")
    assert await indexed(served, tweets_pb2.INDEX_HASHTAG, tag="CAFE\u0301") == [tweet.id]

    client = served.clients.tweets.ListIndexed
    request = tweets_pb2.ListIndexedRequest(index=tweets_pb2.INDEX_LIKES, owner_id=ada.id, limit=10)
    assert (await refusal(client(request, metadata=ada.signed))).code() is StatusCode.PERMISSION_DENIED
    for bad in (
        tweets_pb2.ListIndexedRequest(index=tweets_pb2.INDEX_LIKES, limit=0),
        tweets_pb2.ListIndexedRequest(index=tweets_pb2.INDEX_LIKES, limit=1_001),
        tweets_pb2.ListIndexedRequest(limit=1),
    ):
        assert (await refusal(client(bad, metadata=served.as_operator()))).code() is StatusCode.INVALID_ARGUMENT
