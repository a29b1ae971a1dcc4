"""Users between Protobuf and records."""

from __future__ import annotations

import math
from dataclasses import fields

from aviary.api.users.v1 import users_pb2 as pb
from aviary.faults import at_most
from aviary.rpc.call import Call
from aviary.rpc.call import User as Caller
from aviary.rpc.limits import Limit, Usage
from aviary.users import encoding
from aviary.users.failures import Tell
from aviary.users.hydrate import Profiles
from aviary.users.service import Application, SignedIn, UserService
from aviary.users.store import ProfileChanges

_MAX_USERS = 1_000
_MAX_SUMMARIES = 5_000
_TOKEN_TYPE = "Bearer"  # noqa: S105 - the scheme's name
_MEDIA_FIELDS = ("avatar_media_id", "banner_media_id")


class UserRpc:
    """Serves aviary.api.users.v1.UserService."""

    def __init__(self, service: UserService, profiles: Profiles) -> None:
        self._service = service
        self._profiles = profiles

    async def Register(self, request: pb.RegisterRequest, call: Call) -> pb.AuthResponse:
        application = Application(
            username=request.username,
            email=request.email,
            password=request.password,
            display_name=request.display_name,
            client=call.client or "",
        )
        return await self._signed_in(await self._service.register(application, claim=call.claim), call)

    async def Login(self, request: pb.LoginRequest, call: Call) -> pb.AuthResponse:
        signed_in = await self._service.login(
            request.username or request.email,
            request.password,
            client=call.client or "",
            address=call.address,
            claim=call.claim,
            tell=tell_on(call),
        )
        return await self._signed_in(signed_in, call)

    async def RefreshToken(self, request: pb.RefreshTokenRequest, call: Call) -> pb.TokenResponse:
        tokens = await self._service.refresh(request.refresh_token, claim=call.claim)
        return pb.TokenResponse(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            token_type=_TOKEN_TYPE,
            expires_in=tokens.expires_in_s,
        )

    async def Logout(self, _request: pb.LogoutRequest, call: Call) -> pb.LogoutResponse:
        await self._service.logout(call.session_id)
        return pb.LogoutResponse()

    async def LogoutAll(self, _request: pb.LogoutAllRequest, call: Call) -> pb.LogoutAllResponse:
        await self._service.logout_all(call.user_id)
        return pb.LogoutAllResponse()

    async def GetJwks(self, _request: pb.GetJwksRequest, _call: Call) -> pb.Jwks:
        key = self._service.public_key
        return pb.Jwks(keys=[pb.Jwk(kty="OKP", crv="Ed25519", x=key.x, kid=key.key_id, alg="EdDSA", use="sig")])

    async def GetMe(self, _request: pb.GetMeRequest, call: Call) -> pb.User:
        return await self._profiles.own(await self._service.get(call.user_id))

    async def GetUser(self, request: pb.GetUserRequest, call: Call) -> pb.User:
        return await self._profiles.seen(await self._service.get(request.id), _viewer(call))

    async def GetUserByUsername(self, request: pb.GetUserByUsernameRequest, call: Call) -> pb.User:
        return await self._profiles.seen(await self._service.get_by_username(request.username), _viewer(call))

    async def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> pb.User:
        sent = {spec.name: getattr(request, spec.name) for spec in fields(ProfileChanges) if _has(request, spec.name)}
        media_fields = [name for name in _MEDIA_FIELDS if _has(request, name)]
        user = await self._service.update(call.user_id, request.id, ProfileChanges(**sent), media_fields=media_fields)
        return await self._profiles.own(user)

    async def BatchGetUsers(self, request: pb.BatchGetUsersRequest, _call: Call) -> pb.BatchGetUsersResponse:
        at_most("ids", len(request.ids), _MAX_USERS)
        found = await self._service.get_many(request.ids)
        return pb.BatchGetUsersResponse(users=await self._profiles.many(found, request.viewer_id))

    async def BatchGetSummaries(
        self, request: pb.BatchGetSummariesRequest, _call: Call
    ) -> pb.BatchGetSummariesResponse:
        at_most("ids", len(request.ids), _MAX_SUMMARIES)
        found, preferences = await self._service.summaries(request.ids, viewer_id=request.viewer_id)
        answer = pb.BatchGetSummariesResponse(
            users=[encoding.summary(each) for each in found], hidden_ids=[each.id for each in found if each.hidden]
        )
        held = request.if_preferences_version_not if request.HasField("if_preferences_version_not") else None
        if preferences is not None and preferences.version != held:
            answer.preferences.CopyFrom(
                pb.ViewerPreferences(
                    version=preferences.version,
                    hide_sensitive=preferences.hide_sensitive,
                    muted_words=preferences.muted_words,
                )
            )
        return answer

    async def ResolveUsernames(self, request: pb.ResolveUsernamesRequest, _call: Call) -> pb.ResolveUsernamesResponse:
        at_most("usernames", len(request.usernames), _MAX_USERS)
        return pb.ResolveUsernamesResponse(ids=await self._service.resolve(request.usernames))

    async def _signed_in(self, signed_in: SignedIn, call: Call) -> pb.AuthResponse:
        call.repeated = signed_in.repeated
        return pb.AuthResponse(
            user=await self._profiles.own(signed_in.user),
            access_token=signed_in.tokens.access_token,
            refresh_token=signed_in.tokens.refresh_token,
            token_type=_TOKEN_TYPE,
            expires_in=signed_in.tokens.expires_in_s,
        )


def tell_on(call: Call) -> Tell:
    """Say in the headers of `call` how many failed logins are left."""

    def tell(limit: Limit, usage: Usage) -> None:
        call.headers["x-ratelimit-limit"] = str(limit.count)
        call.headers["x-ratelimit-remaining"] = str(usage.remaining)
        call.headers["x-ratelimit-reset"] = str(math.ceil(usage.reset_s))
        if not usage.allowed:
            call.headers["retry-after"] = str(math.ceil(usage.reset_s))

    return tell


def _viewer(call: Call) -> int:
    return call.caller.user_id if isinstance(call.caller, Caller) else 0


def _has(request: pb.UpdateUserRequest, name: str) -> bool:
    # The stub's parameter is a literal of the message's own field names, which `name` always is.
    return request.HasField(name)  # type: ignore[arg-type]
