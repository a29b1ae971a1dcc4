"""The graph on its adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aviary.api.graph.v1 import graph_pb2, relations_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.graph.relations.rpc import RelationRpc
from aviary.graph.relations.service import RelationService
from aviary.graph.rpc import GraphRpc, UserDirectory
from aviary.graph.service import GraphService
from aviary.storage.sqlite.graph import SqliteGraphStore
from aviary.storage.sqlite.relations import SqliteRelationStore

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add follows, and the relations that count nothing."""
    database = platform.database("graph")
    directory = UserDirectory(UserServiceStub(platform.channel("graph")))
    service = GraphService(SqliteGraphStore(database), directory)
    rpc = GraphRpc(service, directory, platform.cursors)
    platform.dispatcher.add(graph_pb2.DESCRIPTOR.services_by_name["GraphService"], rpc)
    relations = RelationRpc(RelationService(SqliteRelationStore(database, platform.clock)))
    platform.dispatcher.add(relations_pb2.DESCRIPTOR.services_by_name["RelationService"], relations)
