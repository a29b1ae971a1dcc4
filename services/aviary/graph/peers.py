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

    async def users(self, user_ids: Sequence[int], *, viewer_id: int = 0) -> Sequence[users_pb2.User]:
        """Return full users in the order asked for; missing ones are skipped.

        With a viewer, not 0, whoever stands apart from them comes without content.
        """
        if not user_ids:
            return []
        request = users_pb2.BatchGetUsersRequest(ids=user_ids, viewer_id=viewer_id)
        return (await self._users.BatchGetUsers(request)).users
