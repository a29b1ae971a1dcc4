"""Timelines between Protobuf and records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from google.protobuf.message import Message

from aviary.api.timelines.v1 import timelines_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.paging import Cursors, Page, PageRequest
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.surfaces import Index
from aviary.timelines.collections import Collection, tagged
from aviary.timelines.service import TimelineService


class TimelineRpc:
    """Serves aviary.api.timelines.v1.TimelineService."""

    def __init__(self, service: TimelineService[tweets_pb2.Tweet], cursors: Cursors) -> None:
        self._service = service
        self._cursors = cursors

    async def GetHomeTimeline(self, request: pb.GetHomeTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        order = request.order if request.HasField("order") else "latest"
        read = partial(self._service.home, call.user_id, order=order)
        return await self._listing(f"home:{call.user_id}", request, read)

    async def CountHomeTimeline(self, request: pb.CountHomeTimelineRequest, call: Call) -> pb.NewCount:
        count, has_more = await self._service.count_home(call.user_id, since_id=request.since_id)
        return pb.NewCount(count=count, has_more=has_more)

    async def GetUserTimeline(self, request: pb.GetUserTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        filter_name = request.filter if request.HasField("filter") else "all"
        scope = f"user:{request.id}:{filter_name}:{call.user_id}"
        read = partial(self._service.user, call.user_id, request.id, filter_name=filter_name)
        return await self._listing(scope, request, read)

    async def GetMentions(self, request: pb.GetCollectionRequest, call: Call) -> tweets_pb2.TweetList:
        return await self._collection(request, call, Collection(Index.MENTIONS, owner_id=call.user_id))

    async def GetLikes(self, request: pb.GetCollectionRequest, call: Call) -> tweets_pb2.TweetList:
        return await self._collection(request, call, Collection(Index.LIKES, owner_id=call.user_id))

    async def GetBookmarks(self, request: pb.GetCollectionRequest, call: Call) -> tweets_pb2.TweetList:
        return await self._collection(request, call, Collection(Index.BOOKMARKS, owner_id=call.user_id))

    async def GetHashtagTimeline(self, request: pb.GetHashtagTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        return await self._collection(request, call, tagged(request.tag))

    async def GetListTimeline(self, request: pb.GetListTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        read = partial(self._service.curated, call.user_id, request.id)
        return await self._listing(f"list:{request.id}:{call.user_id}", request, read)

    async def DropCache(self, _request: pb.DropCacheRequest, _call: Call) -> pb.DropCacheResponse:
        return pb.DropCacheResponse(dropped_lists=await self._service.drop_cache())

    async def _collection(
        self, request: pb.GetCollectionRequest | pb.GetHashtagTimelineRequest, call: Call, collection: Collection
    ) -> tweets_pb2.TweetList:
        scope = f"{collection.index.name}:{collection.tag}:{call.user_id}"
        return await self._listing(scope, request, partial(self._service.collection, call.user_id, collection))

    async def _listing(
        self, scope: str, request: Message, read: Callable[[PageRequest], Awaitable[Page[tweets_pb2.Tweet]]]
    ) -> tweets_pb2.TweetList:
        found, ending = await pages.read(self._cursors, scope, request, read)
        return tweets_pb2.TweetList(tweets=found, pagination=ending)
