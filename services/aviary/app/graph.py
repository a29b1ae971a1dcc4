"""The graph on its adapters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.eventlog import insist
from aviary.graph.lists.rpc import ListRpc
from aviary.graph.lists.service import ListService
from aviary.graph.peers import UserDirectory
from aviary.graph.regard import Regards
from aviary.graph.relations.rpc import RelationRpc
from aviary.graph.relations.service import RelationService
from aviary.graph.rpc import GraphRpc, UserPages
from aviary.graph.service import GraphService
from aviary.upkeep.rpc import UpkeepRpc
from aviary.upkeep.worker import erasing

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add follows, the relations that count nothing, lists, and what erases a person from all of them."""
    stores = platform.stores.graph()
    directory = UserDirectory(UserServiceStub(platform.channel("graph")))
    regards = Regards(directory, stores.relations)
    service = GraphService(stores.follows, regards)
    relations = RelationService(stores.relations, regards, platform.clock)
    lists = ListService(stores.lists, stores.relations, regards)
    users = UserPages(directory, platform.cursors)
    upkeep = UpkeepRpc(stores.personal, stores.counters)
    graph = GraphRpc(service, relations, users, upkeep=upkeep)
    platform.serve(graph_pb2.DESCRIPTOR, "GraphService", graph)
    platform.serve(relations_pb2.DESCRIPTOR, "RelationService", RelationRpc(relations, service, users))
    platform.serve(lists_pb2.DESCRIPTOR, "ListService", ListRpc(lists, users, platform.cursors))
    erasure = erasing("graph erasure", stores.removal.erase, straggle_s=platform.stores.straggle_s)
    platform.consume("users", erasure, service="graph")
    if stores.repair is not None:
        platform.consume("graph", stores.repair, service="graph")
    # A process that stopped in the middle of a deletion left some of the list behind.
    platform.background.append(partial(insist, lists.sweep, what="sweep lists"))
