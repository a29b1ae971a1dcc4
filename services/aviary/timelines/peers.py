"""The other services as timelines ask them."""

from __future__ import annotations

from collections.abc import Sequence

from aviary import ids
from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1 import graph_pb2, lists_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.lists_pb2_grpc import ListServiceStub
from aviary.api.tweets.v1 import fragments_pb2, tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.surfaces import Index, Surface
from aviary.timelines.ports import Following, Indexed, Pulled, Shown


class GraphOfSources:
    """Follows and lists."""

    def __init__(self, graph: GraphServiceStub, lists: ListServiceStub) -> None:
        self._graph = graph
        self._lists = lists

    async def following(self, viewer_id: int, *, if_version_not: int | None) -> Following:
        answer = await self._graph.GetSources(
            graph_pb2.GetSourcesRequest(viewer_id=viewer_id, if_version_not=if_version_not)
        )
        return Following(
            answer.sources_version,
            answer.follow_version,
            None if answer.unchanged else answer.ids,
            answer.valid_until_ms,
        )

    async def members(self, list_id: int, *, viewer_id: int) -> bytes:
        request = lists_pb2.GetListSourcesRequest(list_id=list_id, viewer_id=viewer_id)
        return (await self._lists.GetListSources(request)).ids


class FanoutTiers:
    """The fan-out."""

    def __init__(self, fanout: FanoutServiceStub) -> None:
        self._fanout = fanout

    async def pulled(self, author_ids: bytes, *, if_version_not: int | None) -> Pulled:
        answer = await self._fanout.GetTiers(
            fanout_pb2.GetTiersRequest(author_ids=author_ids, if_version_not=if_version_not)
        )
        found = ids.pack(tier.author_id for tier in answer.tiers)
        return Pulled(answer.version, None if answer.unchanged else found)


class TweetsById:
    """Tweets."""

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

    async def indexed(
        self, index: Index, *, below: int, limit: int, since_id: int, owner_id: int = 0, tag: str = ""
    ) -> Indexed:
        request = tweets_pb2.ListIndexedRequest(
            index=tweets_pb2.Index.ValueType(index),
            owner_id=owner_id,
            tag=tag,
            below=below,
            limit=limit,
            since_id=since_id,
        )
        answer = await self._tweets.ListIndexed(request)
        return Indexed(ids.unpack(answer.ids), ids.unpack(answer.positions))

    async def hydrate(
        self, viewer_id: int, ids: Sequence[int], surface: Surface = Surface.SHOWN
    ) -> Sequence[Shown[tweets_pb2.Tweet]]:
        request = tweets_pb2.HydrateRequest(viewer_id=viewer_id, ids=ids, surface=tweets_pb2.Surface.ValueType(surface))
        return [_shown(tweet) for tweet in (await self._tweets.Hydrate(request)).tweets]

    async def earliest_retweets(
        self, original_ids: Sequence[int], author_ids: bytes, *, viewer_id: int
    ) -> Sequence[int]:
        request = tweets_pb2.FindEarliestRetweetsRequest(
            original_ids=original_ids, author_ids=author_ids, viewer_id=viewer_id
        )
        return (await self._tweets.FindEarliestRetweets(request)).retweet_ids

    async def fragments(self, viewer_id: int, tweet_ids: Sequence[int]) -> bytes:
        request = fragments_pb2.GetFragmentsRequest(viewer_id=viewer_id, ids=tweet_ids)
        return (await self._tweets.GetFragments(request)).SerializeToString()

    async def is_readable(self, author_id: int, *, viewer_id: int) -> bool:
        request = tweets_pb2.FindReadableRequest(viewer_id=viewer_id, author_ids=ids.pack([author_id]))
        return bool((await self._tweets.FindReadable(request)).author_ids)


def _shown(tweet: tweets_pb2.Tweet) -> Shown[tweets_pb2.Tweet]:
    if not tweet.HasField("retweeted_tweet"):
        return Shown(id=tweet.id, tweet=tweet, original_id=0, original_author_id=0, original_reply_to_user_id=0)
    original = tweet.retweeted_tweet
    return Shown(
        id=tweet.id,
        tweet=tweet,
        original_id=original.id,
        original_author_id=original.user.id,
        original_reply_to_user_id=original.reply_to_user_id,
    )
