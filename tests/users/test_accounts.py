"""What people do with their own account, over a real gRPC server with every service behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue
from grpc import StatusCode
from tests.rpc.serving import PASSWORD, Metadata, Person, Serving, bearer, refusal, serving

from aviary.api.users.v1 import accounts_pb2 as pb
from aviary.api.users.v1 import users_pb2
from aviary.errors import InvalidInput
from aviary.rpc.status import from_rpc_error
from aviary.settings import Settings

# What an array of JSON may hold.
Word = str | float | bool | None
OTHER_PASSWORD = "another horse battery"


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings) as running:
        yield running


@pytest.fixture
async def limited(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(Settings(data_dir=settings.data_dir, bcrypt_cost=4)) as running:
        yield running


async def login(
    served: Serving, name: str, password: str = PASSWORD, *, client: str = "", key: str = ""
) -> users_pb2.AuthResponse:
    metadata = (("x-client-name", client),) if client else ()
    request = users_pb2.LoginRequest(username=name, password=password, request_id=key)
    return await served.clients.users.Login(request, metadata=metadata)


async def login_refused(served: Serving, name: str, password: str = PASSWORD) -> StatusCode:
    return (await refusal(served.clients.users.Login(users_pb2.LoginRequest(username=name, password=password)))).code()


async def me(served: Serving, signed: Metadata) -> users_pb2.User:
    return await served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=signed)


async def is_refused(served: Serving, signed: Metadata) -> bool:
    error = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=signed))
    return error.code() is StatusCode.UNAUTHENTICATED


async def profile(served: Serving, viewer: Person, user_id: int) -> users_pb2.User:
    return await served.clients.users.GetUser(users_pb2.GetUserRequest(id=user_id), metadata=viewer.signed)


async def update(
    served: Serving, whose: Person, words: Sequence[Word] | None = None, **changes: object
) -> pb.AccountSettings:
    request = pb.UpdateSettingsRequest(**changes)  # type: ignore[arg-type]  # each test sends one field
    if words is not None:
        request.muted_words.list_value.CopyFrom(ListValue())
        request.muted_words.list_value.extend(words)
    return await served.clients.accounts.UpdateSettings(request, metadata=whose.signed)


def violations(error: Exception) -> set[str]:
    raised = from_rpc_error(error)  # type: ignore[arg-type]  # what grpc raises
    return set(raised.fields) if isinstance(raised, InvalidInput) else set()


async def test_settings_are_kept_and_an_empty_list_clears_the_words(served: Serving) -> None:
    (ada,) = await served.register("ada")

    answer = await update(served, ada, [" Spoiler ", "spoiler", "cafe\u0301"], protected=True, dm_from="followed")
    assert list(answer.muted_words) == ["Spoiler", "caf\u00e9"]
    assert (answer.protected, answer.hide_sensitive, answer.dm_from) == (True, False, "followed")
    assert (await update(served, ada, hide_sensitive=True)).muted_words == answer.muted_words
    cleared = await update(served, ada, [])

    assert list(cleared.muted_words) == []
    assert (cleared.protected, cleared.hide_sensitive, cleared.dm_from) == (True, True, "followed")
    assert await served.clients.accounts.GetSettings(pb.GetSettingsRequest(), metadata=ada.signed) == cleared


BAD_SETTINGS: list[tuple[Sequence[Word] | None, str | None, set[str]]] = [
    (["ok", ""], None, {"muted_words[1]"}),
    (["   "], None, {"muted_words[0]"}),
    (["x" * 141], None, {"muted_words[0]"}),
    (["a\u0000b", "a\u202eb"], None, {"muted_words[0]", "muted_words[1]"}),
    (["ok", 7, None, True], None, {"muted_words[1]", "muted_words[2]", "muted_words[3]"}),
    ([str(number) for number in range(201)], None, {"muted_words"}),
    (None, "friends", {"dm_from"}),
    ([""], "EVERYONE", {"dm_from", "muted_words[0]"}),
]


async def test_bad_settings_are_named_and_nothing_changes(served: Serving) -> None:
    (ada,) = await served.register("ada")

    for words, dm_from, named in BAD_SETTINGS:
        error = await refusal(update(served, ada, words, dm_from=dm_from, protected=True))
        assert error.code() is StatusCode.INVALID_ARGUMENT
        assert violations(error) == named

    assert not (await me(served, ada.signed)).protected


async def test_two_hundred_words_of_the_longest_are_kept(served: Serving) -> None:
    (ada,) = await served.register("ada")
    words = [f"{number:03}".ljust(140, "é") for number in range(200)]

    assert list((await update(served, ada, words)).muted_words) == words


async def test_sessions_are_listed_with_what_opened_them(served: Serving) -> None:
    (ada,) = await served.register("ada")
    phone = bearer((await login(served, "ada", client="Aviary for phones")).access_token)

    first = await served.clients.accounts.ListSessions(pb.ListSessionsRequest(limit=1), metadata=phone)
    second = await served.clients.accounts.ListSessions(
        pb.ListSessionsRequest(limit=1, cursor=first.pagination.next_cursor), metadata=phone
    )

    assert [(each.client, each.current) for each in (*first.sessions, *second.sessions)] == [
        ("Aviary for phones", True),
        ("", False),
    ]
    assert (first.pagination.has_more, second.pagination.has_more) == (True, False)
    error = await refusal(
        served.clients.accounts.ListSessions(
            pb.ListSessionsRequest(cursor=first.pagination.next_cursor + "x"), metadata=ada.signed
        )
    )
    assert violations(error) == {"cursor"}


async def test_a_client_with_too_long_a_name_is_refused(served: Serving) -> None:
    await served.register("ada")
    request = users_pb2.LoginRequest(username="ada", password=PASSWORD)

    error = await refusal(served.clients.users.Login(request, metadata=(("x-client-name", "x" * 51),)))

    assert violations(error) == {"x-client-name"}


async def test_a_revoked_session_is_refused_at_once_even_ones_own(served: Serving) -> None:
    (ada,) = await served.register("ada")
    phone = bearer((await login(served, "ada")).access_token)
    sessions = (await served.clients.accounts.ListSessions(pb.ListSessionsRequest(), metadata=ada.signed)).sessions

    for session in sessions:
        await served.clients.accounts.RevokeSession(pb.RevokeSessionRequest(id=session.id), metadata=ada.signed)

    assert await is_refused(served, phone)
    assert await is_refused(served, ada.signed)


async def test_anothers_session_is_not_found(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    (session,) = (await served.clients.accounts.ListSessions(pb.ListSessionsRequest(), metadata=bob.signed)).sessions

    for session_id in (session.id, 0, -1, 404):
        error = await refusal(
            served.clients.accounts.RevokeSession(pb.RevokeSessionRequest(id=session_id), metadata=ada.signed)
        )
        assert error.code() is StatusCode.NOT_FOUND
    assert (await me(served, bob.signed)).id == bob.id


async def rename(served: Serving, whose: Person, username: str) -> users_pb2.User:
    request = pb.ChangeUsernameRequest(username=username)
    return await served.clients.accounts.ChangeUsername(request, metadata=whose.signed)


async def test_a_username_can_change_and_the_old_one_be_taken_at_once(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")

    assert (await rename(served, ada, "Countess")).username == "Countess"
    assert (await rename(served, bob, "ADA")).username == "ADA"
    assert (await rename(served, bob, "Ada")).username == "Ada"

    assert (await login(served, "countess")).user.id == ada.id
    assert (await login(served, "ada")).user.id == bob.id
    assert (await refusal(rename(served, ada, "ada"))).code() is StatusCode.ALREADY_EXISTS
    assert violations(await refusal(rename(served, ada, "no spaces"))) == {"username"}


async def test_of_twenty_who_want_one_name_at_once_exactly_one_has_it(served: Serving) -> None:
    people = await served.register(*(f"p{number}" for number in range(20)))

    results = await asyncio.gather(*(rename(served, each, "Wanted") for each in people), return_exceptions=True)

    (winner,) = [result for result in results if isinstance(result, users_pb2.User)]
    assert (await login(served, "wanted")).user.id == winner.id


async def test_an_email_changes_with_the_password_alone(served: Serving) -> None:
    ada, _ = await served.register("ada", "bob")

    async def change(email: str, password: str = PASSWORD) -> users_pb2.User:
        request = pb.ChangeEmailRequest(email=email, password=password)
        return await served.clients.accounts.ChangeEmail(request, metadata=ada.signed)

    assert (await refusal(change("new@example.com", "wrong password"))).code() is StatusCode.UNAUTHENTICATED
    assert (await refusal(change("BOB@example.com"))).code() is StatusCode.ALREADY_EXISTS
    assert violations(await refusal(change("no address", ""))) == {"email", "password"}
    assert (await change("new@example.com")).email == "new@example.com"

    assert (await login(served, "new@example.com")).user.id == ada.id
    assert await login_refused(served, "ada@example.com") is StatusCode.UNAUTHENTICATED


async def change_password(served: Serving, signed: Metadata, current: str, new: str) -> pb.ChangePasswordResponse:
    request = pb.ChangePasswordRequest(current_password=current, new_password=new)
    return await served.clients.accounts.ChangePassword(request, metadata=signed)


async def test_a_new_password_ends_every_other_session_at_once(served: Serving) -> None:
    (ada,) = await served.register("ada")
    phone = await login(served, "ada")

    await change_password(served, ada.signed, PASSWORD, OTHER_PASSWORD)

    assert await is_refused(served, bearer(phone.access_token))
    refresh = served.clients.users.RefreshToken(users_pb2.RefreshTokenRequest(refresh_token=phone.refresh_token))
    assert (await refusal(refresh)).code() is StatusCode.UNAUTHENTICATED
    assert (await me(served, ada.signed)).id == ada.id
    assert await login_refused(served, "ada") is StatusCode.UNAUTHENTICATED
    assert (await login(served, "ada", OTHER_PASSWORD)).user.id == ada.id


async def test_a_weak_password_is_refused_and_the_old_one_stays(served: Serving) -> None:
    (ada,) = await served.register("adalovelace")

    for current, new, named in (
        ("", "short", {"current_password", "new_password"}),
        (PASSWORD, "password123", {"new_password"}),
        (PASSWORD, "my adalovelace name", {"new_password"}),
        ("x" * 129, OTHER_PASSWORD, {"current_password"}),
    ):
        assert violations(await refusal(change_password(served, ada.signed, current, new))) == named

    assert (await login(served, "adalovelace")).user.id == ada.id


async def test_wrong_passwords_count_as_failed_logins_whatever_they_are_for(limited: Serving) -> None:
    (ada,) = await limited.register("ada")
    wrong = "wrong password"
    accounts = limited.clients.accounts
    email = pb.ChangeEmailRequest(email="a@example.com", password=wrong)
    login_ = users_pb2.LoginRequest(username="ada", password=wrong)
    attempts: list[Awaitable[Message]] = [
        change_password(limited, ada.signed, wrong, OTHER_PASSWORD),
        accounts.ChangeEmail(email, metadata=ada.signed),
        accounts.DeleteAccount(pb.DeleteAccountRequest(password=wrong), metadata=ada.signed),
        limited.clients.users.Login(login_),
        change_password(limited, ada.signed, wrong, OTHER_PASSWORD),
    ]
    for attempt in attempts:
        assert (await refusal(attempt)).code() is StatusCode.UNAUTHENTICATED

    used_up = accounts.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=ada.signed)
    error = await refusal(used_up)

    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert int(dict(await used_up.initial_metadata())["retry-after"]) > 0
    assert await login_refused(limited, "ada") is StatusCode.RESOURCE_EXHAUSTED
    assert (await me(limited, ada.signed)).id == ada.id


async def test_a_deactivated_account_is_hidden_from_everybody_until_its_login(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await bob.follow(ada)
    tweet = await ada.tweet("hello")
    await served.settle()
    assert await bob.home() == [tweet.id]

    await served.clients.accounts.Deactivate(pb.DeactivateRequest(), metadata=ada.signed)

    assert await is_refused(served, ada.signed)
    assert (await refusal(profile(served, bob, ada.id))).code() is StatusCode.NOT_FOUND
    by_name = users_pb2.GetUserByUsernameRequest(username="ada")
    hidden = await refusal(served.clients.users.GetUserByUsername(by_name, metadata=bob.signed))
    assert hidden.code() is StatusCode.NOT_FOUND
    assert await bob.home() == []
    operators = await served.clients.users.BatchGetUsers(
        users_pb2.BatchGetUsersRequest(ids=[ada.id, bob.id]), metadata=served.as_operator()
    )
    assert [user.id for user in operators.users] == [bob.id]
    assert await login_refused(served, "ada", "wrong password") is StatusCode.UNAUTHENTICATED
    assert (await refusal(profile(served, bob, ada.id))).code() is StatusCode.NOT_FOUND

    assert (await login(served, "ada")).user.id == ada.id

    assert (await profile(served, bob, ada.id)).username == "ada"
    assert await bob.home() == [tweet.id]


async def test_a_deleted_account_is_gone_for_everybody_and_its_names_are_free(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    session = await login(served, "ada")

    await served.clients.accounts.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=ada.signed)

    for signed in (ada.signed, bearer(session.access_token)):
        assert await is_refused(served, signed)
    refresh = served.clients.users.RefreshToken(users_pb2.RefreshTokenRequest(refresh_token=session.refresh_token))
    assert (await refusal(refresh)).code() is StatusCode.UNAUTHENTICATED
    assert await login_refused(served, "ada") is StatusCode.UNAUTHENTICATED
    assert (await refusal(profile(served, bob, ada.id))).code() is StatusCode.NOT_FOUND
    (again,) = await served.register("ada")
    assert again.id != ada.id


async def test_a_deleted_account_stays_refused_after_a_restart(settings: Settings) -> None:
    async with serving(settings) as served:
        (ada,) = await served.register("ada")
        await served.clients.accounts.DeleteAccount(pb.DeleteAccountRequest(password=PASSWORD), metadata=ada.signed)

    async with serving(settings) as served:
        assert await is_refused(served, ada.signed)


async def test_deleting_twice_at_once_deletes_once(served: Serving) -> None:
    (ada,) = await served.register("ada")
    request = pb.DeleteAccountRequest(password=PASSWORD, request_id="k")

    results = await asyncio.gather(
        *(served.clients.accounts.DeleteAccount(request, metadata=ada.signed) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, pb.DeleteAccountResponse) for result in results) == 1


async def test_every_call_wants_a_token(served: Serving) -> None:
    accounts = served.clients.accounts
    for call in (
        accounts.GetSettings(pb.GetSettingsRequest()),
        accounts.UpdateSettings(pb.UpdateSettingsRequest()),
        accounts.ListSessions(pb.ListSessionsRequest()),
        accounts.RevokeSession(pb.RevokeSessionRequest()),
        accounts.ChangeUsername(pb.ChangeUsernameRequest()),
        accounts.ChangeEmail(pb.ChangeEmailRequest()),
        accounts.ChangePassword(pb.ChangePasswordRequest()),
        accounts.Deactivate(pb.DeactivateRequest()),
        accounts.DeleteAccount(pb.DeleteAccountRequest()),
        accounts.GetExport(pb.GetExportRequest()),
    ):
        assert (await refusal(call)).code() is StatusCode.UNAUTHENTICATED
