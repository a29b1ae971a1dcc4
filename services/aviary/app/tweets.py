"""Tweets on their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.storage.sqlite.tweets import SqliteTweetStore
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.peers import Peers
from aviary.tweets.rpc import TweetRpc
from aviary.tweets.service import TweetService

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add tweets, and what people do with them."""
    channel, database = platform.channel("tweets"), platform.database("tweets")
    peers = Peers(UserServiceStub(channel), RelationServiceStub(channel))
    service = TweetService(SqliteTweetStore(database), peers)
    rpc = TweetRpc(service, Hydrator(service, platform.clock), platform.cursors)
    platform.dispatcher.add(tweets_pb2.DESCRIPTOR.services_by_name["TweetService"], rpc)
