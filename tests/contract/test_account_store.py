"""What every adapter of AccountStore promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from tests.contract.conftest import OpenDatabase
from tests.contract.tables import OutboxLog, opened, writing
from tests.contract.test_user_store import AT_FIRST, NOW_S, WEEK_S, credentials, later, registered, registration

from aviary.clock import Clock
from aviary.errors import Conflict, Forbidden, Unauthenticated
from aviary.eventlog import EventLog
from aviary.events.v1 import events_pb2
from aviary.paging import PageRequest
from aviary.rpc.call import Claim
from aviary.storage.scylla.users.accounts import ScyllaAccountStore
from aviary.storage.scylla.users.users import ScyllaUserStore
from aviary.storage.sqlite.outbox import SqliteEventLog
from aviary.storage.sqlite.users.accounts import SqliteAccountStore
from aviary.storage.sqlite.users.users import SqliteUserStore
from aviary.users.accounts.store import AccountSettings, AccountStore, Proven, SettingsChanges
from aviary.users.store import Lifetime, Registration, UserStore

UPDATED = events_pb2.EVENT_TYPE_USER_UPDATED
REVOKED = events_pb2.EVENT_TYPE_SESSION_REVOKED
DEACTIVATED = events_pb2.EVENT_TYPE_USER_DEACTIVATED
REACTIVATED = events_pb2.EVENT_TYPE_USER_REACTIVATED
SUSPENDED = events_pb2.EVENT_TYPE_USER_SUSPENDED
UNSUSPENDED = events_pb2.EVENT_TYPE_USER_UNSUSPENDED
DELETED = events_pb2.EVENT_TYPE_USER_DELETED
PAGE = PageRequest(limit=20)
NOBODY = 404


@dataclass(frozen=True, slots=True)
class Kept:
    """Both stores of one file, and the log of what they commit."""

    users: UserStore
    accounts: AccountStore
    log: EventLog

    async def proven(self, user_id: int) -> Proven:
        found = await self.accounts.proven(user_id)
        assert found is not None
        return found

    async def since(self, offset: int) -> Sequence[tuple[int, int]]:
        """What happened after `offset`, as (type, entity)."""
        return [(record.event.type, record.event.entity_id) for record in await self.log.read(offset, limit=1_000)]

    async def open_ids(self, user_id: int, *, now_s: int = NOW_S) -> Sequence[int]:
        return [each.id for each in (await self.accounts.sessions(user_id, PAGE, now_s=now_s)).items]


@pytest.fixture(params=["sqlite", pytest.param("scylla", marks=pytest.mark.cluster)])
async def kept(request: pytest.FixtureRequest, open_database: OpenDatabase, clock: Clock) -> AsyncIterator[Kept]:
    if request.param == "sqlite":
        file = open_database("users")
        yield Kept(SqliteUserStore(file), SqliteAccountStore(file), SqliteEventLog(file))
        return
    address = request.getfixturevalue("tables_address")
    async with opened(address, "users") as keyspace, writing(keyspace, clock) as writer:
        yield Kept(ScyllaUserStore(writer), ScyllaAccountStore(writer), OutboxLog(keyspace))


async def session_of(kept: Kept, user_id: int, lifetime: Lifetime = AT_FIRST) -> int:
    return (await kept.users.open_session(credentials(user_id), lifetime, claim=None)).session.id


async def preferences_version(kept: Kept, user_id: int) -> int:
    _, preferences = await kept.users.summaries([], viewer_id=user_id)
    assert preferences is not None
    return preferences.version


async def test_settings_start_open(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)

    assert await kept.accounts.settings(user_id) == AccountSettings(
        protected=False, hide_sensitive=False, dm_from="everyone", muted_words=()
    )
    assert await kept.accounts.settings(NOBODY) is None


async def test_a_change_touches_only_what_was_sent(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)

    await kept.accounts.change_settings(user_id, SettingsChanges(muted_words=("é", "two words")))
    changed = await kept.accounts.change_settings(user_id, SettingsChanges(protected=True, dm_from="nobody"))

    assert changed == await kept.accounts.settings(user_id)
    assert changed == AccountSettings(
        protected=True, hide_sensitive=False, dm_from="nobody", muted_words=("é", "two words")
    )
    user = await kept.users.get(user_id)
    assert user is not None
    assert user.protected


async def test_settings_that_change_nothing_write_no_event(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    await kept.accounts.change_settings(user_id, SettingsChanges(hide_sensitive=True, muted_words=("a",)))
    before = await kept.log.end()

    await kept.accounts.change_settings(user_id, SettingsChanges(hide_sensitive=True, muted_words=("a",)))
    await kept.accounts.change_settings(user_id, SettingsChanges())
    await kept.accounts.change_settings(NOBODY, SettingsChanges(protected=True))

    assert await kept.since(before) == []


@pytest.mark.parametrize(
    ("changes", "rises"),
    [
        (SettingsChanges(hide_sensitive=True), True),
        (SettingsChanges(muted_words=("x",)), True),
        (SettingsChanges(protected=True), False),
        (SettingsChanges(dm_from="followed"), False),
    ],
)
async def test_the_preferences_version_rises_with_what_a_viewer_is_not_shown(
    kept: Kept, changes: SettingsChanges, rises: bool
) -> None:
    user_id, _ = await registered(kept.users)
    version, end = await preferences_version(kept, user_id), await kept.log.end()

    await kept.accounts.change_settings(user_id, changes)

    assert await preferences_version(kept, user_id) == version + rises
    assert await kept.since(end) == [(UPDATED, user_id)]


async def test_open_sessions_are_listed_newest_first_and_page_to_their_end(kept: Kept) -> None:
    user_id, first = await registered(kept.users)
    ids = [first] + [await session_of(kept, user_id) for _ in range(4)]
    await registered(kept.users, "Bob")

    found: list[int] = []
    page = await kept.accounts.sessions(user_id, PageRequest(limit=2), now_s=NOW_S)
    while page.next_below is not None:
        found += [each.id for each in page.items]
        request = PageRequest(limit=2, below=page.next_below)
        page = await kept.accounts.sessions(user_id, request, now_s=NOW_S)
    found += [each.id for each in page.items]

    assert found == ids[::-1]


async def test_a_session_says_when_and_by_whom_it_was_opened(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    session_id = await session_of(kept, user_id, Lifetime(now_s=NOW_S, ttl_s=WEEK_S, client="phone"))
    await kept.users.rotate(session_id, 0, later(100), grace_s=60, claim=None)

    newest = (await kept.accounts.sessions(user_id, PAGE, now_s=NOW_S)).items[0]

    assert (newest.id, newest.client, newest.created_s) == (session_id, "phone", NOW_S)
    assert (newest.refreshed_s, newest.expires_s) == (NOW_S + 100, NOW_S + 100 + WEEK_S)


async def test_ended_and_expired_sessions_are_not_listed(kept: Kept) -> None:
    user_id, first = await registered(kept.users)
    second = await session_of(kept, user_id, later(10))

    assert await kept.accounts.revoke_session(user_id, second, now_s=NOW_S)

    assert await kept.open_ids(user_id) == [first]
    assert await kept.open_ids(user_id, now_s=NOW_S + WEEK_S) == []


async def test_only_ones_own_open_session_can_be_revoked(kept: Kept) -> None:
    (ada, hers), (bob, his) = await registered(kept.users), await registered(kept.users, "Bob")
    end = await kept.log.end()

    assert not await kept.accounts.revoke_session(ada, his, now_s=NOW_S)
    assert not await kept.accounts.revoke_session(ada, NOBODY, now_s=NOW_S)
    assert not await kept.accounts.revoke_session(ada, hers, now_s=NOW_S + WEEK_S)
    assert await kept.accounts.revoke_session(ada, hers, now_s=NOW_S)
    assert not await kept.accounts.revoke_session(ada, hers, now_s=NOW_S)

    assert await kept.since(end) == [(REVOKED, hers)]
    assert await kept.open_ids(bob) == [his]


async def test_a_new_username_frees_the_old_one(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)

    changed = await kept.accounts.change_username(user_id, "Countess", key="countess")

    assert changed is not None
    assert (changed.username, changed.version) == ("Countess", 2)
    assert await kept.users.resolve(["ada", "countess"]) == {"countess": user_id}
    await kept.users.register(registration("ADA", email="other@example.com"), AT_FIRST, claim=None)


async def test_a_username_may_change_its_case_and_not_become_anothers(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    await registered(kept.users, "Bob")

    with pytest.raises(Conflict, match="the username BOB is taken"):
        await kept.accounts.change_username(user_id, "BOB", key="bob")
    changed = await kept.accounts.change_username(user_id, "ADA", key="ada")

    assert changed is not None
    assert changed.username == "ADA"
    assert await kept.accounts.change_username(NOBODY, "x", key="x") is None


async def test_of_many_who_want_one_name_at_once_one_gets_it(kept: Kept) -> None:
    ids = [(await registered(kept.users, f"p{number}"))[0] for number in range(20)]

    results = await asyncio.gather(
        *(kept.accounts.change_username(user_id, "Wanted", key="wanted") for user_id in ids), return_exceptions=True
    )

    assert sum(isinstance(result, Conflict) for result in results) == 19
    assert len(await kept.users.resolve(["wanted"])) == 1


async def test_a_new_email_logs_in_and_the_old_one_no_longer(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    await registered(kept.users, "Bob")
    whose = await kept.proven(user_id)

    with pytest.raises(Conflict, match=r"the email bob@example\.com is taken"):
        await kept.accounts.change_email(whose, "bob@example.com", key="bob@example.com")
    await kept.accounts.change_email(whose, "New@example.com", key="new@example.com")

    assert await kept.users.credentials_of_email("ada@example.com") is None
    found = await kept.users.credentials_of_email("new@example.com")
    assert found is not None
    assert found.user_id == user_id


async def test_a_new_password_ends_every_session_but_one(kept: Kept) -> None:
    user_id, first = await registered(kept.users)
    kept_one, third = await session_of(kept, user_id), await session_of(kept, user_id)
    whose, end = await kept.proven(user_id), await kept.log.end()

    ended = await kept.accounts.change_password(whose, b"new hash", but_session=kept_one, now_s=NOW_S)

    assert ended == [first, third]
    assert await kept.open_ids(user_id) == [kept_one]
    assert (await kept.proven(user_id)).password_hash == b"new hash"
    assert await kept.since(end) == [(UPDATED, user_id), (REVOKED, first), (REVOKED, third)]


async def test_a_password_that_was_changed_meanwhile_proves_nothing(kept: Kept) -> None:
    user_id, session_id = await registered(kept.users)
    stale = await kept.proven(user_id)
    await kept.accounts.change_password(stale, b"new hash", but_session=session_id, now_s=NOW_S)
    end = await kept.log.end()

    for attempt in (
        kept.accounts.change_password(stale, b"newer", but_session=0, now_s=NOW_S),
        kept.accounts.change_email(stale, "x@example.com", key="x@example.com"),
        kept.accounts.delete(stale, now_s=NOW_S),
        kept.users.open_session(credentials(user_id), AT_FIRST, claim=None),
    ):
        with pytest.raises(Unauthenticated):
            await attempt

    assert await kept.since(end) == []


async def test_a_deactivated_account_is_hidden_until_the_next_login(kept: Kept) -> None:
    user_id, session_id = await registered(kept.users)
    end = await kept.log.end()

    assert await kept.accounts.deactivate(user_id, now_s=NOW_S, claim=None) == [session_id]
    assert await kept.accounts.deactivate(user_id, now_s=NOW_S, claim=None) == []

    hidden, _ = await kept.users.summaries([user_id], viewer_id=0)
    assert [each.hidden for each in hidden] == [True]
    assert await kept.users.rotate(session_id, 0, AT_FIRST, grace_s=60, claim=None) is None
    again = await session_of(kept, user_id)
    user = await kept.users.get(user_id)
    assert user is not None
    assert not user.deactivated
    assert [kind for kind, _ in await kept.since(end)][:3] == [DEACTIVATED, REVOKED, REACTIVATED]
    assert await kept.open_ids(user_id) == [again]


async def test_a_repeated_deactivation_does_not_hide_who_came_back(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    claim = Claim(caller=str(user_id), rpc="/deactivate", key="k", body=b"")
    await kept.accounts.deactivate(user_id, now_s=NOW_S, claim=claim)
    session_id = await session_of(kept, user_id)

    assert await kept.accounts.deactivate(user_id, now_s=NOW_S, claim=claim) == []

    assert await kept.open_ids(user_id) == [session_id]


async def test_a_suspended_account_has_no_sessions_and_gets_none(kept: Kept) -> None:
    user_id, session_id = await registered(kept.users)
    end = await kept.log.end()

    ended = await kept.accounts.suspend(user_id, now_s=NOW_S)
    again = await kept.accounts.suspend(user_id, now_s=NOW_S)

    assert ended is not None
    assert again is not None
    assert (ended.session_ids, again.session_ids) == ([session_id], [])
    assert ended.user.suspended
    assert await kept.since(end) == [(SUSPENDED, user_id), (REVOKED, session_id)]
    with pytest.raises(Forbidden):
        await session_of(kept, user_id)
    assert await kept.users.rotate(session_id, 0, AT_FIRST, grace_s=60, claim=None) is None
    assert await kept.accounts.suspend(NOBODY, now_s=NOW_S) is None


async def test_marks_are_given_and_taken_once(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    await kept.accounts.suspend(user_id, now_s=NOW_S)
    end = await kept.log.end()

    for _ in range(2):
        await kept.accounts.unsuspend(user_id)
        await kept.accounts.set_verified(user_id, verified=True)

    user = await kept.users.get(user_id)
    assert user is not None
    assert (user.suspended, user.verified) == (False, True)
    assert await kept.since(end) == [(UNSUSPENDED, user_id), (UPDATED, user_id)]
    assert await kept.accounts.unsuspend(NOBODY) is None
    assert await kept.accounts.set_verified(NOBODY, verified=True) is None


async def test_what_the_platform_did_is_nobodys_act(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)
    end = await kept.log.end()
    await kept.accounts.suspend(user_id, now_s=NOW_S)
    await kept.accounts.set_verified(user_id, verified=True)

    events = [record.event for record in await kept.log.read(end, limit=10)]
    assert [event.actor_id for event in events if event.type != REVOKED] == [0, 0]


async def test_a_deleted_account_is_gone_and_its_names_are_free(kept: Kept) -> None:
    user_id, session_id = await registered(kept.users)
    end = await kept.log.end()

    assert await kept.accounts.delete(await kept.proven(user_id), now_s=NOW_S) == [session_id]

    assert await kept.users.get(user_id) is None
    assert await kept.accounts.proven(user_id) is None
    assert await kept.open_ids(user_id) == []
    assert await kept.users.rotate(session_id, 0, AT_FIRST, grace_s=60, claim=None) is None
    assert await kept.since(end) == [(REVOKED, session_id), (DELETED, user_id)]
    with pytest.raises(Unauthenticated):
        await session_of(kept, user_id)
    again, _ = await registered(kept.users)
    assert again != user_id


async def test_sessions_of_a_deleted_account_stay_refused(kept: Kept) -> None:
    user_id, first = await registered(kept.users)
    second = await session_of(kept, user_id)
    await kept.users.revoke(first, now_s=NOW_S - 50)

    await kept.accounts.delete(await kept.proven(user_id), now_s=NOW_S)

    refused = {each.session_id: each.revoked_s for each in await kept.users.revoked_since(NOW_S - 100)}
    assert refused == {first: NOW_S - 50, second: NOW_S}
    assert [each.session_id for each in await kept.users.revoked_since(NOW_S)] == [second]


async def test_a_registration_repeated_after_the_deletion_is_a_new_one(kept: Kept) -> None:
    claim = Claim(caller="from 192.0.2.1", rpc="/register", key="k", body=b"")
    wanted: Registration = registration()
    opened = await kept.users.register(wanted, AT_FIRST, claim=claim)
    await kept.accounts.delete(await kept.proven(opened.session.user_id), now_s=NOW_S)

    again = await kept.users.register(wanted, AT_FIRST, claim=claim)

    assert not again.repeated
    assert again.session.user_id != opened.session.user_id


async def test_a_login_at_the_moment_of_a_suspension_leaves_no_session(kept: Kept) -> None:
    user_id, _ = await registered(kept.users)

    results = await asyncio.gather(
        *(session_of(kept, user_id) for _ in range(10)),
        kept.accounts.suspend(user_id, now_s=NOW_S),
        *(session_of(kept, user_id) for _ in range(10)),
        return_exceptions=True,
    )

    assert any(isinstance(result, Forbidden) for result in results)
    assert await kept.open_ids(user_id) == []
