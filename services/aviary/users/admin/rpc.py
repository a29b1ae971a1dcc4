"""Operators' calls between Protobuf and records."""

from __future__ import annotations

from aviary.api.users.v1 import admin_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.rpc.call import Call
from aviary.users.accounts.service import AccountService
from aviary.users.hydrate import Profiles
from aviary.users.store import User


class AdminRpc:
    """Serves aviary.api.users.v1.AdminService."""

    def __init__(self, service: AccountService, profiles: Profiles) -> None:
        self._service = service
        self._profiles = profiles

    async def SuspendUser(self, request: pb.SuspendUserRequest, _call: Call) -> users_pb2.User:
        return await self._told(await self._service.suspend(request.id))

    async def UnsuspendUser(self, request: pb.UnsuspendUserRequest, _call: Call) -> users_pb2.User:
        return await self._told(await self._service.unsuspend(request.id))

    async def SetVerified(self, request: pb.SetVerifiedRequest, _call: Call) -> users_pb2.User:
        return await self._told(await self._service.set_verified(request.id, verified=request.verified))

    async def _told(self, user: User) -> users_pb2.User:
        return await self._profiles.card(user)
