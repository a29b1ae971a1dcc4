"""Timelines on their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.lists_pb2_grpc import ListServiceStub
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.timelines.filling import Filler
from aviary.timelines.home import Home
from aviary.timelines.lists import HomeLists
from aviary.timelines.peers import FanoutTiers, GraphOfSources, TweetsById
from aviary.timelines.rpc import TimelineRpc
from aviary.timelines.service import TimelineService
from aviary.timelines.sources import SourcesByViewer

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add homes, and all other lists of tweets for a reader."""
    channel = platform.channel("timelines")
    tweets = TweetsById(TweetServiceStub(channel))
    graph = GraphOfSources(GraphServiceStub(channel), ListServiceStub(channel))
    sources = SourcesByViewer(graph, FanoutTiers(FanoutServiceStub(channel)), platform.clock)
    lists = HomeLists(platform.stores.held, tweets, entries_kept=platform.settings.timeline_entries)
    service = TimelineService(Home(sources, lists, tweets), graph, tweets, platform.stores.held)
    rpc = TimelineRpc(service, platform.cursors)
    platform.serve(timelines_pb2.DESCRIPTOR, "TimelineService", rpc)
    if (fronting := platform.stores.fronting) is not None:
        filler = Filler(
            fronting.front,
            sources=sources,
            lists=lists,
            tweets=tweets,
            fragments=tweets,
            clock=platform.clock,
            copies=fronting.copies,
        )
        platform.put_in_front(fronting, filler.fill)
