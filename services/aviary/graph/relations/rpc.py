"""Relations between Protobuf and records."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from aviary import ids
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1 import relations_pb2 as pb
from aviary.errors import InvalidInput
from aviary.faults import at_most
from aviary.graph.relations.service import RelationService
from aviary.graph.rpc import UserPages
from aviary.graph.service import GraphService
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Call

_MAX_STANDINGS = 5_000
# 9999-12-31T23:59:59Z, the end of RFC 3339.
_LAST_S = 253_402_300_799


class RelationRpc:
    """Serves aviary.api.graph.v1.RelationService."""

    def __init__(self, service: RelationService, graph: GraphService, users: UserPages) -> None:
        self._service = service
        self._graph = graph
        self._users = users

    async def Block(self, request: pb.BlockRequest, call: Call) -> pb.BlockResponse:
        call.repeated = not await self._service.block(call.user_id, request.id, claim=call.claim)
        return pb.BlockResponse(blocking=True)

    async def Unblock(self, request: pb.UnblockRequest, call: Call) -> pb.BlockResponse:
        await self._service.unblock(call.user_id, request.id)
        return pb.BlockResponse(blocking=False)

    async def Mute(self, request: pb.MuteRequest, call: Call) -> pb.MuteResponse:
        until_ms = _moment(request.expires_at) if request.HasField("expires_at") else 0
        changed = await self._service.mute(call.user_id, request.id, until_ms=until_ms, claim=call.claim)
        call.repeated = not changed
        return pb.MuteResponse(muting=True)

    async def Unmute(self, request: pb.UnmuteRequest, call: Call) -> pb.MuteResponse:
        await self._service.unmute(call.user_id, request.id)
        return pb.MuteResponse(muting=False)

    async def ListBlocks(self, request: pb.ListOwnRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.blocks(call.user_id, page)

        return await self._users.answer(f"blocks:{call.user_id}", request, read, viewer_id=call.user_id)

    async def ListMutes(self, request: pb.ListOwnRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.mutes(call.user_id, page)

        return await self._users.answer(f"mutes:{call.user_id}", request, read, viewer_id=call.user_id)

    async def ListFollowRequests(self, request: pb.ListOwnRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._service.requests(call.user_id, page)

        return await self._users.answer(f"follow-requests:{call.user_id}", request, read)

    async def AcceptFollowRequest(
        self, request: pb.AnswerFollowRequestRequest, call: Call
    ) -> pb.AnswerFollowRequestResponse:
        call.repeated = not await self._service.accept(call.user_id, request.id, claim=call.claim)
        return pb.AnswerFollowRequestResponse()

    async def DenyFollowRequest(
        self, request: pb.AnswerFollowRequestRequest, call: Call
    ) -> pb.AnswerFollowRequestResponse:
        call.repeated = not await self._service.deny(call.user_id, request.id, claim=call.claim)
        return pb.AnswerFollowRequestResponse()

    async def RemoveFollower(self, request: pb.RemoveFollowerRequest, call: Call) -> pb.RemoveFollowerResponse:
        await self._graph.remove_follower(call.user_id, request.id)
        return pb.RemoveFollowerResponse()

    async def ListMutuals(self, request: graph_pb2.ListFollowsRequest, call: Call) -> graph_pb2.ListFollowsResponse:
        async def read(page: PageRequest) -> Page[int]:
            return await self._graph.mutuals(call.user_id, request.id, page)

        return await self._users.answer(f"mutuals:{request.id}:{call.user_id}", request, read)

    async def GetStandings(self, request: pb.GetStandingsRequest, _call: Call) -> pb.Standings:
        user_ids = ids.unpack(request.user_ids)
        at_most("user_ids", len(user_ids), _MAX_STANDINGS)
        return pb.Standings(bits=bytes(await self._service.standings(request.viewer_id, user_ids)))


def _moment(time: Timestamp) -> int:
    if not 0 < time.seconds <= _LAST_S or not 0 <= time.nanos < 1_000_000_000:
        raise InvalidInput(
            f"expires_at is {time.seconds} s after 1970; it must be in the future and before the year 10000",
            fields={"expires_at": "in the future, before the year 10000"},
        )
    return time.ToMilliseconds()
