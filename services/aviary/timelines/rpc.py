"""Timelines between Protobuf and records, and the other services as timelines ask them."""

from __future__ import annotations

from collections.abc import Sequence

from aviary import ids
from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.timelines.v1 import timelines_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.paging import Cursors
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.timelines.peers import Following, Pulled, Shown
from aviary.timelines.service import TimelineService


class GraphOfSources:
    """The graph service as timelines ask it."""

    def __init__(self, graph: GraphServiceStub) -> None:
        self._graph = graph

    async def following(self, viewer_id: int, *, if_version_not: int | None) -> Following:
        answer = await self._graph.GetSources(
            graph_pb2.GetSourcesRequest(viewer_id=viewer_id, if_version_not=if_version_not)
        )
        return Following(answer.sources_version, answer.follow_version, None if answer.unchanged else answer.ids)


class FanoutTiers:
    """The fan-out service as timelines ask it."""

    def __init__(self, fanout: FanoutServiceStub) -> None:
        self._fanout = fanout

    async def pulled(self, author_ids: bytes, *, if_version_not: int | None) -> Pulled:
        answer = await self._fanout.GetTiers(
            fanout_pb2.GetTiersRequest(author_ids=author_ids, if_version_not=if_version_not)
        )
        found = ids.pack(tier.author_id for tier in answer.tiers)
        return Pulled(answer.version, None if answer.unchanged else found)


class TweetsById:
    """The tweets service as timelines ask it."""

    def __init__(self, tweets: TweetServiceStub) -> None:
        self._tweets = tweets

    async def entries(
        self,
        author_ids: bytes,
        *,
        below: int,
        above: int,
        limit: int,
        no_replies: bool = False,
        media_only: bool = False,
    ) -> bytes:
        request = tweets_pb2.MergeAuthorsRequest(
            author_ids=author_ids,
            below=below,
            above=above,
            limit=limit,
            no_replies=no_replies,
            media_only=media_only,
        )
        return (await self._tweets.MergeAuthors(request)).rows

    async def hydrate(self, viewer_id: int, ids: Sequence[int]) -> Sequence[Shown[tweets_pb2.Tweet]]:
        answer = await self._tweets.Hydrate(tweets_pb2.HydrateRequest(viewer_id=viewer_id, ids=ids))
        return [_shown(tweet) for tweet in answer.tweets]

    async def earliest_retweets(self, original_ids: Sequence[int], author_ids: bytes) -> Sequence[int]:
        request = tweets_pb2.FindEarliestRetweetsRequest(original_ids=original_ids, author_ids=author_ids)
        return (await self._tweets.FindEarliestRetweets(request)).retweet_ids


class UsersWhoExist:
    """The users service as timelines ask it."""

    def __init__(self, users: UserServiceStub) -> None:
        self._users = users

    async def exists(self, user_id: int) -> bool:
        found = await self._users.BatchGetSummaries(users_pb2.BatchGetSummariesRequest(ids=[user_id]))
        return bool(found.users) and not found.hidden_ids


class TimelineRpc:
    """Serves aviary.api.timelines.v1.TimelineService."""

    def __init__(self, service: TimelineService[tweets_pb2.Tweet], cursors: Cursors) -> None:
        self._service = service
        self._cursors = cursors

    async def GetHomeTimeline(self, request: pb.GetHomeTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        scope = f"home:{call.user_id}"
        asked = pages.requested(self._cursors, scope, request)
        order = request.order if request.HasField("order") else "latest"
        page = await self._service.home(call.user_id, asked, order=order)
        ending = pages.pagination(self._cursors, scope, asked.limit, page)
        return tweets_pb2.TweetList(tweets=page.items, pagination=ending)

    async def GetUserTimeline(self, request: pb.GetUserTimelineRequest, call: Call) -> tweets_pb2.TweetList:
        filter_name = request.filter if request.HasField("filter") else "all"
        scope = f"user:{request.id}:{filter_name}:{call.user_id}"
        asked = pages.requested(self._cursors, scope, request)
        page = await self._service.user(call.user_id, request.id, asked, filter_name=filter_name)
        ending = pages.pagination(self._cursors, scope, asked.limit, page)
        return tweets_pb2.TweetList(tweets=page.items, pagination=ending)

    async def DropCache(self, _request: pb.DropCacheRequest, _call: Call) -> pb.DropCacheResponse:
        return pb.DropCacheResponse(dropped_lists=await self._service.drop_cache())


def _shown(tweet: tweets_pb2.Tweet) -> Shown[tweets_pb2.Tweet]:
    original = tweet.retweeted_tweet if tweet.HasField("retweeted_tweet") else tweets_pb2.Tweet()
    return Shown(
        id=tweet.id,
        tweet=tweet,
        original_id=original.id,
        original_author_id=original.user.id,
        original_reply_to_user_id=original.reply_to_user_id,
    )
