"""The graph between Protobuf and records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aviary import ids
from aviary.api.graph.v1 import graph_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.graph.service import GraphService
from aviary.paging import Cursors, Page
from aviary.rpc import pages
from aviary.rpc.call import Call

_STREAM_PAGE = 1_000


class UserDirectory:
    """The users service as the graph asks it."""

    def __init__(self, users: UserServiceStub) -> None:
        self._users = users

    async def exist(self, user_ids: Sequence[int]) -> bool:
        found = await self._users.BatchGetSummaries(users_pb2.BatchGetSummariesRequest(ids=user_ids))
        return len(found.users) - len(found.hidden_ids) == len(user_ids)

    async def users(self, user_ids: Sequence[int]) -> Sequence[users_pb2.User]:
        return (await self._users.BatchGetUsers(users_pb2.BatchGetUsersRequest(ids=user_ids))).users


class GraphRpc:
    """Serves aviary.api.graph.v1.GraphService."""

    def __init__(self, service: GraphService, directory: UserDirectory, cursors: Cursors) -> None:
        self._service = service
        self._directory = directory
        self._cursors = cursors

    async def Follow(self, request: pb.FollowRequest, call: Call) -> pb.FollowResponse:
        change = await self._service.follow(call.user_id, request.id, claim=call.claim)
        call.repeated = not change.changed
        return pb.FollowResponse(following=True)

    async def Unfollow(self, request: pb.UnfollowRequest, call: Call) -> pb.FollowResponse:
        await self._service.unfollow(call.user_id, request.id)
        return pb.FollowResponse(following=False)

    async def ListFollowers(self, request: pb.ListFollowsRequest, call: Call) -> pb.ListFollowsResponse:
        scope = f"followers:{request.id}:{call.user_id}"
        page = pages.requested(self._cursors, scope, request)
        return await self._listing(scope, page.limit, await self._service.followers(request.id, page))

    async def ListFollowing(self, request: pb.ListFollowsRequest, call: Call) -> pb.ListFollowsResponse:
        scope = f"following:{request.id}:{call.user_id}"
        page = pages.requested(self._cursors, scope, request)
        return await self._listing(scope, page.limit, await self._service.following(request.id, page))

    async def GetRelationship(self, request: pb.GetRelationshipRequest, call: Call) -> pb.Relationship:
        following, followed_by = await self._service.relationship(request.id, request.target_id)
        answer = pb.Relationship(following=following, followed_by=followed_by)
        if request.id == call.user_id:
            answer.requested = answer.blocking = answer.blocked_by = answer.muting = False
        return answer

    async def StreamFollowers(self, request: pb.StreamFollowersRequest, _call: Call) -> AsyncIterator[pb.FollowerIds]:
        (counts,) = await self._service.counts([request.user_id])
        yield pb.FollowerIds(follower_count=counts.followers)
        pages = self._service.stream_followers(request.user_id, page_size=request.page_size or _STREAM_PAGE)
        async for page in pages:
            yield pb.FollowerIds(ids=ids.pack(page))

    async def GetSources(self, request: pb.GetSourcesRequest, _call: Call) -> pb.Sources:
        held = request.if_version_not if request.HasField("if_version_not") else None
        sources = await self._service.sources(request.viewer_id, if_version_not=held)
        return pb.Sources(
            sources_version=sources.sources_version,
            follow_version=sources.follow_version,
            unchanged=sources.ids is None,
            ids=ids.pack(sources.ids or ()),
        )

    async def BatchGetCounts(self, request: pb.BatchGetCountsRequest, _call: Call) -> pb.BatchGetCountsResponse:
        counts = await self._service.counts(request.ids)
        return pb.BatchGetCountsResponse(
            counts=[pb.Counts(follower_count=each.followers, following_count=each.following) for each in counts]
        )

    async def _listing(self, scope: str, limit: int, page: Page[int]) -> pb.ListFollowsResponse:
        users = await self._directory.users(page.items)
        return pb.ListFollowsResponse(users=users, pagination=pages.pagination(self._cursors, scope, limit, page))
