"""Users on their adapters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.app.stores import UserStores
from aviary.users.accounts.rpc import AccountRpc
from aviary.users.accounts.service import AccountService
from aviary.users.admin.rpc import AdminRpc
from aviary.users.exports.service import ExportService
from aviary.users.exports.worker import ExportWorker, sweep
from aviary.users.failures import LoginFailures
from aviary.users.hydrate import Profiles
from aviary.users.peers import Peers
from aviary.users.rpc import UserRpc
from aviary.users.service import UserService
from aviary.users.tokens import Tokens

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add accounts, profiles and sessions."""
    settings, channel, stores = platform.settings, platform.channel("users"), platform.stores.users()
    failures = LoginFailures(platform.stores.limits, platform.limits.get("login_failures"))
    tokens = Tokens(platform.secrets, access_ttl_s=settings.access_token_ttl_s)
    service = UserService(
        stores.users, platform.passwords, tokens, settings=settings, denied=platform.denied, failures=failures
    )
    account_service = AccountService(
        stores.users,
        stores.accounts,
        platform.passwords,
        denied=platform.denied,
        access_ttl_s=settings.access_token_ttl_s,
        failures=failures,
    )
    peers = Peers(GraphServiceStub(channel), RelationServiceStub(channel), TweetServiceStub(channel))
    profiles = Profiles(peers)
    exports = _exports(platform, stores, peers)
    account_rpc = AccountRpc(account_service, exports, profiles, platform.cursors)
    platform.serve(users_pb2.DESCRIPTOR, "UserService", UserRpc(service, profiles))
    platform.serve(accounts_pb2.DESCRIPTOR, "AccountService", account_rpc)
    platform.serve(admin_pb2.DESCRIPTOR, "AdminService", AdminRpc(account_service, profiles))


def _exports(platform: Platform, stores: UserStores, peers: Peers) -> ExportService:
    service = ExportService(stores.exports, stores.vault, platform.clock)
    worker = ExportWorker(stores.exports, stores.vault, stores.users, stores.accounts, peers)
    platform.consume("users", worker.consumption(), service="users")
    platform.run_alone("exports", partial(sweep, service))
    return service
