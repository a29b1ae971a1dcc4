"""Tweets between Protobuf and records."""

from __future__ import annotations

from functools import partial

from aviary import ids
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import InvalidInput, NotFound
from aviary.paging import Cursors, PageRequest, fill
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.service import TweetService
from aviary.tweets.visibility import Surface

_MAX_BATCH = 100
_MAX_HYDRATED = 1_000


class TweetRpc:
    """Serves aviary.api.tweets.v1.TweetService."""

    def __init__(self, service: TweetService, hydrator: Hydrator, cursors: Cursors) -> None:
        self._service = service
        self._hydrator = hydrator
        self._cursors = cursors

    async def CreateTweet(self, request: pb.CreateTweetRequest, call: Call) -> pb.Tweet:
        _refuse_unbuilt(request)
        written = await self._service.create(
            call.user_id,
            request.content,
            reply_to_id=request.reply_to_id if request.HasField("reply_to_id") else None,
            quote_id=request.quote_tweet_id if request.HasField("quote_tweet_id") else None,
            claim=call.claim,
        )
        call.repeated = written.repeated
        return await self._hydrator.first_answer(call.user_id, written.id)

    async def GetTweet(self, request: pb.GetTweetRequest, call: Call) -> pb.Tweet:
        return await self._one(call.user_id, request.id)

    async def BatchGetTweets(self, request: pb.BatchGetTweetsRequest, call: Call) -> pb.BatchGetTweetsResponse:
        if len(request.ids) > _MAX_BATCH:
            raise InvalidInput(f"{len(request.ids)} ids; the limit is {_MAX_BATCH}", fields={"ids": "at most 100"})
        asked = list(dict.fromkeys(request.ids))
        found = await self._hydrator.hydrate(call.user_id, asked, Surface.ASKED)
        return pb.BatchGetTweetsResponse(tweets=found)

    async def DeleteTweet(self, request: pb.DeleteTweetRequest, call: Call) -> pb.DeleteTweetResponse:
        await self._service.delete(call.user_id, request.id)
        return pb.DeleteTweetResponse()

    async def LikeTweet(self, request: pb.LikeTweetRequest, call: Call) -> pb.Tweet:
        written = await self._service.like(call.user_id, request.id, claim=call.claim)
        call.repeated = written.repeated
        return await self._one(call.user_id, written.id)

    async def UnlikeTweet(self, request: pb.UnlikeTweetRequest, call: Call) -> pb.Tweet:
        return await self._one(call.user_id, await self._service.unlike(call.user_id, request.id))

    async def Retweet(self, request: pb.RetweetRequest, call: Call) -> pb.Tweet:
        written = await self._service.retweet(call.user_id, request.id, claim=call.claim)
        call.repeated = written.repeated
        return await self._hydrator.first_answer(call.user_id, written.id)

    async def UndoRetweet(self, request: pb.UndoRetweetRequest, call: Call) -> pb.UndoRetweetResponse:
        await self._service.undo_retweet(call.user_id, request.id)
        return pb.UndoRetweetResponse()

    async def ListReplies(self, request: pb.ListRepliesRequest, call: Call) -> pb.TweetList:
        scope = f"replies:{request.id}:{call.user_id}"
        asked = pages.requested(self._cursors, scope, request)
        original = await self._service.original(call.user_id, request.id)
        page = await fill(
            asked,
            partial(self._service.reply_candidates, original.id, asked),
            partial(self._hydrator.shown, call.user_id),
        )
        return pb.TweetList(tweets=page.items, pagination=pages.pagination(self._cursors, scope, asked.limit, page))

    async def Hydrate(self, request: pb.HydrateRequest, _call: Call) -> pb.HydrateResponse:
        if len(request.ids) > _MAX_HYDRATED:
            raise InvalidInput(f"{len(request.ids)} ids; the limit is {_MAX_HYDRATED}")
        found = await self._hydrator.hydrate(request.viewer_id, list(request.ids), Surface(request.surface))
        return pb.HydrateResponse(tweets=found)

    async def MergeAuthors(self, request: pb.MergeAuthorsRequest, _call: Call) -> pb.Entries:
        rows = await self._service.entries(
            ids.unpack(request.author_ids),
            PageRequest(limit=request.limit, below=request.below, above=request.above),
            no_replies=request.no_replies,
            media_only=request.media_only,
        )
        return pb.Entries(rows=rows)

    async def FindEarliestRetweets(
        self, request: pb.FindEarliestRetweetsRequest, _call: Call
    ) -> pb.FindEarliestRetweetsResponse:
        authors = frozenset(ids.unpack(request.author_ids))
        found = await self._service.earliest_retweets(request.original_ids, authors)
        return pb.FindEarliestRetweetsResponse(retweet_ids=found)

    async def BatchGetAuthorCounts(
        self, request: pb.BatchGetAuthorCountsRequest, _call: Call
    ) -> pb.BatchGetAuthorCountsResponse:
        counts = await self._service.author_counts(request.ids)
        return pb.BatchGetAuthorCountsResponse(
            counts=[pb.AuthorCounts(tweet_count=each.tweets, like_count=each.likes) for each in counts]
        )

    async def _one(self, viewer_id: int, tweet_id: int) -> pb.Tweet:
        found = await self._hydrator.hydrate(viewer_id, [tweet_id], Surface.ASKED)
        if not found:
            raise NotFound(f"there is no tweet {tweet_id}")
        return found[0]


def _refuse_unbuilt(request: pb.CreateTweetRequest) -> None:
    """Refuse fields whose feature doesn't work yet rather than drop them in silence; their defaults pass."""
    sent = {
        "media_ids": bool(request.media_ids),
        "poll": request.HasField("poll"),
        "is_sensitive": request.is_sensitive,
        "content_warning": bool(request.content_warning),
        "reply_audience": request.reply_audience not in {"", "everyone"},
        "geo": request.HasField("geo"),
        "language": bool(request.language),
    }
    if refused := {name: "not supported yet; leave it out" for name, is_sent in sent.items() if is_sent}:
        raise InvalidInput(f"{', '.join(refused)} cannot be set yet", fields=refused)
