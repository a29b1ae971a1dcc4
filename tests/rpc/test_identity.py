"""Who may call what, over a real gRPC server: nothing is believed but a good token."""

from __future__ import annotations

import time
from pathlib import Path

import grpc.aio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from grpc import StatusCode
from tests.rpc.serving import Metadata, Serving, bearer, refusal

from aviary import secrets
from aviary.api.fanout.v1 import fanout_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.api.users.v1 import users_pb2
from aviary.rpc.identity import ALGORITHM, AUDIENCE, ISSUER
from aviary.rpc.method import PUBLIC

MINUTE_S = 60.0


def forge(
    served: Serving, *, key: Ed25519PrivateKey | None = None, algorithm: str = ALGORITHM, **claims: object
) -> str:
    """A token that differs from a good one in what is named."""
    own = served.platform.secrets
    now = int(time.time())
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1", "sid": "1", "iat": now, "exp": now + 900}
    payload = {name: value for name, value in (good | claims).items() if value is not None}
    signing = key or own.signing_key
    return jwt.encode(payload, "" if algorithm == "none" else signing, algorithm=algorithm, headers={"kid": own.key_id})


async def whoami(served: Serving, metadata: Metadata = ()) -> users_pb2.User:
    return await served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=metadata)


async def test_a_token_names_its_owner(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")

    assert (await whoami(served, ada.signed)).id == ada.id
    assert (await whoami(served, bob.signed)).id == bob.id


async def test_public_calls_need_no_token_and_do_not_mind_a_bad_one(served: Serving) -> None:
    await served.clients.users.GetJwks(users_pb2.GetJwksRequest(), metadata=bearer("no token at all"))


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Basic YWRhOmFkYQ=="),),
        (("x-aviary-user-id", "1"), ("x-user-id", "1")),
        bearer("a.b.c"),
        bearer("x" * 5_000),
    ],
    ids=["none", "empty", "no token", "another scheme", "an identity header", "no JWT", "long"],
)
async def test_without_a_good_token_nobody_is_calling(served: Serving, metadata: Metadata) -> None:
    await served.register("ada")
    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=metadata))
    assert error.code() is StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sid": None},
        {"sub": "ada"},
        {"aud": "another-platform"},
        {"aud": None},
        {"iss": "somebody"},
        {"algorithm": "none"},
        {"key": Ed25519PrivateKey.generate()},
    ],
    ids=[
        "expired",
        "without expiry",
        "without issue time",
        "without owner",
        "without session",
        "owner is no id",
        "foreign audience",
        "without audience",
        "foreign issuer",
        "unsigned",
        "forged",
    ],
)
async def test_expired_foreign_and_forged_tokens_are_refused(served: Serving, claims: dict[str, object]) -> None:
    (ada,) = await served.register("ada")
    token = forge(served, **({"sub": str(ada.id)} | claims))  # type: ignore[arg-type]
    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=bearer(token)))

    assert error.code() is StatusCode.UNAUTHENTICATED
    assert error.details() == "the access token is expired, forged or not for this platform"


async def test_a_token_of_another_deployment_is_refused(served: Serving, tmp_path: Path) -> None:
    stranger = secrets.operator_token(secrets.load(tmp_path / "elsewhere"), "test")
    error = await refusal(served.clients.fanout.GetProgress(fanout_pb2.GetProgressRequest(), metadata=bearer(stranger)))
    assert error.code() is StatusCode.UNAUTHENTICATED


async def test_a_token_that_expires_is_refused_though_it_was_verified_before(
    served: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ada,) = await served.register("ada")
    await whoami(served, ada.signed)
    expired = time.time() + served.platform.settings.access_token_ttl_s + 1
    monkeypatch.setattr("aviary.rpc.identity.time.time", lambda: expired)

    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed))
    assert (error.code(), error.details()) == (StatusCode.UNAUTHENTICATED, "the access token has expired; refresh it")


async def test_a_session_that_was_ended_is_refused_and_the_others_are_not(served: Serving) -> None:
    (ada,) = await served.register("ada")
    login = users_pb2.LoginRequest(username="ada", password="correct horse battery")
    other = bearer((await served.clients.users.Login(login)).access_token)
    await served.clients.users.Logout(users_pb2.LogoutRequest(), metadata=ada.signed)

    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed))
    assert (error.code(), error.details()) == (StatusCode.UNAUTHENTICATED, "the session was ended; log in again")
    assert (await whoami(served, other)).id == ada.id


async def test_a_refused_user_is_refused_in_every_session(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    served.platform.denied.refuse(ada.id, for_s=MINUTE_S)

    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed))
    assert error.code() is StatusCode.UNAUTHENTICATED
    assert (await whoami(served, bob.signed)).id == bob.id


async def test_calls_between_services_are_closed_to_people(served: Serving) -> None:
    (ada,) = await served.register("ada")
    clients = served.clients
    for call in (
        clients.tweets.Hydrate(tweets_pb2.HydrateRequest(viewer_id=ada.id), metadata=ada.signed),
        clients.fanout.GetProgress(fanout_pb2.GetProgressRequest(), metadata=ada.signed),
    ):
        assert (await refusal(call)).code() is StatusCode.PERMISSION_DENIED


async def test_calls_between_services_are_open_to_an_operator(served: Serving) -> None:
    progress = await served.clients.fanout.GetProgress(fanout_pb2.GetProgressRequest(), metadata=served.as_operator())
    assert progress.dead_lettered_events == 0


async def test_calls_of_people_are_closed_to_an_operator(served: Serving) -> None:
    request = tweets_pb2.CreateTweetRequest(content="hello")
    error = await refusal(served.clients.tweets.CreateTweet(request, metadata=served.as_operator()))
    assert error.code() is StatusCode.PERMISSION_DENIED


async def test_every_call_but_the_public_ones_refuses_a_stranger(served: Serving) -> None:
    closed = [method for method in served.platform.dispatcher.methods if method.access != PUBLIC]
    assert len(closed) > 20
    async with grpc.aio.insecure_channel(served.address) as channel:
        for method in closed:
            connect = channel.unary_stream if method.streams else channel.unary_unary
            call = connect(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.response.FromString,
            )(method.request())
            assert await call.code() is StatusCode.UNAUTHENTICATED, method.path
