"""Tweets on their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1 import drafts_pb2, engagement_pb2, tweets_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.tweets import languages
from aviary.tweets.agenda.worker import AgendaWorker
from aviary.tweets.conversations.rpc import ConversationRpc
from aviary.tweets.conversations.service import ConversationService
from aviary.tweets.drafts.rpc import DraftRpc
from aviary.tweets.drafts.service import DraftService
from aviary.tweets.engagement.rpc import EngagementRpc
from aviary.tweets.engagement.service import EngagementService
from aviary.tweets.fragments.filling import TweetFiller
from aviary.tweets.hydrate import Hydrator
from aviary.tweets.indices.rpc import IndexRpc
from aviary.tweets.peers import Peers
from aviary.tweets.rpc import TweetRpc
from aviary.tweets.service import TweetService
from aviary.tweets.upkeep.personal import TweetFiles
from aviary.tweets.upkeep.worker import Removal
from aviary.upkeep.rpc import UpkeepRpc
from aviary.upkeep.worker import erasing

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add tweets, and what people do with them."""
    languages.load()
    channel, stores = platform.channel("tweets"), platform.stores.tweets()
    peers = Peers(UserServiceStub(channel), RelationServiceStub(channel))
    service = TweetService(stores.tweets, peers, platform.settings)
    hydrator, cursors = Hydrator(service, platform.clock, held=platform.stores.told_at_once), platform.cursors
    conversations = ConversationRpc(ConversationService(stores.conversations), service, hydrator, cursors)
    upkeep = UpkeepRpc(TweetFiles(stores.own, platform.clock), stores.counters)
    indices = IndexRpc(stores.indices)
    rpc = TweetRpc(service, hydrator, cursors, indices=indices, conversations=conversations, upkeep=upkeep)
    platform.serve(tweets_pb2.DESCRIPTOR, "TweetService", rpc)
    # Beside timelines, theirs fills tweets as well.
    if "timelines" not in platform.services and (fronting := platform.stores.fronting) is not None:
        platform.put_in_front(fronting, TweetFiller(fronting.front, hydrator).fill)

    engagement = EngagementService(stores.engagement, stores.polls, service)
    engagement_rpc = EngagementRpc(engagement, service, hydrator, peers, cursors)
    platform.serve(engagement_pb2.DESCRIPTOR, "EngagementService", engagement_rpc)

    drafts = DraftRpc(DraftService(stores.drafts, service, platform.clock), cursors)
    platform.serve(drafts_pb2.DESCRIPTOR, "DraftService", drafts)
    agenda = AgendaWorker(stores.agenda, service, peers, platform.clock)
    platform.run_alone("agenda", agenda.run)

    removal = Removal(stores.removal, settings=platform.settings, clock=platform.clock)
    # Several, so that one account with a million tweets does not delay the others.
    erasure = erasing("erasure", removal.erase, straggle_s=platform.stores.straggle_s, at_once=4)
    platform.consume("users", erasure, service="tweets")
    platform.run_alone("purge", removal.run)
