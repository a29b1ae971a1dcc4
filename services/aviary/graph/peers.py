"""The users service as the graph asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.graph.regard import Account


class UserDirectory:
    """Who exists, and how they are shown."""

    def __init__(self, users: UserServiceStub) -> None:
        self._users = users

    async def accounts(self, user_ids: Sequence[int]) -> Mapping[int, Account]:
        if not user_ids:
            return {}
        found = await self._users.BatchGetSummaries(users_pb2.BatchGetSummariesRequest(ids=user_ids))
        hidden = frozenset(found.hidden_ids)
        return {
            user.id: Account(protected=user.protected, stands=user.id not in hidden, card=user.SerializeToString())
            for user in found.users
        }

    async def users(self, user_ids: Sequence[int]) -> Sequence[users_pb2.User]:
        """Return full users in the order asked for; missing ones are skipped."""
        if not user_ids:
            return []
        return (await self._users.BatchGetUsers(users_pb2.BatchGetUsersRequest(ids=user_ids))).users
