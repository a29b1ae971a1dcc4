"""Timelines on their adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.fanout.v1.fanout_pb2_grpc import FanoutServiceStub
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.timelines.home import Home
from aviary.timelines.lists import HomeLists
from aviary.timelines.rpc import FanoutTiers, GraphOfSources, TimelineRpc, TweetsById, UsersWhoExist
from aviary.timelines.service import TimelineService
from aviary.timelines.sources import SourcesByViewer

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add homes and user timelines."""
    channel = platform.channel("timelines")
    tweets = TweetsById(TweetServiceStub(channel))
    sources = SourcesByViewer(GraphOfSources(GraphServiceStub(channel)), FanoutTiers(FanoutServiceStub(channel)))
    lists = HomeLists(platform.timelines, tweets, entries_kept=platform.settings.timeline_entries)
    people = UsersWhoExist(UserServiceStub(channel))
    service = TimelineService(Home(sources, lists, tweets), tweets, people, platform.timelines)
    rpc = TimelineRpc(service, platform.cursors)
    platform.dispatcher.add(timelines_pb2.DESCRIPTOR.services_by_name["TimelineService"], rpc)
