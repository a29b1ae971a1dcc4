"""Relations between Protobuf and records."""

from __future__ import annotations

from aviary import ids
from aviary.api.graph.v1 import relations_pb2 as pb
from aviary.errors import InvalidInput
from aviary.graph.relations.service import RelationService
from aviary.rpc.call import Call

_MAX_STANDINGS = 5_000


class RelationRpc:
    """Serves aviary.api.graph.v1.RelationService."""

    def __init__(self, service: RelationService) -> None:
        self._service = service

    async def GetStandings(self, request: pb.GetStandingsRequest, _call: Call) -> pb.Standings:
        user_ids = ids.unpack(request.user_ids)
        if len(user_ids) > _MAX_STANDINGS:
            raise InvalidInput(f"{len(user_ids)} user_ids; the limit is {_MAX_STANDINGS}")
        return pb.Standings(bits=bytes(await self._service.standings(request.viewer_id, user_ids)))
