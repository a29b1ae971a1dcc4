"""What people do to each other, and every list of tweets walked to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from google.protobuf.struct_pb2 import ListValue, Value
from tests.rpc.serving import Metadata, Person, Serving

from aviary.api.graph.v1 import lists_pb2, relations_pb2
from aviary.api.timelines.v1 import timelines_pb2 as pb
from aviary.api.tweets.v1 import engagement_pb2, tweets_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2

Fetch = Callable[[int, str, int | None], Awaitable[tweets_pb2.TweetList]]


@dataclass(frozen=True, slots=True)
class Pages:
    """A walk down one list, page by page."""

    pages: Sequence[tweets_pb2.TweetList]

    @property
    def ids(self) -> list[int]:
        return [tweet.id for page in self.pages for tweet in page.tweets]


async def walk(fetch: Fetch, *, limit: int = 20, since_id: int | None = None) -> Pages:
    """Read a list to its end."""
    pages: list[tweets_pb2.TweetList] = []
    cursor = ""
    while True:
        page = await fetch(limit, cursor, since_id)
        pages.append(page)
        if not page.pagination.has_more:
            return Pages(pages)
        assert page.pagination.next_cursor != cursor, "a cursor moves on"
        cursor = page.pagination.next_cursor


class Reader:
    """The lists of one person."""

    def __init__(self, person: Person) -> None:
        self._timelines, self._tweets = person.clients.timelines, person.clients.tweets
        self._signed: Metadata = person.signed

    def home(self) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetHomeTimeline(
            pb.GetHomeTimelineRequest(limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def user(self, user_id: int) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetUserTimeline(
            pb.GetUserTimelineRequest(id=user_id, limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def mentions(self) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetMentions(
            pb.GetCollectionRequest(limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def likes(self) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetLikes(
            pb.GetCollectionRequest(limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def bookmarks(self) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetBookmarks(
            pb.GetCollectionRequest(limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def curated(self, list_id: int) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetListTimeline(
            pb.GetListTimelineRequest(id=list_id, limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def hashtag(self, tag: str) -> Fetch:
        return lambda limit, cursor, since_id: self._timelines.GetHashtagTimeline(
            pb.GetHashtagTimelineRequest(tag=tag, limit=limit, cursor=cursor, since_id=since_id), metadata=self._signed
        )

    def replies(self, tweet_id: int) -> Fetch:
        return lambda limit, cursor, since_id: self._tweets.ListReplies(
            tweets_pb2.ListRepliesRequest(id=tweet_id, limit=limit, cursor=cursor, since_id=since_id),
            metadata=self._signed,
        )

    async def count_home(self, since_id: int) -> tuple[int, bool]:
        answer = await self._timelines.CountHomeTimeline(
            pb.CountHomeTimelineRequest(since_id=since_id), metadata=self._signed
        )
        return answer.count, answer.has_more


async def like(person: Person, *tweet_ids: int) -> None:
    for tweet_id in tweet_ids:
        await person.clients.tweets.LikeTweet(tweets_pb2.LikeTweetRequest(id=tweet_id), metadata=person.signed)


async def unlike(person: Person, tweet_id: int) -> None:
    await person.clients.tweets.UnlikeTweet(tweets_pb2.UnlikeTweetRequest(id=tweet_id), metadata=person.signed)


async def bookmark(person: Person, *tweet_ids: int) -> None:
    for tweet_id in tweet_ids:
        request = engagement_pb2.BookmarkRequest(id=tweet_id)
        await person.clients.engagement.Bookmark(request, metadata=person.signed)


async def block(person: Person, other: Person) -> None:
    await person.clients.relations.Block(relations_pb2.BlockRequest(id=other.id), metadata=person.signed)


async def unblock(person: Person, other: Person) -> None:
    await person.clients.relations.Unblock(relations_pb2.UnblockRequest(id=other.id), metadata=person.signed)


async def mute(person: Person, other: Person, *, until_ms: int = 0) -> None:
    request = relations_pb2.MuteRequest(id=other.id)
    if until_ms:
        request.expires_at.FromMilliseconds(until_ms)
    await person.clients.relations.Mute(request, metadata=person.signed)


async def unmute(person: Person, other: Person) -> None:
    await person.clients.relations.Unmute(relations_pb2.UnmuteRequest(id=other.id), metadata=person.signed)


async def protect(person: Person, *, protected: bool = True) -> None:
    request = accounts_pb2.UpdateSettingsRequest(protected=protected)
    await person.clients.accounts.UpdateSettings(request, metadata=person.signed)


async def mute_words(person: Person, *words: str) -> None:
    chosen = ListValue()
    chosen.extend(words)
    request = accounts_pb2.UpdateSettingsRequest(muted_words=Value(list_value=chosen))
    await person.clients.accounts.UpdateSettings(request, metadata=person.signed)


async def suspend(served: Serving, person: Person, *, suspended: bool = True) -> None:
    admin = served.clients.admin
    if suspended:
        await admin.SuspendUser(admin_pb2.SuspendUserRequest(id=person.id), metadata=served.as_operator())
    else:
        await admin.UnsuspendUser(admin_pb2.UnsuspendUserRequest(id=person.id), metadata=served.as_operator())


async def make_list(owner: Person, *members: Person, private: bool = False) -> int:
    lists = owner.clients.lists
    made = await lists.CreateList(lists_pb2.CreateListRequest(name="some", private=private), metadata=owner.signed)
    for member in members:
        request = lists_pb2.ListMemberRequest(id=made.id, user_id=member.id)
        await lists.AddListMember(request, metadata=owner.signed)
    return made.id
