"""What a profile shows to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest
from tests.rpc.serving import PASSWORD, Person, Serving, refusal, serving

from aviary.api.graph.v1 import relations_pb2
from aviary.api.tweets.v1 import engagement_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2, users_pb2
from aviary.settings import Settings

BIO = "what she wrote of herself"


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def with_profile(served: Serving, *names: str) -> list[Person]:
    """Register people, the first of whom has a bio, a place, a link and a pinned tweet."""
    people = await served.register(*names)
    changes = users_pb2.UpdateUserRequest(id=people[0].id, bio=BIO, location="London", website="https://example.com")
    await served.clients.users.UpdateUser(changes, metadata=people[0].signed)
    return people


async def pin(whose: Person) -> int:
    tweet = await whose.tweet("pinned")
    await whose.clients.engagement.Pin(engagement_pb2.PinRequest(id=tweet.id), metadata=whose.signed)
    return tweet.id


async def seen(viewer: Person, whom: Person) -> users_pb2.User:
    by_id = await viewer.clients.users.GetUser(users_pb2.GetUserRequest(id=whom.id), metadata=viewer.signed)
    by_name = await viewer.clients.users.GetUserByUsername(
        users_pb2.GetUserByUsernameRequest(username=whom.name.upper()), metadata=viewer.signed
    )
    assert by_id == by_name
    return by_id


def written(user: users_pb2.User) -> tuple[str, str, str]:
    return user.bio, user.location, user.website


WRITTEN, NOTHING = (BIO, "London", "https://example.com"), ("", "", "")


async def test_a_block_on_either_side_hides_what_one_wrote_of_oneself(served: Serving) -> None:
    ada, bob, cy = await with_profile(served, "ada", "bob", "cy")
    pinned = await pin(ada)
    for other in (bob, cy):
        assert written(await seen(other, ada)) == WRITTEN
        assert (await seen(other, ada)).pinned_tweet_id == pinned

    block = relations_pb2.BlockRequest
    await served.clients.relations.Block(block(id=bob.id), metadata=ada.signed)
    await served.clients.relations.Block(block(id=ada.id), metadata=cy.signed)

    for other in (bob, cy):
        shown = await seen(other, ada)
        assert written(shown) == NOTHING
        assert not shown.HasField("pinned_tweet_id")
        assert shown.username == "ada"
    assert written(await seen(ada, ada)) == WRITTEN


async def test_a_pin_of_a_protected_account_is_shown_to_its_followers_alone(served: Serving) -> None:
    ada, bob, cy = await with_profile(served, "ada", "bob", "cy")
    await bob.follow(ada)
    pinned = await pin(ada)
    protect = accounts_pb2.UpdateSettingsRequest(protected=True)
    await served.clients.accounts.UpdateSettings(protect, metadata=ada.signed)

    assert (await seen(bob, ada)).pinned_tweet_id == pinned
    assert (await seen(ada, ada)).pinned_tweet_id == pinned
    stranger = await seen(cy, ada)
    assert not stranger.HasField("pinned_tweet_id")
    assert (written(stranger), stranger.protected) == (WRITTEN, True)


async def test_without_a_pin_there_is_no_such_field(served: Serving) -> None:
    ada, bob = await with_profile(served, "ada", "bob")
    assert not (await seen(bob, ada)).HasField("pinned_tweet_id")

    pinned = await pin(ada)
    assert (await seen(bob, ada)).pinned_tweet_id == pinned
    await ada.delete(pinned)

    assert not (await seen(bob, ada)).HasField("pinned_tweet_id")


async def admin(served: Serving, user_id: int, call: str) -> users_pb2.User:
    signed, service = served.as_operator(), served.clients.admin
    if call == "suspend":
        return await service.SuspendUser(admin_pb2.SuspendUserRequest(id=user_id), metadata=signed)
    if call == "unsuspend":
        return await service.UnsuspendUser(admin_pb2.UnsuspendUserRequest(id=user_id), metadata=signed)
    request = admin_pb2.SetVerifiedRequest(id=user_id, verified=call == "verify")
    return await service.SetVerified(request, metadata=signed)


async def test_a_suspended_account_says_so_without_content_and_cannot_log_in(served: Serving) -> None:
    ada, bob = await with_profile(served, "ada", "bob")

    assert (await admin(served, ada.id, "suspend")).suspended

    shown = await seen(bob, ada)
    assert (shown.suspended, written(shown)) == (True, NOTHING)
    token = await refusal(served.clients.users.GetMe(users_pb2.GetMeRequest(), metadata=ada.signed))
    assert token.code() is grpc.StatusCode.UNAUTHENTICATED
    request = users_pb2.LoginRequest(username="ada", password=PASSWORD)
    assert (await refusal(served.clients.users.Login(request))).code() is grpc.StatusCode.PERMISSION_DENIED

    assert not (await admin(served, ada.id, "unsuspend")).suspended

    assert written(await seen(bob, ada)) == WRITTEN
    assert (await served.clients.users.Login(request)).user.id == ada.id


async def test_the_verified_mark_comes_and_goes(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")

    await admin(served, ada.id, "verify")
    assert (await seen(bob, ada)).verified
    await admin(served, ada.id, "unverify")
    assert not (await seen(bob, ada)).verified


async def test_operators_reach_a_deactivated_account_and_nobody_else(served: Serving) -> None:
    (ada,) = await served.register("ada")
    await served.clients.accounts.Deactivate(accounts_pb2.DeactivateRequest(), metadata=ada.signed)

    assert (await admin(served, ada.id, "suspend")).suspended
    for call in ("suspend", "unsuspend", "verify"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await admin(served, 404, call)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_people_are_no_operators(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    service = served.clients.admin

    for call in (
        service.SuspendUser(admin_pb2.SuspendUserRequest(id=bob.id), metadata=ada.signed),
        service.UnsuspendUser(admin_pb2.UnsuspendUserRequest(id=bob.id), metadata=ada.signed),
        service.SetVerified(admin_pb2.SetVerifiedRequest(id=ada.id, verified=True), metadata=ada.signed),
    ):
        assert (await refusal(call)).code() is grpc.StatusCode.PERMISSION_DENIED
    assert not (await seen(bob, ada)).verified
