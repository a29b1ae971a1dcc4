"""A platform small enough to reason about: real server, real interceptors, handlers that say back what they got."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from yarl import URL

from aviary._native import DenyList
from aviary.api.paging.v1 import paging_pb2
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import accounts_pb2, users_pb2
from aviary.errors import (
    AviaryError,
    Conflict,
    FailedPrecondition,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from aviary.gateway import Envoy, envoy_config
from aviary.gateway.bindings import methods, read_descriptors
from aviary.rpc import boundary
from aviary.rpc.call import Call
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.identity import ALGORITHM, AUDIENCE, ISSUER, Identity, TokenVerifier
from aviary.rpc.limits import Limits, limits_of
from aviary.rpc.server import RpcServer
from aviary.secrets import public_x
from aviary.settings import Settings
from aviary.storage.native.limits import NativeRateLimits

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
KEY_ID = "test-key"
USER_ID, SESSION_ID = 7312000000000000001, 7312000000000000002
# Homes that are answered just so, by the cursor that asks for them.
PREPARED: dict[str, tweets_pb2.TweetList] = {}
# Tweet ids whose reading fails in a known way.
FAILURES: dict[int, AviaryError] = {
    400: InvalidInput("limit is 0; it must be from 1 to 100", fields={"limit": "1 to 100"}),
    401: Unauthenticated("the session was ended; log in again"),
    403: Forbidden("tweet 403 is somebody else's"),
    404: NotFound("there is no tweet 404"),
    409: Conflict("the key was used with another body"),
    410: FailedPrecondition("the poll is closed"),
    429: RateLimited("1000 calls are in flight, which is the limit", retry_after_s=1),
    503: Unavailable("the store does not answer", retry_after_s=1),
}
HANGS, RAISES = 504, 500
EXPORT = (b"PK\x03\x04", bytes(range(256)) * 300)
DEADLINE_S = 20.0


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.01)


class Echo:
    """A servicer of every RPC: the answer is empty unless a method below says more."""

    def __getattr__(self, name: str) -> Any:
        async def empty(_request: Message, call: Call) -> Message:
            return call.method.response()

        return empty

    async def GetMe(self, _request: users_pb2.GetMeRequest, call: Call) -> users_pb2.User:
        return users_pb2.User(id=call.user_id, username=call.address, bio=json.dumps(dict(call.metadata)))

    async def GetUser(self, request: users_pb2.GetUserRequest, call: Call) -> users_pb2.User:
        return users_pb2.User(id=request.id, username=str(call.caller))

    async def GetUserByUsername(self, request: users_pb2.GetUserByUsernameRequest, _call: Call) -> users_pb2.User:
        return users_pb2.User(username=request.username)

    async def Login(self, request: users_pb2.LoginRequest, call: Call) -> users_pb2.AuthResponse:
        return users_pb2.AuthResponse(token_type=request.username, access_token=str(call.caller))

    async def CreateTweet(self, request: tweets_pb2.CreateTweetRequest, call: Call) -> tweets_pb2.Tweet:
        tweet = tweets_pb2.Tweet(content=request.content, source=call.metadata.get("idempotency-key", ""))
        if request.HasField("reply_to_id"):
            tweet.reply_to_id = request.reply_to_id
        return tweet

    async def GetTweet(self, request: tweets_pb2.GetTweetRequest, _call: Call) -> tweets_pb2.Tweet:
        if request.id == HANGS:
            await asyncio.Event().wait()
        if request.id == RAISES:
            raise RuntimeError("a secret of the implementation")
        if request.id in FAILURES:
            raise FAILURES[request.id]
        return tweets_pb2.Tweet(id=request.id, impression_count=2**63 - 1)

    async def BatchGetTweets(
        self, request: tweets_pb2.BatchGetTweetsRequest, _call: Call
    ) -> tweets_pb2.BatchGetTweetsResponse:
        return tweets_pb2.BatchGetTweetsResponse(tweets=[tweets_pb2.Tweet(id=id_) for id_ in request.ids])

    async def DownloadExport(self, _request: Message, call: Call) -> AsyncIterator[HttpBody]:
        call.headers["content-disposition"] = "attachment"
        for part in EXPORT:
            yield HttpBody(content_type="application/zip", data=part)

    async def UpdateSettings(self, request: accounts_pb2.UpdateSettingsRequest, _call: Call) -> Message:
        sent = [each.string_value for each in request.muted_words.list_value.values]
        return accounts_pb2.AccountSettings(muted_words=sent, dm_from=str(request.HasField("muted_words")))

    async def GetHomeTimeline(self, request: timelines_pb2.GetHomeTimelineRequest, _call: Call) -> tweets_pb2.TweetList:
        if request.cursor in PREPARED:
            return PREPARED[request.cursor]
        return tweets_pb2.TweetList(
            tweets=[tweets_pb2.Tweet(id=id_, content="a tweet " * 10) for id_ in range(request.limit)],
            pagination=paging_pb2.Pagination(limit=request.limit, next_cursor=request.cursor),
        )


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs tokens as the platform does, or wrongly in one chosen way."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def jwks(self) -> str:
        key = {"kty": "OKP", "crv": "Ed25519", "x": public_x(self.key.public_key()), "kid": KEY_ID, "alg": ALGORITHM}
        return json.dumps({"keys": [{**key, "use": "sig"}]})

    def token(self, *, key_id: str = KEY_ID, **changed: Any) -> str:
        """A good token but for the claims in `changed`; None leaves one out."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": str(USER_ID), "sid": str(SESSION_ID)}
        claims |= {"iat": now, "exp": now + 900} | changed
        present = {name: claim for name, claim in claims.items() if claim is not None}
        return jwt.encode(present, self.key, algorithm=ALGORITHM, headers={"kid": key_id})


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read to its end."""

    status: int
    headers: Any  # a multidict: a header may appear twice, which tests look for
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def refusal(self) -> tuple[int, int, str]:
        """HTTP status, gRPC code and reason of an error, whose one shape is checked here."""
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) == {"code", "message", "details"}
        assert self.json["message"]
        reasons = [detail["reason"] for detail in self.json["details"] if detail["@type"] == ERROR_INFO]
        assert len(reasons) == 1
        return self.status, self.json["code"], reasons[0]


class Platform:
    """A gateway and what stands behind it."""

    def __init__(self, envoy: Envoy, server: RpcServer, issuer: Issuer, http: aiohttp.ClientSession) -> None:
        self.envoy, self.server, self.issuer, self._http = envoy, server, issuer, http
        self.token = issuer.token()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.envoy.port}"

    async def call(self, verb: str, path: str, *, signed_in: bool = True, **options: Any) -> Answer:
        """Send one request, with a good token unless `signed_in` is false; `options` are aiohttp's.

        Whatever the test is about, an error must have the one shape.
        """
        headers = {"authorization": f"Bearer {self.token}"} if signed_in else {}
        headers |= options.pop("headers", {})
        url = URL(self.url + path, encoded=True)
        async with self._http.request(verb, url, headers=headers, allow_redirects=False, **options) as response:
            answer = Answer(response.status, response.headers, await response.read())
        if answer.status >= 400 and verb != "HEAD":
            assert answer.refusal[0] == answer.status
        return answer

    async def post(self, path: str, body: bytes, *, kind: str | None = "application/json") -> Answer:
        """POST these very bytes as this very content type."""
        if kind:
            return await self.call("POST", path, data=body, headers={"content-type": kind})
        return await self.call("POST", path, data=body, skip_auto_headers=["content-type"])

    async def raw(self, request: bytes) -> bytes:
        """Send bytes that no HTTP client would; returns all that comes until the gateway closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.envoy.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


def dispatcher(issuer: Issuer, settings: Settings) -> Dispatcher:
    verifier = TokenVerifier({KEY_ID: issuer.key.public_key()}, DenyList())
    limits = Limits(NativeRateLimits(), limits_of(settings))
    found = Dispatcher([boundary.errors, Identity(verifier), limits])
    called = {method.service for method in methods(read_descriptors()) if method.http}
    for name in sorted(called):
        found.add(descriptor_pool.Default().FindServiceByName(name), Echo())
    return found


@asynccontextmanager
async def platform(folder: Path, settings: Settings, **gateway: Any) -> AsyncIterator[Platform]:
    """Run an echo platform behind a real Envoy; `gateway` goes to `envoy_config`."""
    issuer = Issuer()
    server = RpcServer(dispatcher(issuer, settings), settings)
    await server.start()
    await server.ready()
    config = envoy_config(port=0, grpc_port=server.port, jwks=issuer.jwks, settings=settings, **gateway)
    envoy = Envoy(config, folder=folder, drain_s=settings.drain_s)
    try:
        await envoy.start()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http:
            yield Platform(envoy, server, issuer, http)
    finally:
        await envoy.stop()
        await server.stop()
