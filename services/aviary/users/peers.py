"""The other services as users ask them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from aviary import ids
from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.personal.v1.personal_pb2 import PersonalDataRequest
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What others know how to count about a user."""

    followers: int
    following: int
    tweets: int
    likes: int


class Peers:
    """The graph and the tweets: counts, standings, pins, and what they keep of a person."""

    def __init__(self, graph: GraphServiceStub, relations: RelationServiceStub, tweets: TweetServiceStub) -> None:
        self._graph = graph
        self._relations = relations
        self._tweets = tweets

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        """Return each one's counts, in the order asked for; at most 1,000."""
        if not user_ids:
            return []
        relations, authored = await asyncio.gather(
            self._graph.BatchGetCounts(graph_pb2.BatchGetCountsRequest(ids=user_ids)),
            self._tweets.BatchGetAuthorCounts(tweets_pb2.BatchGetAuthorCountsRequest(ids=user_ids)),
        )
        return [
            Counts(
                followers=relation.follower_count,
                following=relation.following_count,
                tweets=author.tweet_count,
                likes=author.like_count,
            )
            for relation, author in zip(relations.counts, authored.counts, strict=True)
        ]

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        """Return how the viewer stands to each user, in the order asked for."""
        request = relations_pb2.GetStandingsRequest(viewer_id=viewer_id, user_ids=ids.pack(user_ids))
        return [Standing(bits) for bits in (await self._relations.GetStandings(request)).bits]

    async def pin(self, user_id: int) -> int:
        """Return the tweet that the user pinned, 0 for none."""
        return (await self._tweets.BatchGetPins(tweets_pb2.BatchGetPinsRequest(user_ids=[user_id]))).tweet_ids[0]

    async def personal_data(self, user_id: int) -> AsyncIterator[tuple[str, Sequence[str]]]:
        """Yield what tweets and graph keep of a person, as (file, some of its rows); files come one after the other."""
        request = PersonalDataRequest(user_id=user_id)
        for stub in (self._tweets, self._graph):
            async for part in stub.StreamPersonalData(request):
                yield part.file, part.rows
