"""What every adapter of UserStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import pytest
from tests.contract.conftest import OpenDatabase
from tests.contract.tables import OutboxLog, opened, writing

from aviary.clock import Clock
from aviary.errors import Conflict, Unauthenticated
from aviary.eventlog import EventLog
from aviary.events.v1 import events_pb2
from aviary.rpc.call import Claim
from aviary.storage.scylla.users.users import ScyllaUserStore
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.store import (
    Credentials,
    Lifetime,
    Outcome,
    ProfileChanges,
    Registration,
    Revocation,
    Rotation,
    UserStore,
)

NOW_S = 1_800_000_000
WEEK_S = 604_800
GRACE_S = 60
AT_FIRST = Lifetime(now_s=NOW_S, ttl_s=WEEK_S)

REGISTERED = events_pb2.EVENT_TYPE_USER_REGISTERED
UPDATED = events_pb2.EVENT_TYPE_USER_UPDATED
OPENED = events_pb2.EVENT_TYPE_SESSION_OPENED
REVOKED = events_pb2.EVENT_TYPE_SESSION_REVOKED


@dataclass(frozen=True, slots=True)
class Kept:
    """A store and the log of what it commits."""

    store: UserStore
    log: EventLog

    async def events(self) -> Sequence[tuple[int, int]]:
        """What happened, as (type, entity)."""
        return [(record.event.type, record.event.entity_id) for record in await self.log.read(0, limit=1_000)]


@pytest.fixture(params=["sqlite", pytest.param("scylla", marks=pytest.mark.cluster)])
async def kept(request: pytest.FixtureRequest, open_database: OpenDatabase, clock: Clock) -> AsyncIterator[Kept]:
    if request.param == "sqlite":
        file = open_database("users")
        yield Kept(SqliteUserStore(file), SqliteEventLog(file))
        return
    address = request.getfixturevalue("tables_address")
    async with opened(address, "users") as keyspace, writing(keyspace, clock) as writer:
        yield Kept(ScyllaUserStore(writer), OutboxLog(keyspace))


@pytest.fixture
def user_store(kept: Kept) -> UserStore:
    return kept.store


def registration(name: str = "Ada", *, email: str = "") -> Registration:
    address = email or f"{name}@example.com"
    return Registration(
        username=name,
        username_key=name.lower(),
        email=address,
        email_key=address.lower(),
        display_name=f"{name} L.",
        password_hash=b"hash of " + name.encode(),
    )


def claim(key: str, body: bytes = b"body") -> Claim:
    return Claim(caller="", rpc="/auth", key=key, body=body)


def later(seconds: int) -> Lifetime:
    return replace(AT_FIRST, now_s=NOW_S + seconds)


async def registered(store: UserStore, name: str = "Ada") -> tuple[int, int]:
    """Register somebody; their id and their session's."""
    opened = await store.register(registration(name), AT_FIRST, claim=None)
    return opened.session.user_id, opened.session.id


def credentials(user_id: int, name: str = "Ada") -> Credentials:
    """What a login of somebody who was `registered` is checked against."""
    return Credentials(user_id=user_id, password_hash=b"hash of " + name.encode(), suspended=False)


async def presented(
    store: UserStore, session_id: int, generation: int, lifetime: Lifetime = AT_FIRST, *, key: str = ""
) -> Rotation | None:
    return await store.rotate(session_id, generation, lifetime, grace_s=GRACE_S, claim=claim(key) if key else None)


async def test_a_registered_user_is_found_by_id_and_by_either_key(user_store: UserStore) -> None:
    user_id, _ = await registered(user_store)

    user = await user_store.get(user_id)
    by_name = await user_store.credentials_of_username("ada")
    by_email = await user_store.credentials_of_email("ada@example.com")

    assert user is not None
    assert (user.username, user.email, user.display_name, user.version) == ("Ada", "Ada@example.com", "Ada L.", 1)
    assert (user.language, user.timezone, user.birth_date, user.suspended) == ("en", "UTC", "", False)
    assert await user_store.get_by_username("ada") == user
    assert by_name is not None
    assert (by_name.user_id, by_name.password_hash) == (user_id, b"hash of Ada")
    assert by_email == by_name


async def test_nobody_is_found_where_nobody_is(user_store: UserStore) -> None:
    assert await user_store.get(1) is None
    assert await user_store.get_by_username("ada") is None
    assert await user_store.credentials_of_username("ada") is None
    assert await user_store.update(1, ProfileChanges(bio="x")) is None
    assert await user_store.get_many([1, 2]) == []
    assert await user_store.resolve(["ada"]) == {}


async def test_registering_commits_both_events(kept: Kept) -> None:
    user_id, session_id = await registered(kept.store)

    assert await kept.events() == [(REGISTERED, user_id), (OPENED, session_id)]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (registration("ADA", email="other@example.com"), "the username ADA is taken"),
        (registration("Bob", email="ADA@example.com"), "the email ADA@example.com is taken"),
        (
            registration("ADA", email="ADA@example.com"),
            "the username ADA is taken and the email ADA@example.com is taken",
        ),
    ],
)
async def test_a_taken_key_is_a_conflict_that_names_it_and_leaves_no_trace(
    kept: Kept, second: Registration, said: str
) -> None:
    await registered(kept.store)
    before = await kept.events()

    with pytest.raises(Conflict, match=f"^{said}$"):
        await kept.store.register(second, AT_FIRST, claim=claim("k"))

    assert await kept.events() == before
    # The key was not used up by what did not happen.
    assert not (await kept.store.register(registration("Cy"), AT_FIRST, claim=claim("k", b"another"))).repeated


async def test_of_fifty_registrations_of_one_name_at_once_one_succeeds(kept: Kept) -> None:
    tries = [
        kept.store.register(registration("Ada", email=f"a{number}@example.com"), AT_FIRST, claim=None)
        for number in range(50)
    ]

    results = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(result, Conflict) for result in results) == 49
    assert len(await kept.events()) == 2


async def test_repeating_a_registration_returns_the_session_as_it_was_opened(kept: Kept) -> None:
    first = await kept.store.register(registration(), AT_FIRST, claim=claim("k"))
    await presented(kept.store, first.session.id, 0, later(5))
    before = await kept.events()

    again = await kept.store.register(registration(), later(10), claim=claim("k"))

    assert again == replace(first, repeated=True)
    assert await kept.events() == before


async def test_a_key_with_another_body_is_a_conflict(user_store: UserStore) -> None:
    await user_store.register(registration(), AT_FIRST, claim=claim("k"))

    with pytest.raises(Conflict, match="idempotency key"):
        await user_store.register(registration("Bob"), AT_FIRST, claim=claim("k", b"another"))


async def test_opening_a_session_twice_under_a_key_opens_one(kept: Kept) -> None:
    user_id, _ = await registered(kept.store)

    first = await kept.store.open_session(credentials(user_id), AT_FIRST, claim=claim("k"))
    again = await kept.store.open_session(credentials(user_id), later(1), claim=claim("k"))
    other = await kept.store.open_session(credentials(user_id), AT_FIRST, claim=None)

    assert again.session == first.session
    assert (first.repeated, again.repeated) == (False, True)
    assert other.session.id != first.session.id
    assert [kind for kind, _ in await kept.events()].count(OPENED) == 3


async def test_a_key_renews_no_session_that_has_ended(kept: Kept) -> None:
    opened = await kept.store.register(registration(), AT_FIRST, claim=claim("r"))
    user_id = opened.session.user_id
    second = await kept.store.open_session(credentials(user_id), AT_FIRST, claim=claim("o"))
    await kept.store.revoke_all(user_id, now_s=NOW_S + 1)

    for repeat in (
        kept.store.register(registration(), later(2), claim=claim("r")),
        kept.store.open_session(credentials(user_id), later(2), claim=claim("o")),
    ):
        with pytest.raises(Unauthenticated, match="has ended"):
            await repeat
    assert await kept.store.revoke_all(user_id, now_s=NOW_S + 3) == []
    assert second.session.id != opened.session.id


async def test_a_rotation_moves_to_the_next_generation(user_store: UserStore) -> None:
    user_id, session_id = await registered(user_store)

    rotation = await presented(user_store, session_id, 0, later(10))

    assert rotation is not None
    assert rotation.outcome is Outcome.ROTATED
    session = rotation.session
    assert (session.id, session.user_id, session.generation, session.rotated_s) == (session_id, user_id, 1, NOW_S + 10)


async def test_using_an_old_generation_revokes_the_session(kept: Kept) -> None:
    _, session_id = await registered(kept.store)
    await presented(kept.store, session_id, 0)

    reused = await presented(kept.store, session_id, 0)

    assert reused is not None
    assert reused.outcome is Outcome.REUSED
    assert (await kept.events())[-1] == (REVOKED, session_id)
    assert await presented(kept.store, session_id, 1) is None


async def test_a_generation_that_was_never_issued_revokes_the_session(user_store: UserStore) -> None:
    _, session_id = await registered(user_store)

    rotation = await presented(user_store, session_id, 7)

    assert rotation is not None
    assert rotation.outcome is Outcome.REUSED


async def test_of_concurrent_rotations_without_a_key_one_wins_and_the_rest_revoke(kept: Kept) -> None:
    _, session_id = await registered(kept.store)

    results = await asyncio.gather(*(presented(kept.store, session_id, 0) for _ in range(20)))

    outcomes = [result.outcome if result else None for result in results]
    assert (outcomes.count(Outcome.ROTATED), outcomes.count(Outcome.REUSED), outcomes.count(None)) == (1, 1, 18)
    assert (await kept.events()).count((REVOKED, session_id)) == 1


async def test_concurrent_rotations_under_one_key_all_get_the_same_session(user_store: UserStore) -> None:
    _, session_id = await registered(user_store)

    results = await asyncio.gather(*(presented(user_store, session_id, 0, later(3), key="k") for _ in range(20)))

    assert len({result.session for result in results if result}) == 1
    assert [result.outcome for result in results if result].count(Outcome.REPEATED) == 19


@pytest.mark.parametrize(("waited_s", "outcome"), [(GRACE_S, Outcome.REPEATED), (GRACE_S + 1, Outcome.REUSED)])
async def test_a_repeat_under_the_same_key_is_good_for_the_grace(
    user_store: UserStore, waited_s: int, outcome: Outcome
) -> None:
    _, session_id = await registered(user_store)
    await presented(user_store, session_id, 0, later(100), key="k")

    again = await presented(user_store, session_id, 0, later(100 + waited_s), key="k")

    assert again is not None
    assert again.outcome is outcome


async def test_a_repeat_under_the_same_key_is_reuse_once_its_answer_was_used(user_store: UserStore) -> None:
    _, session_id = await registered(user_store)
    await presented(user_store, session_id, 0, key="k")
    await presented(user_store, session_id, 1)

    again = await presented(user_store, session_id, 0, key="k")

    assert again is not None
    assert again.outcome is Outcome.REUSED


async def test_a_repeat_under_another_key_is_reuse(user_store: UserStore) -> None:
    _, session_id = await registered(user_store)
    await presented(user_store, session_id, 0, key="k")

    again = await presented(user_store, session_id, 0, key="other")

    assert again is not None
    assert again.outcome is Outcome.REUSED


async def test_a_session_expires_a_lifetime_after_its_last_rotation(user_store: UserStore) -> None:
    _, session_id = await registered(user_store)

    assert await presented(user_store, session_id, 0, later(WEEK_S - 1)) is not None
    assert await presented(user_store, session_id, 1, later(2 * WEEK_S - 2)) is not None
    assert await presented(user_store, session_id, 2, later(3 * WEEK_S - 2)) is None


async def test_an_unknown_session_rotates_to_nothing(kept: Kept) -> None:
    assert await presented(kept.store, 12345, 0) is None
    assert await kept.events() == []


async def test_revoking_is_idempotent_and_known_from_then_on(kept: Kept) -> None:
    _, session_id = await registered(kept.store)

    await kept.store.revoke(session_id, now_s=NOW_S + 5)
    await kept.store.revoke(session_id, now_s=NOW_S + 9)
    await kept.store.revoke(12345, now_s=NOW_S + 9)

    assert (await kept.events()).count((REVOKED, session_id)) == 1
    assert await kept.store.revoked_since(NOW_S + 5) == [Revocation(session_id=session_id, revoked_s=NOW_S + 5)]
    assert await kept.store.revoked_since(NOW_S + 6) == []


async def test_revoking_all_ends_every_live_session_of_that_user_alone(kept: Kept) -> None:
    user_id, first = await registered(kept.store)
    _, of_another = await registered(kept.store, "Bob")
    second = (await kept.store.open_session(credentials(user_id), AT_FIRST, claim=None)).session.id
    ended = (await kept.store.open_session(credentials(user_id), AT_FIRST, claim=None)).session.id
    await kept.store.revoke(ended, now_s=NOW_S)

    assert await kept.store.revoke_all(user_id, now_s=NOW_S + 1) == [first, second]
    assert await kept.store.revoke_all(user_id, now_s=NOW_S + 2) == []
    assert await presented(kept.store, of_another, 0) is not None
    assert {entity for kind, entity in await kept.events() if kind == REVOKED} == {first, second, ended}


async def test_reading_many_keeps_the_order_and_skips_the_missing(user_store: UserStore) -> None:
    ada, _ = await registered(user_store)
    bob, _ = await registered(user_store, "Bob")
    asked = [bob, 7, ada, bob, -1]

    assert [user.id for user in await user_store.get_many(asked)] == [bob, ada, bob]
    summaries, _ = await user_store.summaries(asked, viewer_id=0)
    assert [(each.id, each.username) for each in summaries] == [(bob, "Bob"), (ada, "Ada"), (bob, "Bob")]


async def test_five_thousand_ids_are_one_question(user_store: UserStore) -> None:
    ada, _ = await registered(user_store)

    found, _ = await user_store.summaries([*range(1, 5_000), ada], viewer_id=0)
    assert [each.id for each in found] == [ada]


async def test_names_resolve_by_their_keys(user_store: UserStore) -> None:
    ada, _ = await registered(user_store)

    assert await user_store.resolve(["ada", "bob", 'x"; --']) == {"ada": ada}


async def test_an_update_changes_the_fields_given_and_nothing_else(kept: Kept) -> None:
    user_id, _ = await registered(kept.store)
    before = await kept.store.get(user_id)
    assert before is not None

    after = await kept.store.update(user_id, ProfileChanges(bio="birds", website=""))

    assert after == replace(before, bio="birds", version=2)
    assert await kept.store.get(user_id) == after
    assert (await kept.events())[-1] == (UPDATED, user_id)


@pytest.mark.parametrize("changes", [ProfileChanges(), ProfileChanges(display_name="Ada L.", bio="")])
async def test_an_update_that_changes_nothing_is_no_event(kept: Kept, changes: ProfileChanges) -> None:
    user_id, _ = await registered(kept.store)
    before, events = await kept.store.get(user_id), await kept.events()

    assert await kept.store.update(user_id, changes) == before
    assert await kept.events() == events
