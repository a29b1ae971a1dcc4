"""Tweets on their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.storage.sqlite.tweets.agenda import SqliteAgendaStore
from aviary.storage.sqlite.tweets.conversations import SqliteConversationStore
from aviary.storage.sqlite.tweets.counters import SqliteCounterStore
from aviary.storage.sqlite.tweets.drafts import SqliteDraftStore
from aviary.storage.sqlite.tweets.engagement import SqliteEngagementStore
from aviary.storage.sqlite.tweets.indices import SqliteIndexStore
from aviary.storage.sqlite.tweets.own import SqliteOwnStore
from aviary.storage.sqlite.tweets.polls import SqlitePollStore
from aviary.storage.sqlite.tweets.removal import SqliteRemovalStore
from aviary.storage.sqlite.tweets.tweets import SqliteTweetStore
from aviary.tweets import languages
from aviary.tweets.agenda.worker import AgendaWorker
from aviary.tweets.conversations.rpc import ConversationRpc
from aviary.tweets.conversations.service import ConversationService
from aviary.tweets.drafts.rpc import DraftRpc
from aviary.tweets.drafts.service import DraftService
from aviary.tweets.engagement.rpc import EngagementRpc
from aviary.tweets.engagement.service import EngagementService
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.indices.rpc import IndexRpc
from aviary.tweets.peers import Peers
from aviary.tweets.rpc import TweetRpc
from aviary.tweets.service import TweetService
from aviary.tweets.upkeep.personal import TweetFiles
from aviary.tweets.upkeep.worker import UpkeepWorker
from aviary.upkeep.rpc import UpkeepRpc

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add tweets, and what people do with them."""
    languages.load()
    channel, database = platform.channel("tweets"), platform.database("tweets")
    peers = Peers(UserServiceStub(channel), RelationServiceStub(channel))
    service = TweetService(SqliteTweetStore(database), peers, platform.settings)
    hydrator, cursors = Hydrator(service, platform.clock), platform.cursors
    conversations = ConversationRpc(ConversationService(SqliteConversationStore(database)), service, hydrator, cursors)
    upkeep = UpkeepRpc(TweetFiles(SqliteOwnStore(database), platform.clock), SqliteCounterStore(database))
    indices = IndexRpc(SqliteIndexStore(database))
    rpc = TweetRpc(service, hydrator, cursors, indices=indices, conversations=conversations, upkeep=upkeep)
    platform.serve(tweets_pb2.DESCRIPTOR, "TweetService", rpc)

    engagement = EngagementService(SqliteEngagementStore(database), SqlitePollStore(database), service)
    engagement_rpc = EngagementRpc(engagement, service, hydrator, peers, cursors)
    platform.serve(engagement_pb2.DESCRIPTOR, "EngagementService", engagement_rpc)

    drafts = DraftRpc(DraftService(SqliteDraftStore(database), service, platform.clock), cursors)
    platform.serve(drafts_pb2.DESCRIPTOR, "DraftService", drafts)
    agenda = AgendaWorker(SqliteAgendaStore(database), service, peers, platform.clock)
    platform.background.append(agenda.run)

    worker = UpkeepWorker(SqliteRemovalStore(database), settings=platform.settings, clock=platform.clock)
    platform.consume("users", worker.consumption(), offsets="tweets")
    platform.background.append(worker.run)
