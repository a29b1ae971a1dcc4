"""What people do in tests of tweets, each in one call."""

from __future__ import annotations

from collections.abc import Sequence

from tests.rpc.serving import Metadata, Person, Serving

from aviary.api.graph.v1 import relations_pb2
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.api.users.v1 import admin_pb2, users_pb2


def keyed(person: Person, key: str) -> Metadata:
    """The metadata of a call under an idempotency key."""
    return (*person.signed, ("idempotency-key", key))


async def poll(person: Person, *options: str, minutes: int = 60) -> pb.Tweet:
    choice = pb.PollInput(options=options or ["yes", "no"], duration_minutes=minutes)
    request = pb.CreateTweetRequest(content="well?", poll=choice)
    return await person.clients.tweets.CreateTweet(request, metadata=person.signed)


async def vote(person: Person, tweet_id: int, option: int) -> pb.Tweet:
    request = engagement_pb2.VoteRequest(id=tweet_id, option=option)
    return await person.clients.engagement.Vote(request, metadata=person.signed)


async def like(person: Person, tweet_id: int) -> None:
    await person.clients.tweets.LikeTweet(pb.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def unlike(person: Person, tweet_id: int) -> None:
    await person.clients.tweets.UnlikeTweet(pb.UnlikeTweetRequest(id=tweet_id), metadata=person.signed)


async def bookmark(person: Person, tweet_id: int) -> None:
    request = engagement_pb2.BookmarkRequest(id=tweet_id)
    await person.clients.engagement.Bookmark(request, metadata=person.signed)


async def remove_bookmark(person: Person, tweet_id: int) -> None:
    request = engagement_pb2.RemoveBookmarkRequest(id=tweet_id)
    await person.clients.engagement.RemoveBookmark(request, metadata=person.signed)


async def pin(person: Person, tweet_id: int) -> None:
    await person.clients.engagement.Pin(engagement_pb2.PinRequest(id=tweet_id), metadata=person.signed)


async def unpin(person: Person, tweet_id: int) -> None:
    await person.clients.engagement.Unpin(engagement_pb2.UnpinRequest(id=tweet_id), metadata=person.signed)


async def seen(person: Person, tweet_id: int) -> pb.Tweet:
    return await person.clients.tweets.GetTweet(pb.GetTweetRequest(id=tweet_id), metadata=person.signed)


async def block(person: Person, other: Person) -> None:
    await person.clients.relations.Block(relations_pb2.BlockRequest(id=other.id), metadata=person.signed)


async def mute(person: Person, other: Person) -> None:
    await person.clients.relations.Mute(relations_pb2.MuteRequest(id=other.id), metadata=person.signed)


async def suspend(served: Serving, person: Person) -> None:
    request = admin_pb2.SuspendUserRequest(id=person.id)
    await served.clients.admin.SuspendUser(request, metadata=served.as_operator())


async def profile(person: Person, of: Person) -> users_pb2.User:
    return await person.clients.users.GetUser(users_pb2.GetUserRequest(id=of.id), metadata=person.signed)


async def scheduled(person: Person) -> Sequence[drafts_pb2.ScheduledTweet]:
    """The first page of what waits or failed."""
    request = drafts_pb2.ListDraftsRequest(limit=100)
    return (await person.clients.drafts.ListScheduled(request, metadata=person.signed)).scheduled


async def published(person: Person) -> Sequence[pb.Tweet]:
    """The first page of one's own tweets."""
    return (await person.user_page(person.id, limit=100)).tweets


async def fill_shelf(served: Serving, person: Person, count: int, *, publish_ms: int = 0) -> None:
    """Give somebody that many drafts, or scheduled tweets, at once."""
    row = "INSERT INTO drafts VALUES (?, ?, ?, x'', '', 'web', 0, 0)"
    rows = [(number, person.id, publish_ms) for number in range(1, count + 1)]
    await served.database("tweets").write(lambda tx: tx.executemany(row, rows))
