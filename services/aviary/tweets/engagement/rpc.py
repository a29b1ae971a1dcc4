"""Engagement between Protobuf and records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from aviary.api.tweets.v1 import engagement_pb2 as pb
from aviary.api.tweets.v1 import tweets_pb2
from aviary.errors import InvalidInput
from aviary.paging import Candidates, Cursors, Page, PageRequest, fill
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.tweets.engagement.service import EngagementService
from aviary.tweets.engagement.store import Engaged
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.peers import Peers
from aviary.tweets.service import TweetService

# Reads on in a tweet's list: the tweet, the page, where, how many.
_Listing = Callable[[int, PageRequest, int, int], Awaitable[Sequence[Engaged]]]


class EngagementRpc:
    """Serves aviary.api.tweets.v1.EngagementService."""

    def __init__(
        self, service: EngagementService, tweets: TweetService, hydrator: Hydrator, peers: Peers, cursors: Cursors
    ) -> None:
        self._service = service
        self._tweets = tweets
        self._hydrator = hydrator
        self._peers = peers
        self._cursors = cursors

    async def Bookmark(self, request: pb.BookmarkRequest, call: Call) -> pb.BookmarkResponse:
        call.repeated = not await self._service.bookmark(call.user_id, request.id, claim=call.claim)
        return pb.BookmarkResponse()

    async def RemoveBookmark(self, request: pb.RemoveBookmarkRequest, call: Call) -> pb.BookmarkResponse:
        await self._service.remove_bookmark(call.user_id, request.id)
        return pb.BookmarkResponse()

    async def Pin(self, request: pb.PinRequest, call: Call) -> pb.PinResponse:
        call.repeated = not await self._service.pin(call.user_id, request.id, claim=call.claim)
        return pb.PinResponse()

    async def Unpin(self, request: pb.UnpinRequest, call: Call) -> pb.PinResponse:
        await self._service.unpin(call.user_id, request.id)
        return pb.PinResponse()

    async def Vote(self, request: pb.VoteRequest, call: Call) -> tweets_pb2.Tweet:
        if not request.HasField("option"):
            raise InvalidInput("option is missing; it is the number of the poll's option", fields={"option": "from 0"})
        written = await self._service.vote(call.user_id, request.id, request.option, claim=call.claim)
        call.repeated = written.repeated
        return await self._hydrator.one(call.user_id, written.id)

    async def ListLikers(self, request: pb.ListEngagedRequest, call: Call) -> pb.EngagedUsers:
        return await self._listed("likers", self._service.likers, request, call.user_id)

    async def ListRetweeters(self, request: pb.ListEngagedRequest, call: Call) -> pb.EngagedUsers:
        return await self._listed("retweeters", self._service.retweeters, request, call.user_id)

    async def _listed(
        self, name: str, listing: _Listing, request: pb.ListEngagedRequest, viewer_id: int
    ) -> pb.EngagedUsers:
        async def read(asked: PageRequest) -> Page[int]:
            original = await self._tweets.original(viewer_id, request.id)
            return await self._visible(viewer_id, asked, partial(listing, original.id, asked))

        found, ending = await pages.read(self._cursors, f"{name}:{request.id}:{viewer_id}", request, read)
        return pb.EngagedUsers(users=await self._peers.users(found), pagination=ending)

    async def _visible(
        self, viewer_id: int, asked: PageRequest, read: Callable[[int, int], Awaitable[Sequence[Engaged]]]
    ) -> Page[int]:
        """Fill a page with the ids of those whom the viewer may be shown."""
        people: dict[int, int] = {}

        async def propose(below: int, count: int) -> Candidates:
            found = await read(below, count)
            people.update((each.position, each.user_id) for each in found)
            return Candidates([each.position for each in found], found[-1].position if len(found) == count else None)

        async def show(positions: Sequence[int]) -> Sequence[tuple[int, int]]:
            regard = await self._peers.regard(viewer_id, [people[each] for each in positions])
            return [(each, people[each]) for each in positions if regard.meets(people[each])]

        return await fill(asked, propose, show)
