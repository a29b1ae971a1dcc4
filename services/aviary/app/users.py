"""Users on their adapters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users import SqliteUserStore
from aviary.users.rpc import UserCounts, UserRpc
from aviary.users.service import UserService
from aviary.users.tokens import Tokens
from aviary.users.worker import feed_deny_list

if TYPE_CHECKING:
    from aviary.app.platform import Platform


def build(platform: Platform) -> None:
    """Add accounts, profiles and sessions, and what keeps the deny list."""
    settings, channel, database = platform.settings, platform.channel("users"), platform.database("users")
    store = SqliteUserStore(database)
    service = UserService(
        store,
        platform.passwords,
        Tokens(platform.secrets, access_ttl_s=settings.access_token_ttl_s),
        settings=settings,
        denied=platform.denied,
        limits=platform.limits_store,
        login_failures=platform.limits.get("login_failures"),
    )
    counts = UserCounts(GraphServiceStub(channel), TweetServiceStub(channel))
    platform.dispatcher.add(users_pb2.DESCRIPTOR.services_by_name["UserService"], UserRpc(service, counts))

    loaded = asyncio.Event()
    platform.preparations.append(loaded)
    platform.background.append(
        partial(
            feed_deny_list,
            SqliteEventLog(database),
            store,
            platform.denied,
            for_s=settings.access_token_ttl_s,
            loaded=loaded,
        )
    )
