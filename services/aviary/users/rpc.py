"""Users between Protobuf and records."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.tweets.v1.tweets_pb2_grpc import TweetServiceStub
from aviary.api.users.v1 import users_pb2 as pb
from aviary.errors import InvalidInput
from aviary.rpc.call import Call
from aviary.rpc.call import User as Caller
from aviary.rpc.limits import Limit, Usage
from aviary.users.service import Application, SignedIn, UserService
from aviary.users.store import ProfileChanges, Summary, User

_MAX_USERS = 1_000
_MAX_SUMMARIES = 5_000
_TOKEN_TYPE = "Bearer"  # noqa: S105 - the scheme's name
_MEDIA_FIELDS = ("avatar_media_id", "banner_media_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What others know how to count about a user."""

    followers: int
    following: int
    tweets: int
    likes: int


class UserCounts:
    """The services that count, as users ask them."""

    def __init__(self, graph: GraphServiceStub, tweets: TweetServiceStub) -> None:
        self._graph = graph
        self._tweets = tweets

    async def of(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        """Return each one's counts, in the order asked for; at most 1,000."""
        if not user_ids:
            return []
        relations, authored = await asyncio.gather(
            self._graph.BatchGetCounts(graph_pb2.BatchGetCountsRequest(ids=user_ids)),
            self._tweets.BatchGetAuthorCounts(tweets_pb2.BatchGetAuthorCountsRequest(ids=user_ids)),
        )
        return [
            Counts(
                followers=relation.follower_count,
                following=relation.following_count,
                tweets=author.tweet_count,
                likes=author.like_count,
            )
            for relation, author in zip(relations.counts, authored.counts, strict=True)
        ]


class UserRpc:
    """Serves aviary.api.users.v1.UserService."""

    def __init__(self, service: UserService, counts: UserCounts) -> None:
        self._service = service
        self._counts = counts

    async def Register(self, request: pb.RegisterRequest, call: Call) -> pb.AuthResponse:
        application = Application(
            username=request.username,
            email=request.email,
            password=request.password,
            display_name=request.display_name,
        )
        return await self._signed_in(await self._service.register(application, claim=call.claim), call)

    async def Login(self, request: pb.LoginRequest, call: Call) -> pb.AuthResponse:
        def tell(limit: Limit, usage: Usage) -> None:
            call.headers["x-ratelimit-limit"] = str(limit.count)
            call.headers["x-ratelimit-remaining"] = str(usage.remaining)
            call.headers["x-ratelimit-reset"] = str(math.ceil(usage.reset_s))
            if not usage.allowed:
                call.headers["retry-after"] = str(math.ceil(usage.reset_s))

        signed_in = await self._service.login(
            request.username or request.email, request.password, address=call.address, claim=call.claim, tell=tell
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
        return await self._one(await self._service.get(call.user_id), call)

    async def GetUser(self, request: pb.GetUserRequest, call: Call) -> pb.User:
        return await self._one(await self._service.get(request.id), call)

    async def GetUserByUsername(self, request: pb.GetUserByUsernameRequest, call: Call) -> pb.User:
        return await self._one(await self._service.get_by_username(request.username), call)

    async def UpdateUser(self, request: pb.UpdateUserRequest, call: Call) -> pb.User:
        sent = {spec.name: getattr(request, spec.name) for spec in fields(ProfileChanges) if _has(request, spec.name)}
        media_fields = [name for name in _MEDIA_FIELDS if _has(request, name)]
        user = await self._service.update(call.user_id, request.id, ProfileChanges(**sent), media_fields=media_fields)
        return await self._one(user, call)

    async def BatchGetUsers(self, request: pb.BatchGetUsersRequest, _call: Call) -> pb.BatchGetUsersResponse:
        _limit("ids", len(request.ids), _MAX_USERS)
        users = await self._service.get_many(request.ids)
        counts = await self._counts.of([user.id for user in users])
        return pb.BatchGetUsersResponse(
            users=[_user(user, each, own=False) for user, each in zip(users, counts, strict=True)]
        )

    async def BatchGetSummaries(
        self, request: pb.BatchGetSummariesRequest, _call: Call
    ) -> pb.BatchGetSummariesResponse:
        _limit("ids", len(request.ids), _MAX_SUMMARIES)
        found, preferences = await self._service.summaries(request.ids, viewer_id=request.viewer_id)
        answer = pb.BatchGetSummariesResponse(
            users=[_summary(each) for each in found], hidden_ids=[each.id for each in found if each.hidden]
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
        _limit("usernames", len(request.usernames), _MAX_USERS)
        return pb.ResolveUsernamesResponse(ids=await self._service.resolve(request.usernames))

    async def _signed_in(self, signed_in: SignedIn, call: Call) -> pb.AuthResponse:
        call.repeated = signed_in.repeated
        (counts,) = await self._counts.of([signed_in.user.id])
        return pb.AuthResponse(
            user=_user(signed_in.user, counts, own=True),
            access_token=signed_in.tokens.access_token,
            refresh_token=signed_in.tokens.refresh_token,
            token_type=_TOKEN_TYPE,
            expires_in=signed_in.tokens.expires_in_s,
        )

    async def _one(self, user: User, call: Call) -> pb.User:
        (counts,) = await self._counts.of([user.id])
        return _user(user, counts, own=isinstance(call.caller, Caller) and call.caller.user_id == user.id)


def _user(user: User, counts: Counts, *, own: bool) -> pb.User:
    rendered = pb.User(
        id=user.id,
        username=user.username,
        display_name=user.display_name,
        language=user.language,
        timezone=user.timezone,
        verified=user.verified,
        protected=user.protected,
        suspended=user.suspended,
        follower_count=counts.followers,
        following_count=counts.following,
        tweet_count=counts.tweets,
        like_count=counts.likes,
    )
    rendered.created_at.FromMilliseconds(user.created_ms)
    # A suspended account says that it is, without what it wrote.
    if own or not user.suspended:
        rendered.bio, rendered.location, rendered.website = user.bio, user.location, user.website
    if own:
        rendered.email = user.email
        if user.birth_date:
            rendered.birth_date = user.birth_date
    return rendered


def _summary(summary: Summary) -> pb.UserSummary:
    return pb.UserSummary(
        id=summary.id,
        username=summary.username,
        display_name=summary.display_name,
        verified=summary.verified,
        protected=summary.protected,
    )


def _has(request: pb.UpdateUserRequest, name: str) -> bool:
    # The stub's parameter is a literal of the message's own field names, which `name` always is.
    return request.HasField(name)  # type: ignore[arg-type]


def _limit(field: str, count: int, most: int) -> None:
    if count > most:
        raise InvalidInput(f"{count} {field}; the limit is {most}", fields={field: f"at most {most:,}"})
