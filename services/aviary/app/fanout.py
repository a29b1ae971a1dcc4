"""The fan-out on its adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.fanout.rpc import FanoutRpc, GraphFollowers
from aviary.fanout.worker import FanoutWorker

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add the worker that follows the tweets' log."""
    stores = platform.stores.fanout()
    worker = FanoutWorker(
        followers=GraphFollowers(GraphServiceStub(platform.channel("fanout"))),
        timelines=platform.stores.warm,
        tiers=stores.tiers,
        dead_letters=stores.dead_letters,
        metrics=platform.metrics,
        settings=platform.settings,
        clock=platform.clock,
    )
    consumer = platform.consume("tweets", worker.consumption(), service="fanout")
    platform.metrics.fanout_lag_events.set_function(lambda: consumer.pending)
    rpc = FanoutRpc(stores.tiers, stores.dead_letters, consumer, worker)
    platform.serve(fanout_pb2.DESCRIPTOR, "FanoutService", rpc)
