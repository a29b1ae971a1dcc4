"""The fan-out between Protobuf and records, and the graph as the fan-out asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from aviary import ids
from aviary.api.fanout.v1 import fanout_pb2 as pb
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.eventlog import Following
from aviary.fanout.store import AuthorTier, DeadLetters, TierStore
from aviary.fanout.worker import FanoutWorker
from aviary.rpc.call import Call

# Authors and their followers in one answer, at most.
_AUDIENCES, _FEW_AT_ONCE = 200, 200_000


class GraphFollowers:
    """The graph service as the fan-out asks it."""

    def __init__(self, graph: GraphServiceStub) -> None:
        self._graph = graph

    async def counts(self, author_ids: Sequence[int]) -> Mapping[int, int]:
        answer = await self._graph.BatchGetCounts(graph_pb2.BatchGetCountsRequest(ids=author_ids))
        return {author: each.follower_count for author, each in zip(author_ids, answer.counts, strict=True)}

    async def few(self, author_ids: Sequence[int], *, most: int) -> Mapping[int, bytes]:
        found: dict[int, bytes] = {}
        step = max(1, min(_AUDIENCES, _FEW_AT_ONCE // max(1, most)))
        for asked in (author_ids[at : at + step] for at in range(0, len(author_ids), step)):
            request = graph_pb2.BatchGetFollowersRequest(ids=asked, most=most)
            answer = await self._graph.BatchGetFollowers(request)
            pairs = zip(asked, answer.followers, strict=True)
            found |= {author: each.ids for author, each in pairs if each.follower_count <= most}
        return found

    async def stream(self, author_id: int, *, page_size: int) -> AsyncIterator[bytes]:
        request = graph_pb2.StreamFollowersRequest(user_id=author_id, page_size=page_size)
        async for page in self._graph.StreamFollowers(request):
            if page.ids:
                yield page.ids


class FanoutRpc:
    """Serves aviary.api.fanout.v1.FanoutService."""

    def __init__(self, tiers: TierStore, dead_letters: DeadLetters, consumer: Following, worker: FanoutWorker) -> None:
        self._tiers = tiers
        self._dead_letters = dead_letters
        self._consumer = consumer
        self._worker = worker

    async def GetTiers(self, request: pb.GetTiersRequest, _call: Call) -> pb.GetTiersResponse:
        version = await self._tiers.version()
        if request.HasField("if_version_not") and request.if_version_not == version:
            return pb.GetTiersResponse(version=version, unchanged=True)
        asked = frozenset(ids.unpack(request.author_ids))
        tiers = [_tier(each) for each in await self._tiers.all() if each.author_id in asked]
        return pb.GetTiersResponse(version=version, tiers=tiers)

    async def GetProgress(self, _request: pb.GetProgressRequest, _call: Call) -> pb.Progress:
        progress = await self._consumer.progress()
        return pb.Progress(
            committed_offset=progress.committed,
            end_offset=progress.end,
            appended_entries=self._worker.appended,
            dead_lettered_events=await self._dead_letters.count(),
        )


def _tier(each: AuthorTier) -> pb.AuthorTier:
    return pb.AuthorTier(author_id=each.author_id, tier=pb.Tier.ValueType(each.tier), from_id=each.from_id)
