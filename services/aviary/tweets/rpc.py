"""Tweets between Protobuf and records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from aviary import ids
from aviary.api.personal.v1 import personal_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.api.tweets.v1 import fragments_pb2
from aviary.api.tweets.v1 import tweets_pb2 as pb
from aviary.errors import InvalidInput
from aviary.faults import at_most
from aviary.paging import Cursors, Page, PageRequest, fill
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.surfaces import Surface
from aviary.tweets import encoding
from aviary.tweets.conversations.rpc import ConversationRpc
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.indices.rpc import IndexRpc
from aviary.tweets.service import TweetService
from aviary.upkeep.rpc import UpkeepRpc

_MAX_BATCH = 100
_MAX_HYDRATED = 1_000
_MAX_COUNTS = 1_000
_ONE_KEY = "a thread has one request_id, its own; its tweets have none"


class TweetRpc:
    """Serves aviary.api.tweets.v1.TweetService."""

    def __init__(
        self,
        service: TweetService,
        hydrator: Hydrator,
        cursors: Cursors,
        *,
        indices: IndexRpc,
        conversations: ConversationRpc,
        upkeep: UpkeepRpc,
    ) -> None:
        self._service = service
        self._hydrator = hydrator
        self._indices = indices
        self._conversations = conversations
        self._upkeep = upkeep
        self._cursors = cursors

    async def CreateTweet(self, request: pb.CreateTweetRequest, call: Call) -> pb.Tweet:
        sent = encoding.submission(request)
        written = await self._service.create(call.user_id, sent, client=call.client, claim=call.claim)
        call.repeated = written.repeated
        return await self._hydrator.first_answer(call.user_id, written)

    async def CreateThread(self, request: pb.CreateThreadRequest, call: Call) -> pb.Thread:
        keyed = [f"tweets[{number}]" for number, each in enumerate(request.tweets) if each.request_id]
        if keyed:
            raise InvalidInput(_ONE_KEY, fields={f"{keyed[0]}.request_id": _ONE_KEY})
        sent = [encoding.submission(each) for each in request.tweets]
        written = await self._service.create_thread(call.user_id, sent, client=call.client, claim=call.claim)
        call.repeated = written.repeated
        return pb.Thread(tweets=await self._hydrator.first_answers(call.user_id, written.ids))

    async def EditTweet(self, request: pb.EditTweetRequest, call: Call) -> pb.Tweet:
        await self._service.edit(call.user_id, request.id, request.content)
        return await self._hydrator.one(call.user_id, request.id)

    async def GetHistory(self, request: pb.GetHistoryRequest, call: Call) -> pb.History:
        versions = await self._service.history(call.user_id, request.id)
        return pb.History(versions=[encoding.version(number, body) for number, body in versions])

    async def GetTweet(self, request: pb.GetTweetRequest, call: Call) -> pb.Tweet:
        return await self._hydrator.one(call.user_id, request.id)

    async def BatchGetTweets(self, request: pb.BatchGetTweetsRequest, call: Call) -> pb.BatchGetTweetsResponse:
        at_most("ids", len(request.ids), _MAX_BATCH)
        asked = list(dict.fromkeys(request.ids))
        found = await self._hydrator.hydrate(call.user_id, asked, Surface.ASKED)
        return pb.BatchGetTweetsResponse(tweets=found)

    async def DeleteTweet(self, request: pb.DeleteTweetRequest, call: Call) -> pb.DeleteTweetResponse:
        await self._service.delete(call.user_id, request.id)
        return pb.DeleteTweetResponse()

    async def LikeTweet(self, request: pb.LikeTweetRequest, call: Call) -> pb.Tweet:
        written = await self._service.like(call.user_id, request.id, claim=call.claim)
        call.repeated = written.repeated
        return await self._hydrator.one(call.user_id, written.id)

    async def UnlikeTweet(self, request: pb.UnlikeTweetRequest, call: Call) -> pb.Tweet:
        return await self._hydrator.one(call.user_id, await self._service.unlike(call.user_id, request.id))

    async def Retweet(self, request: pb.RetweetRequest, call: Call) -> pb.Tweet:
        written = await self._service.retweet(call.user_id, request.id, client=call.client, claim=call.claim)
        call.repeated = written.repeated
        return await self._hydrator.first_answer(call.user_id, written)

    async def UndoRetweet(self, request: pb.UndoRetweetRequest, call: Call) -> pb.UndoRetweetResponse:
        await self._service.undo_retweet(call.user_id, request.id)
        return pb.UndoRetweetResponse()

    async def ListReplies(self, request: pb.ListRepliesRequest, call: Call) -> pb.TweetList:
        async def read(asked: PageRequest) -> Page[pb.Tweet]:
            original = await self._service.original(call.user_id, request.id)
            replies = partial(self._service.reply_candidates, original.id, asked)
            return await fill(asked, replies, partial(self._hydrator.shown, call.user_id))

        found, ending = await pages.read(self._cursors, f"replies:{request.id}:{call.user_id}", request, read)
        return pb.TweetList(tweets=found, pagination=ending)

    async def GetConversation(self, request: pb.GetConversationRequest, call: Call) -> pb.TweetList:
        return await self._conversations.conversation(request, call.user_id)

    async def ListQuotes(self, request: pb.ListQuotesRequest, call: Call) -> pb.TweetList:
        return await self._conversations.quotes(request, call.user_id)

    async def Hydrate(self, request: pb.HydrateRequest, _call: Call) -> pb.HydrateResponse:
        at_most("ids", len(request.ids), _MAX_HYDRATED)
        found = await self._hydrator.hydrate(request.viewer_id, list(request.ids), Surface(request.surface))
        return pb.HydrateResponse(tweets=found)

    async def GetFragments(self, request: fragments_pb2.GetFragmentsRequest, _call: Call) -> fragments_pb2.Fragments:
        at_most("ids", len(request.ids), _MAX_HYDRATED)
        return await self._hydrator.fragments(request.viewer_id, list(request.ids))

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
        found = await self._service.earliest_retweets(request.original_ids, authors, viewer_id=request.viewer_id)
        return pb.FindEarliestRetweetsResponse(retweet_ids=found)

    async def FindReadable(self, request: pb.FindReadableRequest, _call: Call) -> pb.FindReadableResponse:
        found = await self._service.readable(request.viewer_id, ids.unpack(request.author_ids))
        return pb.FindReadableResponse(author_ids=ids.pack(found))

    async def ListIndexed(self, request: pb.ListIndexedRequest, _call: Call) -> pb.Indexed:
        return await self._indices.list_indexed(request)

    async def BatchGetPins(self, request: pb.BatchGetPinsRequest, _call: Call) -> pb.BatchGetPinsResponse:
        return await self._indices.pins(request)

    async def BatchGetAuthorCounts(
        self, request: pb.BatchGetAuthorCountsRequest, _call: Call
    ) -> pb.BatchGetAuthorCountsResponse:
        at_most("ids", len(request.ids), _MAX_COUNTS)
        counts = await self._service.author_counts(request.ids)
        return pb.BatchGetAuthorCountsResponse(
            counts=[pb.AuthorCounts(tweet_count=each.tweets, like_count=each.likes) for each in counts]
        )

    async def StreamPersonalData(
        self, request: personal_pb2.PersonalDataRequest, _call: Call
    ) -> AsyncIterator[personal_pb2.PersonalData]:
        async for part in self._upkeep.personal_data(request.user_id):
            yield part

    async def Reconcile(
        self, request: reconcile_pb2.ReconcileRequest, _call: Call
    ) -> AsyncIterator[reconcile_pb2.Drift]:
        async for drift in self._upkeep.reconcile(repair=request.repair):
            yield drift
