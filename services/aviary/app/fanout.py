"""The fan-out on its adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.fanout.rpc import FanoutRpc, GraphFollowers
from aviary.fanout.worker import FanoutWorker
from aviary.storage.sqlite.fanout import SqliteDeadLetters, SqliteTierStore

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add the worker that follows the tweets' log."""
    database = platform.database("fanout")
    tiers, dead_letters = SqliteTierStore(database), SqliteDeadLetters(database)
    worker = FanoutWorker(
        followers=GraphFollowers(GraphServiceStub(platform.channel("fanout"))),
        timelines=platform.timelines,
        tiers=tiers,
        dead_letters=dead_letters,
        metrics=platform.metrics,
        settings=platform.settings,
        clock=platform.clock,
    )
    consumer = platform.consume("tweets", worker.consumption(), offsets="fanout")
    platform.metrics.fanout_lag_events.set_function(lambda: consumer.pending)
    rpc = FanoutRpc(tiers, dead_letters, consumer, worker)
    platform.serve(fanout_pb2.DESCRIPTOR, "FanoutService", rpc)
