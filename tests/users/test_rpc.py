"""The users service as its callers meet it, over a real gRPC server."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import grpc
import grpc.aio
import jwt
import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.users.serving import FOLLOWERS, FOLLOWING, LIKES, TWEETS, Serving, bearer, serving
from tests.users.world import PASSWORD

from aviary.api.users.v1 import users_pb2 as pb
from aviary.errors import InvalidInput
from aviary.rpc.status import from_rpc_error
from aviary.secrets import Secrets

# Calls as a client makes them: the method, what it is sent, and the metadata.
Metadata = tuple[tuple[str, str], ...]


@pytest.fixture
async def served(tmp_path: Path, deployment: Secrets) -> AsyncIterator[Serving]:
    async with serving(tmp_path, deployment) as running:
        yield running


def application(username: str = "Ada", **fields: str) -> pb.RegisterRequest:
    wanted = {"username": username, "email": f"{username}@example.com", "password": PASSWORD} | fields
    return pb.RegisterRequest(**wanted)


async def signed_in(served: Serving, username: str = "Ada") -> tuple[pb.User, Metadata]:
    answer = await served.users.Register(application(username))
    return answer.user, bearer(answer.access_token)


async def refusal(call: Awaitable[Message]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def violations(error: grpc.aio.AioRpcError) -> set[str]:
    """The fields that the error names."""
    raised = from_rpc_error(error)
    return set(raised.fields) if isinstance(raised, InvalidInput) else set()


async def test_registering_answers_with_the_whole_user_and_a_pair(served: Serving) -> None:
    answer = await served.users.Register(application(display_name="Ada L."))
    user = answer.user

    assert (user.username, user.display_name, user.email) == ("Ada", "Ada L.", "Ada@example.com")
    assert (user.follower_count, user.following_count) == (FOLLOWERS, FOLLOWING)
    assert (user.tweet_count, user.like_count) == (TWEETS, LIKES)
    assert (user.language, user.timezone) == ("en", "UTC")
    assert abs(user.created_at.ToSeconds() - time.time()) < 60
    assert not user.HasField("birth_date")
    assert (answer.token_type, answer.expires_in) == ("Bearer", 900)


async def test_an_access_token_opens_what_needs_one(served: Serving) -> None:
    user, caller = await signed_in(served)

    assert await served.users.GetMe(pb.GetMeRequest(), metadata=caller) == user


@pytest.mark.parametrize("metadata", [(), bearer("x.y.z"), (("authorization", "Basic abc"),), (("x-user-id", "1"),)])
async def test_without_a_good_token_nobody_is_known(served: Serving, metadata: Metadata) -> None:
    error = await refusal(served.users.GetMe(pb.GetMeRequest(), metadata=metadata))

    assert error.code() is StatusCode.UNAUTHENTICATED


async def test_every_bad_field_is_in_the_details(served: Serving) -> None:
    error = await refusal(served.users.Register(application("a b", email="no", password="short")))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert violations(error) == {"username", "email", "password"}


async def test_an_empty_application_names_what_is_missing(served: Serving) -> None:
    error = await refusal(served.users.Register(pb.RegisterRequest()))

    assert violations(error) == {"username", "email", "password"}


async def test_a_taken_name_already_exists(served: Serving) -> None:
    await signed_in(served)

    error = await refusal(served.users.Register(application("ADA", email="b@example.com")))

    assert error.code() is StatusCode.ALREADY_EXISTS
    assert error.details() == "the username ADA is taken"


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_repeat_under_a_key_gets_the_first_answer(served: Serving, by_header: bool) -> None:
    request = application() if by_header else application(request_id="k1")
    metadata = (("idempotency-key", "k1"),) if by_header else ()

    first = await served.users.Register(request, metadata=metadata)
    again = await served.users.Register(request, metadata=metadata)

    assert again == first


async def test_a_key_with_another_body_already_exists(served: Serving) -> None:
    await served.users.Register(application(request_id="k1"))

    error = await refusal(served.users.Register(application("Bob", request_id="k1")))

    assert error.code() is StatusCode.ALREADY_EXISTS
    assert "idempotency key" in (error.details() or "")


@pytest.mark.parametrize(
    ("field", "name"), [("username", "ada"), ("username", "ada@example.com"), ("email", "ADA@example.com")]
)
async def test_logging_in_by_name_or_email_opens_another_session(served: Serving, field: str, name: str) -> None:
    registered = await served.users.Register(application())

    answer = await served.users.Login(pb.LoginRequest(password=PASSWORD, **{field: name}))

    assert answer.user == registered.user
    ids = {jwt.decode(each.access_token, options={"verify_signature": False})["sid"] for each in (registered, answer)}
    assert len(ids) == 2


async def test_failures_are_told_in_headers_until_none_is_left(served: Serving) -> None:
    await signed_in(served)
    request = pb.LoginRequest(username="Ada", password="wrong password")
    left = []
    for _ in range(5):
        call = served.users.Login(request)
        assert (await refusal(call)).code() is StatusCode.UNAUTHENTICATED
        headers = dict(await call.initial_metadata())
        assert headers["x-ratelimit-limit"] == "5"
        left.append(headers["x-ratelimit-remaining"])

    call = served.users.Login(pb.LoginRequest(username="Ada", password=PASSWORD))
    error = await refusal(call)

    assert left == ["4", "3", "2", "1", "0"]
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert 0 < int(dict(await call.initial_metadata())["retry-after"]) <= 900


async def test_a_success_gives_its_try_back(served: Serving) -> None:
    await signed_in(served)

    call = served.users.Login(pb.LoginRequest(username="Ada", password=PASSWORD))
    await call

    assert dict(await call.initial_metadata())["x-ratelimit-remaining"] == "5"


async def test_refreshing_gives_a_pair_that_works_and_uses_up_the_old_one(served: Serving) -> None:
    answer = await served.users.Register(application())
    request = pb.RefreshTokenRequest(refresh_token=answer.refresh_token)

    pair = await served.users.RefreshToken(request)
    me = await served.users.GetMe(pb.GetMeRequest(), metadata=bearer(pair.access_token))
    error = await refusal(served.users.RefreshToken(request))
    afterwards = await refusal(served.users.GetMe(pb.GetMeRequest(), metadata=bearer(pair.access_token)))

    assert me == answer.user
    assert (pair.token_type, pair.expires_in) == ("Bearer", 900)
    assert (error.code(), afterwards.code()) == (StatusCode.UNAUTHENTICATED,) * 2


async def test_a_refresh_whose_answer_was_lost_is_repeated_byte_for_byte(served: Serving) -> None:
    answer = await served.users.Register(application())
    request = pb.RefreshTokenRequest(refresh_token=answer.refresh_token, request_id="k1")

    first = await served.users.RefreshToken(request)
    again = await served.users.RefreshToken(request)

    assert again.SerializeToString(deterministic=True) == first.SerializeToString(deterministic=True)


async def test_a_logged_out_session_is_refused_at_once_and_others_are_not(served: Serving) -> None:
    _, caller = await signed_in(served)
    other = await served.users.Login(pb.LoginRequest(username="Ada", password=PASSWORD))

    await served.users.Logout(pb.LogoutRequest(), metadata=caller)

    assert (await refusal(served.users.GetMe(pb.GetMeRequest(), metadata=caller))).code() is StatusCode.UNAUTHENTICATED
    assert await served.users.GetMe(pb.GetMeRequest(), metadata=bearer(other.access_token)) == other.user


async def test_logging_out_everywhere_refuses_every_session(served: Serving) -> None:
    _, caller = await signed_in(served)
    other = bearer((await served.users.Login(pb.LoginRequest(username="Ada", password=PASSWORD))).access_token)

    await served.users.LogoutAll(pb.LogoutAllRequest(), metadata=caller)

    for each in (caller, other):
        error = await refusal(served.users.GetMe(pb.GetMeRequest(), metadata=each))
        assert error.code() is StatusCode.UNAUTHENTICATED


async def test_the_published_key_verifies_an_access_token(served: Serving) -> None:
    answer = await served.users.Register(application())
    (key,) = (await served.users.GetJwks(pb.GetJwksRequest())).keys
    published = jwt.PyJWK({"kty": key.kty, "crv": key.crv, "x": key.x, "kid": key.kid, "alg": key.alg, "use": key.use})

    claims = jwt.decode(answer.access_token, published, algorithms=["EdDSA"], audience="aviary-api", issuer="aviary")

    assert claims["sub"] == str(answer.user.id)
    assert jwt.get_unverified_header(answer.access_token)["kid"] == key.kid


async def test_others_see_a_profile_without_email_and_birth_date(served: Serving) -> None:
    ada, caller = await signed_in(served)
    await served.users.UpdateUser(pb.UpdateUserRequest(id=ada.id, birth_date="1990-02-03"), metadata=caller)
    _, bob = await signed_in(served, "Bob")

    mine = await served.users.GetUser(pb.GetUserRequest(id=ada.id), metadata=caller)
    theirs = await served.users.GetUser(pb.GetUserRequest(id=ada.id), metadata=bob)
    by_name = await served.users.GetUserByUsername(pb.GetUserByUsernameRequest(username="aDA"), metadata=bob)

    assert (mine.email, mine.birth_date) == ("Ada@example.com", "1990-02-03")
    assert not theirs.HasField("email")
    assert not theirs.HasField("birth_date")
    assert by_name == theirs


@pytest.mark.parametrize("user_id", [0, -5, 99])
async def test_an_unknown_user_is_not_found(served: Serving, user_id: int) -> None:
    _, caller = await signed_in(served)

    error = await refusal(served.users.GetUser(pb.GetUserRequest(id=user_id), metadata=caller))

    assert error.code() is StatusCode.NOT_FOUND


async def test_a_suspended_profile_says_so_without_its_content(served: Serving) -> None:
    ada, caller = await signed_in(served)
    await served.users.UpdateUser(pb.UpdateUserRequest(id=ada.id, bio="spam", location="here"), metadata=caller)
    _, bob = await signed_in(served, "Bob")
    await served.world.suspend(ada.id)

    seen = await served.users.GetUser(pb.GetUserRequest(id=ada.id), metadata=bob)

    assert seen.suspended
    assert (seen.bio, seen.location, seen.website) == ("", "", "")


async def test_an_update_changes_what_was_sent_and_removes_what_was_sent_empty(served: Serving) -> None:
    ada, caller = await signed_in(served)
    await served.users.UpdateUser(
        pb.UpdateUserRequest(id=ada.id, bio="birds", birth_date="1990-02-03", website="https://example.com"),
        metadata=caller,
    )

    changed = await served.users.UpdateUser(
        pb.UpdateUserRequest(id=ada.id, display_name="A.", birth_date="", website=""), metadata=caller
    )

    assert (changed.display_name, changed.bio, changed.website) == ("A.", "birds", "")
    assert not changed.HasField("birth_date")


async def test_media_cannot_be_set_yet_and_every_bad_field_is_named(served: Serving) -> None:
    ada, caller = await signed_in(served)
    request = pb.UpdateUserRequest(id=ada.id, display_name="", avatar_media_id=1, banner_media_id=2)

    error = await refusal(served.users.UpdateUser(request, metadata=caller))

    assert error.code() is StatusCode.INVALID_ARGUMENT
    assert violations(error) == {"display_name", "avatar_media_id", "banner_media_id"}


async def test_anothers_profile_is_forbidden(served: Serving) -> None:
    ada, _ = await signed_in(served)
    _, bob = await signed_in(served, "Bob")

    error = await refusal(served.users.UpdateUser(pb.UpdateUserRequest(id=ada.id, bio="x"), metadata=bob))

    assert error.code() is StatusCode.PERMISSION_DENIED


async def test_services_read_many_users_at_once(served: Serving) -> None:
    ada, _ = await signed_in(served)
    bob, _ = await signed_in(served, "Bob")
    await served.world.suspend(bob.id)
    asked = [bob.id, 12, ada.id]

    full = await served.users.BatchGetUsers(pb.BatchGetUsersRequest(ids=asked), metadata=served.as_operator())
    brief = await served.users.BatchGetSummaries(pb.BatchGetSummariesRequest(ids=asked), metadata=served.as_operator())

    assert [user.id for user in full.users] == [bob.id, ada.id]
    assert [(user.follower_count, user.HasField("email")) for user in full.users] == [(FOLLOWERS, False)] * 2
    assert [user.username for user in brief.users] == ["Bob", "Ada"]
    assert brief.hidden_ids == [bob.id]


async def test_services_resolve_names(served: Serving) -> None:
    ada, _ = await signed_in(served)

    answer = await served.users.ResolveUsernames(
        pb.ResolveUsernamesRequest(usernames=["ADA", "nobody", ""]), metadata=served.as_operator()
    )

    assert answer.ids == {"ada": ada.id}


async def test_services_calls_are_not_for_users(served: Serving) -> None:
    ada, caller = await signed_in(served)

    error = await refusal(served.users.BatchGetUsers(pb.BatchGetUsersRequest(ids=[ada.id]), metadata=caller))

    assert error.code() is StatusCode.PERMISSION_DENIED


async def test_a_batch_beyond_its_limit_is_refused(served: Serving) -> None:
    operator = served.as_operator()
    too_many = list(range(1, 1_002))
    for call in (
        served.users.BatchGetUsers(pb.BatchGetUsersRequest(ids=too_many), metadata=operator),
        served.users.BatchGetSummaries(pb.BatchGetSummariesRequest(ids=[1] * 5_001), metadata=operator),
        served.users.ResolveUsernames(pb.ResolveUsernamesRequest(usernames=["a"] * 1_001), metadata=operator),
    ):
        assert (await refusal(call)).code() is StatusCode.INVALID_ARGUMENT
