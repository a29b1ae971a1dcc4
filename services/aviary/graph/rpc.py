"""Follows between Protobuf and records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from google.protobuf.message import Message

from aviary import ids
from aviary.api.graph.v1 import graph_pb2 as pb
from aviary.api.personal.v1 import personal_pb2
from aviary.api.reconcile.v1 import reconcile_pb2
from aviary.errors import InvalidInput
from aviary.faults import at_most
from aviary.graph.peers import UserDirectory
from aviary.graph.relations.service import RelationService
from aviary.graph.service import GraphService
from aviary.paging import Cursors, Page, PageRequest
from aviary.rpc import pages
from aviary.rpc.call import Call
from aviary.standing import Standing
from aviary.upkeep.rpc import UpkeepRpc

_STREAM_PAGE = 1_000
_MAX_STREAM_PAGE = 100_000
_MAX_COUNTS = 1_000
_MAX_AUDIENCES, _MAX_FEW = 200, 10_000


class UserPages:
    """Lists of users as every service of the graph answers with them."""

    def __init__(self, directory: UserDirectory, cursors: Cursors) -> None:
        self._directory = directory
        self._cursors = cursors

    async def answer(
        self,
        scope: str,
        request: Message,
        read: Callable[[PageRequest], Awaitable[Page[int]]],
        *,
        viewer_id: int = 0,
    ) -> pb.ListFollowsResponse:
        """Read the page that was asked of the list `scope`, and fill in the users.

        `viewer_id` is needed where the page may hold people whom the viewer may not meet.
        """
        found, ending = await pages.read(self._cursors, scope, request, read)
        users = await self._directory.users(found, viewer_id=viewer_id)
        return pb.ListFollowsResponse(users=users, pagination=ending)


class GraphRpc:
    """Serves aviary.api.graph.v1.GraphService."""

    def __init__(
        self,
        service: GraphService,
        relations: RelationService,
        users: UserPages,
        *,
        upkeep: UpkeepRpc,
    ) -> None:
        self._service = service
        self._relations = relations
        self._users = users
        self._upkeep = upkeep

    async def Follow(self, request: pb.FollowRequest, call: Call) -> pb.FollowResponse:
        change = await self._service.follow(call.user_id, request.id, claim=call.claim)
        call.repeated = not change.changed
        return pb.FollowResponse(following=not change.requested, requested=change.requested)

    async def Unfollow(self, request: pb.UnfollowRequest, call: Call) -> pb.FollowResponse:
        await self._service.unfollow(call.user_id, request.id)
        return pb.FollowResponse()

    async def ListFollowers(self, request: pb.ListFollowsRequest, call: Call) -> pb.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.followers(call.user_id, request.id, page)

        return await self._users.answer(f"followers:{request.id}:{call.user_id}", request, read)

    async def ListFollowing(self, request: pb.ListFollowsRequest, call: Call) -> pb.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.following(call.user_id, request.id, page)

        return await self._users.answer(f"following:{request.id}:{call.user_id}", request, read)

    async def GetRelationship(self, request: pb.GetRelationshipRequest, call: Call) -> pb.Relationship:
        found = await self._service.relationship(call.user_id, request.id, request.target_id)
        answer = pb.Relationship(following=found.following, followed_by=found.followed_by)
        if request.id == call.user_id:
            (standing,) = await self._relations.standings(request.id, [request.target_id])
            answer.requested = await self._relations.asks(request.id, request.target_id)
            answer.blocking = bool(standing & Standing.BLOCKING)
            answer.blocked_by = bool(standing & Standing.BLOCKED_BY)
            answer.muting = bool(standing & Standing.MUTING)
        return answer

    async def StreamFollowers(self, request: pb.StreamFollowersRequest, _call: Call) -> AsyncIterator[pb.FollowerIds]:
        if not 0 <= request.page_size <= _MAX_STREAM_PAGE:
            raise InvalidInput(f"page_size is {request.page_size}; the limit is {_MAX_STREAM_PAGE:,}")
        (counts,) = await self._service.counts([request.user_id])
        yield pb.FollowerIds(follower_count=counts.followers)
        pieces = self._service.stream_followers(request.user_id, page_size=request.page_size or _STREAM_PAGE)
        async for piece in pieces:
            yield pb.FollowerIds(ids=ids.pack(piece))

    async def BatchGetFollowers(
        self, request: pb.BatchGetFollowersRequest, _call: Call
    ) -> pb.BatchGetFollowersResponse:
        at_most("ids", len(request.ids), _MAX_AUDIENCES)
        if not 0 <= request.most <= _MAX_FEW:
            raise InvalidInput(f"most is {request.most}; the limit is {_MAX_FEW:,}")
        found = await self._service.few_followers(request.ids, most=request.most)
        return pb.BatchGetFollowersResponse(
            followers=[pb.FollowerIds(ids=ids.pack(each.ids), follower_count=each.count) for each in found]
        )

    async def GetSources(self, request: pb.GetSourcesRequest, _call: Call) -> pb.Sources:
        held = request.if_version_not if request.HasField("if_version_not") else None
        sources = await self._service.sources(request.viewer_id, if_version_not=held)
        return pb.Sources(
            sources_version=sources.sources_version,
            follow_version=sources.follow_version,
            unchanged=sources.ids is None,
            ids=ids.pack(sources.ids or ()),
            valid_until_ms=sources.valid_until_ms,
        )

    async def BatchGetCounts(self, request: pb.BatchGetCountsRequest, _call: Call) -> pb.BatchGetCountsResponse:
        at_most("ids", len(request.ids), _MAX_COUNTS)
        counts = await self._service.counts(request.ids)
        return pb.BatchGetCountsResponse(
            counts=[pb.Counts(follower_count=each.followers, following_count=each.following) for each in counts]
        )

    async def StreamPersonalData(
        self, request: personal_pb2.PersonalDataRequest, _call: Call
    ) -> AsyncIterator[personal_pb2.PersonalData]:
        async for piece in self._upkeep.personal_data(request.user_id):
            yield piece

    async def Reconcile(
        self, request: reconcile_pb2.ReconcileRequest, _call: Call
    ) -> AsyncIterator[reconcile_pb2.Drift]:
        async for drift in self._upkeep.reconcile(repair=request.repair):
            yield drift
