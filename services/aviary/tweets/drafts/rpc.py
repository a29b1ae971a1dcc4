"""Drafts and scheduled tweets between Protobuf and records."""

from __future__ import annotations

from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp

from aviary.api.tweets.v1 import drafts_pb2 as pb
from aviary.errors import InvalidInput
from aviary.paging import Cursors
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.tweets.drafts import encoding
from aviary.tweets.drafts.service import DraftService
from aviary.tweets.drafts.store import Shelf


class DraftRpc:
    """Serves aviary.api.tweets.v1.DraftService."""

    def __init__(self, service: DraftService, cursors: Cursors) -> None:
        self._service = service
        self._cursors = cursors

    async def CreateDraft(self, request: pb.CreateDraftRequest, call: Call) -> pb.Draft:
        saved = await self._service.create(call.user_id, request.tweet.SerializeToString(), claim=call.claim)
        call.repeated = saved.repeated
        return encoding.draft(saved.kept)

    async def ListDrafts(self, request: pb.ListDraftsRequest, call: Call) -> pb.Drafts:
        read = partial(self._service.drafts, call.user_id)
        found, ending = await pages.read(self._cursors, f"drafts:{call.user_id}", request, read)
        return pb.Drafts(drafts=[encoding.draft(each) for each in found], pagination=ending)

    async def GetDraft(self, request: pb.GetDraftRequest, call: Call) -> pb.Draft:
        return encoding.draft(await self._service.get(Shelf.DRAFTS, call.user_id, request.id))

    async def UpdateDraft(self, request: pb.UpdateDraftRequest, call: Call) -> pb.Draft:
        return encoding.draft(await self._service.update_draft(call.user_id, request.id, _body(request)))

    async def DeleteDraft(self, request: pb.DeleteDraftRequest, call: Call) -> pb.DeleteDraftResponse:
        await self._service.delete(Shelf.DRAFTS, call.user_id, request.id)
        return pb.DeleteDraftResponse()

    async def ScheduleTweet(self, request: pb.ScheduleTweetRequest, call: Call) -> pb.ScheduledTweet:
        if not request.HasField("publish_at"):
            raise _bad_time("publish_at is missing; it is the time to publish at")
        saved = await self._service.schedule(
            call.user_id,
            request.tweet.SerializeToString(),
            _milliseconds(request.publish_at),
            client=call.client,
            claim=call.claim,
        )
        call.repeated = saved.repeated
        return encoding.scheduled(saved.kept)

    async def ListScheduled(self, request: pb.ListDraftsRequest, call: Call) -> pb.ScheduledTweets:
        read = partial(self._service.scheduled, call.user_id)
        found, ending = await pages.read(self._cursors, f"scheduled:{call.user_id}", request, read)
        return pb.ScheduledTweets(scheduled=[encoding.scheduled(each) for each in found], pagination=ending)

    async def GetScheduled(self, request: pb.GetDraftRequest, call: Call) -> pb.ScheduledTweet:
        return encoding.scheduled(await self._service.get(Shelf.SCHEDULED, call.user_id, request.id))

    async def UpdateScheduled(self, request: pb.UpdateScheduledRequest, call: Call) -> pb.ScheduledTweet:
        publish_ms = _milliseconds(request.publish_at) if request.HasField("publish_at") else None
        kept = await self._service.update_scheduled(call.user_id, request.id, _body(request), publish_ms)
        return encoding.scheduled(kept)

    async def CancelScheduled(self, request: pb.DeleteDraftRequest, call: Call) -> pb.DeleteDraftResponse:
        await self._service.delete(Shelf.SCHEDULED, call.user_id, request.id)
        return pb.DeleteDraftResponse()


def _body(request: pb.UpdateDraftRequest | pb.UpdateScheduledRequest) -> bytes | None:
    return request.tweet.SerializeToString() if request.HasField("tweet") else None


def _milliseconds(moment: Timestamp) -> int:
    try:
        return moment.ToMilliseconds()
    except ValueError:
        raise _bad_time(f"publish_at has {moment.seconds} seconds and {moment.nanos} nanos; it is no moment") from None


def _bad_time(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, fields={"publish_at": sentence})
