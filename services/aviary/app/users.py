"""Users on their adapters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.graph.v1.relations_pb2_grpc import RelationServiceStub
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.app.scrubbing import scrub
from aviary.storage.objects.vault import FolderVault
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users.accounts import SqliteAccountStore
from aviary.storage.sqlite.users.exports import SqliteExportStore
from aviary.storage.sqlite.users.users import SqliteUserStore
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
from aviary.users.worker import feed_deny_list

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add accounts, profiles and sessions, and what keeps the deny list."""
    settings, channel, database = platform.settings, platform.channel("users"), platform.database("users")
    store, accounts = SqliteUserStore(database), SqliteAccountStore(database)
    failures = LoginFailures(platform.limits_store, platform.limits.get("login_failures"))
    tokens = Tokens(platform.secrets, access_ttl_s=settings.access_token_ttl_s)
    service = UserService(
        store, platform.passwords, tokens, settings=settings, denied=platform.denied, failures=failures
    )
    account_service = AccountService(
        store,
        accounts,
        platform.passwords,
        denied=platform.denied,
        access_ttl_s=settings.access_token_ttl_s,
        failures=failures,
    )
    peers = Peers(GraphServiceStub(channel), RelationServiceStub(channel), TweetServiceStub(channel))
    profiles = Profiles(peers)
    exports = _exports(platform, store, accounts, peers)
    account_rpc = AccountRpc(account_service, exports, profiles, platform.cursors)
    platform.serve(users_pb2.DESCRIPTOR, "UserService", UserRpc(service, profiles))
    platform.serve(accounts_pb2.DESCRIPTOR, "AccountService", account_rpc)
    platform.serve(admin_pb2.DESCRIPTOR, "AdminService", AdminRpc(account_service, profiles))
    platform.background.append(partial(scrub, platform))
    _feed_deny_list(platform, store)


def _exports(platform: Platform, store: SqliteUserStore, accounts: SqliteAccountStore, peers: Peers) -> ExportService:
    exports = SqliteExportStore(platform.database("users"))
    vault = FolderVault(platform.settings.data_dir / "exports", platform.secrets.derive("exports"))
    service = ExportService(exports, vault, platform.clock)
    worker = ExportWorker(exports, vault, store, accounts, peers)
    platform.consume("users", worker.consumption(), offsets="users")
    platform.background.append(partial(sweep, service))
    return service


def _feed_deny_list(platform: Platform, store: SqliteUserStore) -> None:
    loaded = asyncio.Event()
    platform.preparations.append(loaded)
    platform.background.append(
        partial(
            feed_deny_list,
            SqliteEventLog(platform.database("users")),
            store,
            platform.denied,
            for_s=platform.settings.access_token_ttl_s,
            loaded=loaded,
        )
    )
