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
from aviary.graph.worker import erasing
from aviary.storage.sqlite.graph.counters import SqliteCounterStore
from aviary.storage.sqlite.graph.follows import SqliteGraphStore
from aviary.storage.sqlite.graph.lists import SqliteListStore
from aviary.storage.sqlite.graph.personal import SqlitePersonalStore
from aviary.storage.sqlite.graph.relations import SqliteRelationStore
from aviary.storage.sqlite.graph.removal import SqliteRemovalStore
from aviary.upkeep.rpc import UpkeepRpc

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add follows, the relations that count nothing, lists, and what erases a person from all of them."""
    database = platform.database("graph")
    directory = UserDirectory(UserServiceStub(platform.channel("graph")))
    relation_store = SqliteRelationStore(database, platform.clock)
    regards = Regards(directory, relation_store)
    service = GraphService(SqliteGraphStore(database, platform.clock), regards)
    relations = RelationService(relation_store, regards, platform.clock)
    lists = ListService(SqliteListStore(database), relation_store, regards)
    users = UserPages(directory, platform.cursors)
    upkeep = UpkeepRpc(SqlitePersonalStore(database), SqliteCounterStore(database))
    graph = GraphRpc(service, relations, users, upkeep=upkeep)
    platform.serve(graph_pb2.DESCRIPTOR, "GraphService", graph)
    platform.serve(relations_pb2.DESCRIPTOR, "RelationService", RelationRpc(relations, service, users))
    platform.serve(lists_pb2.DESCRIPTOR, "ListService", ListRpc(lists, users, platform.cursors))
    platform.consume("users", erasing(SqliteRemovalStore(database)), offsets="graph")
    # A process that stopped in the middle of a deletion left some of the list behind.
    platform.background.append(partial(insist, lists.sweep, what="sweep lists"))
