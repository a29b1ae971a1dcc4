"""Registering, logging in and out, and one's profile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.users.world import PASSWORD, World, opened

from aviary.errors import Conflict, Forbidden, InvalidInput, NotFound, RateLimited, Unauthenticated
from aviary.secrets import Secrets
from aviary.users.service import Application
from aviary.users.store import ProfileChanges


async def test_who_registers_is_signed_in(world: World) -> None:
    signed_in = await world.register("Ada")

    assert (signed_in.user.username, signed_in.user.display_name) == ("Ada", "Ada")
    assert signed_in.tokens.expires_in_s == world.settings.access_token_ttl_s
    assert world.tokens.parse(signed_in.tokens.refresh_token).generation == 0


async def test_every_bad_field_of_an_application_is_named(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        await world.service.register(
            Application(username="a b", email="no", password="short", display_name="\n\n"), claim=None
        )

    assert set(caught.value.fields) == {"username", "email", "password", "display_name"}
    assert await world.events() == []


async def test_of_fifty_who_want_one_name_at_once_one_gets_it(world: World) -> None:
    names = ["ada", "Ada", "ADA", "aDa", "adA"] * 10
    tries = [world.register(name, email=f"a{number}@example.com") for number, name in enumerate(names)]

    results = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(result, Conflict) for result in results) == 49
    winner = await world.service.get_by_username("ADA")
    assert (await world.service.resolve(["aDA"])) == {"ada": winner.id}


async def test_a_registration_repeated_under_its_key_gives_the_same_tokens(world: World) -> None:
    first = await world.register(key="k")
    world.time.now_s += 100

    again = await world.register(key="k")

    assert again.repeated
    assert again.user == first.user
    assert again.tokens.access_token == first.tokens.access_token
    assert again.tokens.refresh_token == first.tokens.refresh_token
    assert again.tokens.expires_in_s == first.tokens.expires_in_s - 100


async def test_registrations_under_one_key_at_once_open_one_account(world: World) -> None:
    results = await asyncio.gather(*(world.register(key="k") for _ in range(10)))

    assert len({result.tokens for result in results}) == 1
    assert [result.repeated for result in results].count(False) == 1


@pytest.mark.parametrize("name", ["Ada", "ADA", "ada@example.com", "ADA@EXAMPLE.COM"])
async def test_a_username_and_an_email_both_log_in(world: World, name: str) -> None:
    registered = await world.register("Ada")

    signed_in = await world.login(name)

    assert signed_in.user == registered.user
    assert signed_in.tokens.refresh_token != registered.tokens.refresh_token


async def test_a_login_repeated_under_its_key_gives_the_same_tokens(world: World) -> None:
    await world.register()

    first, again = await world.login(key="k"), await world.login(key="k")

    assert (first.repeated, again.repeated) == (False, True)
    assert again.tokens == first.tokens


async def test_a_wrong_password_and_an_unknown_name_sound_the_same(world: World) -> None:
    await world.register()
    messages: set[str] = set()
    for name, password in [("ada", "wrong password"), ("bob", PASSWORD), ("bob@example.com", PASSWORD), ("@", "x")]:
        with pytest.raises(Unauthenticated) as caught:
            await world.login(name, password)
        messages.add(caught.value.message)

    assert messages == {"the username or the password is wrong"}


async def test_a_login_without_name_or_password_names_both(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        await world.login("", "")

    assert set(caught.value.fields) == {"username", "password"}


async def test_a_password_with_accents_logs_in_however_it_is_typed(world: World) -> None:
    application = Application(username="zoe", email="z@example.com", password="caf\u00e9 au lait 7")
    await world.service.register(application, claim=None)

    assert (await world.login("zoe", "cafe\u0301 au lait 7")).user.username == "zoe"


async def test_after_five_failures_even_the_right_password_waits(world: World) -> None:
    await world.register()
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await world.login(password="wrong password")

    with pytest.raises(RateLimited, match="5 failed logins in 900 s") as caught:
        await world.login()

    assert caught.value.retry_after_s is not None
    assert 0 < caught.value.retry_after_s <= 900
    assert not world.told[-1].allowed


async def test_failures_count_for_the_account_however_it_is_named(world: World) -> None:
    await world.register("Ada")
    for name in ["ada", "ADA", "ada@example.com", "Ada@Example.com", "aDa"]:
        with pytest.raises(Unauthenticated):
            await world.login(name, "wrong password")

    with pytest.raises(RateLimited):
        await world.login("ada")


async def test_failures_of_one_address_or_account_leave_the_others_alone(world: World) -> None:
    await world.register("ada")
    await world.register("bob")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await world.login("ada", "wrong password")

    assert (await world.login("ada", address="192.0.2.2")).user.username == "ada"
    assert (await world.login("bob")).user.username == "bob"


async def test_tries_made_at_once_are_no_way_around_the_limit(world: World) -> None:
    await world.register()

    results = await asyncio.gather(*(world.login(password="wrong password") for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(result, Unauthenticated) for result in results) == 5
    assert sum(isinstance(result, RateLimited) for result in results) == 15


async def test_unknown_names_are_limited_as_well(world: World) -> None:
    results = await asyncio.gather(*(world.login("nobody") for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(result, RateLimited) for result in results) == 1


async def test_successes_count_for_nothing(world: World) -> None:
    await world.register()
    for _ in range(10):
        await world.login()

    assert world.told[-1].remaining == 5


async def test_lifted_limits_count_no_failures(tmp_path: Path, deployment: Secrets) -> None:
    async with opened(tmp_path, deployment, limits="off") as world:
        for _ in range(10):
            with pytest.raises(Unauthenticated):
                await world.login("nobody")

        assert world.told == []


async def test_a_suspended_user_can_neither_log_in_nor_refresh(world: World) -> None:
    signed_in = await world.register()
    await world.suspend(signed_in.user.id)

    with pytest.raises(Forbidden, match="suspended"):
        await world.login()
    with pytest.raises(Unauthenticated, match="has ended"):
        await world.refresh(signed_in.tokens.refresh_token)
    # What is wrong with an account is told to nobody but its owner.
    with pytest.raises(Unauthenticated):
        await world.login(password="wrong password")


async def test_logging_out_ends_that_session_at_once(world: World) -> None:
    first, second = await world.register(), await world.login()
    session_id = world.tokens.parse(first.tokens.refresh_token).session_id

    await world.service.logout(session_id)
    await world.service.logout(session_id)

    assert session_id in world.denied
    with pytest.raises(Unauthenticated):
        await world.refresh(first.tokens.refresh_token)
    assert await world.refresh(second.tokens.refresh_token)


async def test_logging_out_everywhere_ends_every_session(world: World) -> None:
    sessions = [await world.register(), await world.login(), await world.login()]

    await world.service.logout_all(sessions[0].user.id)
    await world.service.logout_all(sessions[0].user.id)

    for signed_in in sessions:
        assert world.tokens.parse(signed_in.tokens.refresh_token).session_id in world.denied
        with pytest.raises(Unauthenticated):
            await world.refresh(signed_in.tokens.refresh_token)


async def test_reuse_refuses_the_access_tokens_of_its_session_too(world: World) -> None:
    signed_in = await world.register()
    newer = await world.refresh(signed_in.tokens.refresh_token)

    with pytest.raises(Unauthenticated, match="used before"):
        await world.refresh(signed_in.tokens.refresh_token)

    assert world.tokens.parse(newer).session_id in world.denied
    with pytest.raises(Unauthenticated):
        await world.refresh(newer)


async def test_refreshing_at_once_under_one_key_gives_one_pair(world: World) -> None:
    signed_in = await world.register()
    refresh_token = signed_in.tokens.refresh_token

    pairs = await asyncio.gather(*(world.refresh(refresh_token, key="k") for _ in range(10)))

    assert len(set(pairs)) == 1
    assert await world.refresh(pairs[0])


async def test_refreshing_with_nothing_is_invalid(world: World) -> None:
    with pytest.raises(InvalidInput, match="refresh_token is empty"):
        await world.refresh("")


async def test_only_ones_own_profile_can_be_changed(world: World) -> None:
    ada, bob = (await world.register("ada")).user, (await world.register("bob")).user

    with pytest.raises(Forbidden, match=f"user {ada.id} cannot change the profile of user {bob.id}"):
        await world.service.update(ada.id, bob.id, ProfileChanges(bio="x"))

    assert (await world.service.get(bob.id)).bio == ""


async def test_the_fields_sent_change_and_are_normalised(world: World) -> None:
    ada = (await world.register("ada")).user

    changed = await world.service.update(
        ada.id, ada.id, ProfileChanges(display_name=" Ada ", language="PT-br", birth_date="1990-02-03")
    )

    assert (changed.display_name, changed.language, changed.birth_date) == ("Ada", "pt-BR", "1990-02-03")
    assert (changed.bio, changed.timezone, changed.version) == ("", "UTC", 2)
    assert await world.service.get(ada.id) == changed


async def test_every_bad_field_of_a_profile_is_named_with_the_media_ones(world: World) -> None:
    ada = (await world.register("ada")).user

    with pytest.raises(InvalidInput) as caught:
        await world.service.update(
            ada.id, ada.id, ProfileChanges(display_name="", timezone="Mars"), media_fields=["avatar_media_id"]
        )

    assert set(caught.value.fields) == {"avatar_media_id", "display_name", "timezone"}
    assert await world.service.get(ada.id) == ada


async def test_nobody_is_born_today(world: World) -> None:
    ada = (await world.register("ada")).user
    today = datetime.fromtimestamp(world.time.now_s, UTC).date().isoformat()

    with pytest.raises(InvalidInput, match="birth_date"):
        await world.service.update(ada.id, ada.id, ProfileChanges(birth_date=today))


@pytest.mark.parametrize("user_id", [0, -1, 1, 2**63 - 1])
async def test_an_unknown_id_is_not_found(world: World, user_id: int) -> None:
    with pytest.raises(NotFound, match=f"there is no user {user_id}"):
        await world.service.get(user_id)


@pytest.mark.parametrize("name", ["", "bob", "a'b", "x" * 1_000, "\n"])
async def test_an_unknown_name_is_not_found(world: World, name: str) -> None:
    with pytest.raises(NotFound, match="there is no user called"):
        await world.service.get_by_username(name)
