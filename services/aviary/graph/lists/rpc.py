"""Lists of users between Protobuf and records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from aviary import ids
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1 import lists_pb2 as pb
from aviary.graph.lists.service import ListService, Shown
from aviary.graph.lists.store import ListChanges
from aviary.graph.rpc import UserPages
from aviary.paging import Cursors, Page, PageRequest
from aviary.rpc import pages
from aviary.rpc.call import Call


class ListRpc:
    """Serves aviary.api.graph.v1.ListService."""

    def __init__(self, service: ListService, users: UserPages, cursors: Cursors) -> None:
        self._service = service
        self._users = users
        self._cursors = cursors

    async def CreateList(self, request: pb.CreateListRequest, call: Call) -> pb.UserList:
        made, call.repeated = await self._service.create(
            call.user_id,
            name=request.name,
            description=request.description,
            private=request.private,
            claim=call.claim,
        )
        return _rendered(made)

    async def GetList(self, request: pb.GetListRequest, call: Call) -> pb.UserList:
        return _rendered(await self._service.get(call.user_id, request.id))

    async def UpdateList(self, request: pb.UpdateListRequest, call: Call) -> pb.UserList:
        changes = ListChanges(
            name=request.name if request.HasField("name") else None,
            description=request.description if request.HasField("description") else None,
            private=request.private if request.HasField("private") else None,
        )
        await self._service.update(call.user_id, request.id, changes)
        return _rendered(await self._service.get(call.user_id, request.id))

    async def DeleteList(self, request: pb.DeleteListRequest, call: Call) -> pb.DeleteListResponse:
        await self._service.delete(call.user_id, request.id)
        return pb.DeleteListResponse()

    async def ListOwnedLists(self, request: pb.ListListsRequest, call: Call) -> pb.UserLists:
        owner_id = request.user_id if request.HasField("user_id") else call.user_id

        async def read(page: PageRequest) -> Page[int]:
            return await self._service.owned(call.user_id, owner_id, page)

        return await self._lists(f"lists:{owner_id}:{call.user_id}", request, call, read)

    async def ListFollowedLists(self, request: pb.ListFollowedListsRequest, call: Call) -> pb.UserLists:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.followed(call.user_id, page)

        return await self._lists(f"followed-lists:{call.user_id}", request, call, read)

    async def ListMemberships(self, request: pb.ListMembershipsRequest, call: Call) -> pb.UserLists:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.memberships(call.user_id, request.user_id, page)

        return await self._lists(f"memberships:{request.user_id}:{call.user_id}", request, call, read)

    async def AddListMember(self, request: pb.ListMemberRequest, call: Call) -> pb.ListMemberResponse:
        added = await self._service.add_member(call.user_id, request.id, request.user_id, claim=call.claim)
        call.repeated = not added
        return pb.ListMemberResponse(is_member=True)

    async def RemoveListMember(self, request: pb.RemoveListMemberRequest, call: Call) -> pb.ListMemberResponse:
        await self._service.remove_member(call.user_id, request.id, request.user_id)
        return pb.ListMemberResponse(is_member=False)

    async def ListListMembers(self, request: pb.ListListUsersRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.members(call.user_id, request.id, page)

        return await self._users.answer(f"list-members:{request.id}:{call.user_id}", request, read)

    async def FollowList(self, request: pb.FollowListRequest, call: Call) -> pb.FollowListResponse:
        call.repeated = not await self._service.follow(call.user_id, request.id, claim=call.claim)
        return pb.FollowListResponse(following=True)

    async def UnfollowList(self, request: pb.UnfollowListRequest, call: Call) -> pb.FollowListResponse:
        await self._service.unfollow(call.user_id, request.id)
        return pb.FollowListResponse(following=False)

    async def ListListFollowers(self, request: pb.ListListUsersRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.followers(call.user_id, request.id, page)

        return await self._users.answer(f"list-followers:{request.id}:{call.user_id}", request, read)

    async def GetListSources(self, request: pb.GetListSourcesRequest, _call: Call) -> pb.ListSources:
        return pb.ListSources(ids=ids.pack(await self._service.sources(request.viewer_id, request.list_id)))

    async def _lists(
        self, scope: str, request: Message, call: Call, read: Callable[[PageRequest], Awaitable[Page[int]]]
    ) -> pb.UserLists:
        found, ending = await pages.read(self._cursors, scope, request, read)
        lists = await self._service.get_many(call.user_id, found)
        return pb.UserLists(lists=[_rendered(each) for each in lists], pagination=ending)


def _rendered(shown: Shown) -> pb.UserList:
    found = shown.list
    rendered = pb.UserList(
        id=found.id,
        name=found.name,
        description=found.description,
        private=found.private,
        member_count=found.members,
        follower_count=found.followers,
        is_following=shown.is_following,
    )
    rendered.owner.ParseFromString(shown.owner)
    rendered.created_at.FromMilliseconds(found.created_ms)
    return rendered
