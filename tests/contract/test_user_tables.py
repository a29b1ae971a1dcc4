"""What the users' tables promise beyond the ports: across processes, over their deaths, and for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from tests.contract.tables import OutboxLog, WatchedTables, opened, writing
from tests.contract.test_user_store import (
    AT_FIRST,
    GRACE_S,
    NOW_S,
    REVOKED,
    claim,
    credentials,
    later,
    presented,
    registered,
    registration,
)

from aviary.clock import Clock
from aviary.errors import Conflict, NotFound, Unauthenticated, Unavailable
from aviary.events.v1 import events_pb2
from aviary.rpc.call import Claim
from aviary.storage.scylla.tables import Statement
from aviary.storage.scylla.users.accounts import ScyllaAccountStore
from aviary.storage.scylla.users.exports import ScyllaExportStore
from aviary.storage.scylla.users.names import Names
from aviary.storage.scylla.users.users import ScyllaUserStore
from aviary.storage.scylla.writes import Write, Writer
from aviary.users.accounts.store import Proven
from aviary.users.store import Outcome, ProfileChanges

pytestmark = pytest.mark.cluster

VOID_MS = 61_000
HOUR_MS = 3_600_000


class Died(Exception):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class Process:
    """The users' stores as one process has them."""

    writer: Writer
    users: ScyllaUserStore
    accounts: ScyllaAccountStore
    exports: ScyllaExportStore

    async def proven(self, user_id: int) -> Proven:
        found = await self.accounts.proven(user_id)
        assert found is not None
        return found


def process(writer: Writer) -> Process:
    return Process(writer, ScyllaUserStore(writer), ScyllaAccountStore(writer), ScyllaExportStore(writer))


@pytest.fixture
async def tables(tables_address: str) -> AsyncIterator[WatchedTables]:
    async with opened(tables_address, "users") as tables:
        yield tables


@pytest.fixture
async def one(tables: WatchedTables, clock: Clock) -> AsyncIterator[Process]:
    async with writing(tables, clock) as writer:
        yield process(writer)


@pytest.fixture
async def other(tables: WatchedTables, clock: Clock) -> AsyncIterator[Process]:
    async with writing(tables, clock) as writer:
        yield process(writer)


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch, one: Process) -> None:
    """Let the first process end before it sends what it had decided and announced."""

    async def die(_statements: Sequence[Statement]) -> None:
        raise Died

    monkeypatch.setattr(one.writer, "_send", die)


async def kinds(tables: WatchedTables) -> Sequence[int]:
    return [each.event.type for each in await OutboxLog(tables).read(0, limit=1_000)]


async def test_of_registrations_in_two_processes_one_gets_the_name(
    tables: WatchedTables, one: Process, other: Process
) -> None:
    tries = [
        each.users.register(registration("Ada", email=f"a{number}@example.com"), AT_FIRST, claim=None)
        for number, each in enumerate([one, other] * 10)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert sum(isinstance(result, Conflict) for result in results) == 19
    assert len(await tables.run("SELECT id FROM users")) == 1
    # The emails of those who came too late were never theirs.
    assert len(await tables.run("SELECT key FROM names")) == 2


async def test_one_request_that_two_processes_get_registers_once(
    tables: WatchedTables, one: Process, other: Process
) -> None:
    answers = await asyncio.gather(
        *(each.users.register(registration(), AT_FIRST, claim=claim("k")) for each in [one, other] * 5)
    )

    assert len({each.session for each in answers}) == 1
    assert [each.repeated for each in answers].count(False) == 1
    assert len(await tables.run("SELECT id FROM users")) == 1


@pytest.mark.usefixtures("dies")
async def test_a_name_whose_taker_died_is_free_after_a_minute(one: Process, other: Process, clock: Clock) -> None:
    with pytest.raises(Died):
        await one.users.register(registration(), AT_FIRST, claim=None)

    with pytest.raises(Conflict, match="the username Ada is taken and the email"):
        await other.users.register(registration(), AT_FIRST, claim=None)
    assert await other.users.resolve(["ada"]) == {}
    clock.advance(VOID_MS)
    user_id, _ = await registered(other.users)

    assert await other.users.resolve(["ada"]) == {"ada": user_id}


@pytest.mark.usefixtures("dies")
async def test_a_registration_whose_process_died_is_done_by_its_repeat(
    tables: WatchedTables, one: Process, other: Process
) -> None:
    with pytest.raises(Died):
        await one.users.register(registration(), AT_FIRST, claim=claim("k"))

    again = await other.users.register(registration(), AT_FIRST, claim=claim("k"))

    assert again.repeated
    assert await other.users.resolve(["ada"]) == {"ada": again.session.user_id}
    assert len(await kinds(tables)) == 2


async def test_a_request_takes_over_the_names_that_it_took_before_its_process_died(
    tables: WatchedTables, one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise Died

    monkeypatch.setattr(one.writer, "_claim", die)
    with pytest.raises(Died):
        await one.users.register(registration(), AT_FIRST, claim=claim("k"))
    with pytest.raises(Conflict):
        await other.users.register(registration(), AT_FIRST, claim=claim("another"))

    again = await other.users.register(registration(), AT_FIRST, claim=claim("k"))

    assert not again.repeated
    assert await tables.run("SELECT user_id FROM names") == [(again.session.user_id,)] * 2


@pytest.mark.usefixtures("dies")
async def test_a_registration_that_comes_back_after_its_name_was_taken_registers_nobody(
    tables: WatchedTables, one: Process, other: Process, clock: Clock
) -> None:
    with pytest.raises(Died):
        await one.users.register(registration(), AT_FIRST, claim=claim("k"))
    clock.advance(VOID_MS)
    user_id, _ = await registered(other.users)

    with pytest.raises(Unauthenticated):
        await other.users.register(registration(), AT_FIRST, claim=claim("k"))

    assert [row[0] for row in await tables.run("SELECT id FROM users")] == [user_id]
    assert await other.users.resolve(["ada"]) == {"ada": user_id}
    # Whoever learnt of that account learns that it is gone.
    assert events_pb2.EVENT_TYPE_USER_DELETED in await kinds(tables)


async def test_a_new_name_is_borne_though_the_process_died_in_its_turn(
    one: Process, other: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, _ = await registered(other.users)
    clock.advance(VOID_MS)

    async def die(_statements: Sequence[Statement]) -> None:
        raise Died

    monkeypatch.setattr(one.writer, "_send", die)
    with pytest.raises(Died):
        await one.accounts.change_username(user_id, "Countess", key="countess")

    await other.users.update(user_id, ProfileChanges(bio="back"))

    assert await other.users.resolve(["ada", "countess"]) == {"countess": user_id}
    # The old name was freed by nobody, and is free.
    again, _ = await registered_with(other, "Ada", "another@example.com")
    assert await other.users.resolve(["ada"]) == {"ada": again}


async def test_a_name_that_its_taker_never_came_to_bear_goes_to_another_for_good(
    one: Process, other: Process, clock: Clock
) -> None:
    ada, _ = await registered(one.users)
    bob, _ = await registered(one.users, "Bob")
    slow = await Names(one.writer).take("username", "wanted", ada)
    assert slow is not None
    clock.advance(VOID_MS)

    assert await other.accounts.change_username(bob, "Wanted", key="wanted") is not None

    # What had been decided by the old taking is decided again, and no longer stands.
    assert not await Names(one.writer).is_mine(slow)
    with pytest.raises(Conflict):
        await one.accounts.change_username(ada, "Wanted", key="wanted")
    assert await one.users.resolve(["wanted"]) == {"wanted": bob}


async def test_a_turn_that_was_decided_before_a_name_went_to_another_is_decided_again(
    one: Process, other: Process, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, _ = await registered(one.users)
    bob, _ = await registered(one.users, "Bob")
    take = one.writer._take

    async def paused(entity: str, turn: int | None, token: int, write: Write) -> bool:
        monkeypatch.setattr(one.writer, "_take", take)
        clock.advance(VOID_MS)
        await other.accounts.change_username(bob, "Wanted", key="wanted")
        return await take(entity, turn, token, write)

    monkeypatch.setattr(one.writer, "_take", paused)
    with pytest.raises(Unavailable, match="took too long"):
        await one.accounts.change_username(ada, "Wanted", key="wanted")

    found = await one.users.get_many([ada, bob])
    assert [each.username for each in found] == ["Ada", "Wanted"]


async def test_of_rotations_in_two_processes_one_wins_and_the_rest_revoke(
    tables: WatchedTables, one: Process, other: Process
) -> None:
    _, session_id = await registered(one.users)

    results = await asyncio.gather(*(presented(each.users, session_id, 0) for each in [one, other] * 5))

    outcomes = [result.outcome if result else None for result in results]
    assert (outcomes.count(Outcome.ROTATED), outcomes.count(Outcome.REUSED), outcomes.count(None)) == (1, 1, 8)
    assert (await kinds(tables)).count(REVOKED) == 1


async def test_a_rotation_whose_process_died_is_answered_to_its_repeat(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session_id = await registered(one.users)

    async def die(_statements: Sequence[Statement]) -> None:
        raise Died

    monkeypatch.setattr(one.writer, "_send", die)
    with pytest.raises(Died):
        await presented(one.users, session_id, 0, key="k")

    again = await other.users.rotate(session_id, 0, later(1), grace_s=GRACE_S, claim=claim("k"))

    assert again is not None
    assert (again.outcome, again.session.generation) == (Outcome.REPEATED, 1)


async def test_a_later_turn_stands_though_its_clock_is_behind(one: Process, other: Process) -> None:
    user_id, _ = await registered(one.users)
    ahead = one.writer.times.next() + 60_000_000
    one.writer.times.next(ahead)
    await one.users.update(user_id, ProfileChanges(bio="first"))

    await other.users.update(user_id, ProfileChanges(bio="second"))
    await other.users.update(user_id, ProfileChanges(location="here"))

    user = await one.users.get(user_id)
    assert user is not None
    assert (user.bio, user.location, user.version) == ("second", "here", 4)


async def test_more_sessions_than_a_batch_holds_end_together(one: Process) -> None:
    user_id, first = await registered(one.users)
    for _ in range(249):
        await one.users.open_session(credentials(user_id), AT_FIRST, claim=None)

    ended = await one.accounts.change_password(
        await one.proven(user_id), b"new hash", but_session=first, now_s=NOW_S + 1
    )

    assert len(ended) == 249
    assert len(await one.users.revoked_since(NOW_S)) == 249
    assert await one.users.revoke_all(user_id, now_s=NOW_S + 2) == [first]


async def test_revoked_sessions_are_found_over_the_hour(one: Process) -> None:
    user_id, first = await registered(one.users)
    second = (await one.users.open_session(credentials(user_id), AT_FIRST, claim=None)).session.id
    before, after = NOW_S - NOW_S % 3_600 + 3_599, NOW_S - NOW_S % 3_600 + 3_600

    await one.users.revoke(first, now_s=before)
    await one.users.revoke(second, now_s=after)

    assert {each.session_id for each in await one.users.revoked_since(before)} == {first, second}
    assert [each.session_id for each in await one.users.revoked_since(after)] == [second]


async def test_what_a_login_and_its_rotation_cost_does_not_grow(tables: WatchedTables, one: Process) -> None:
    user_id, session_id = await registered(one.users)

    async def cost() -> tuple[int, int]:
        start = tables.round_trips
        opened = await one.users.open_session(credentials(user_id), AT_FIRST, claim=None)
        opening = tables.round_trips - start
        await presented(one.users, opened.session.id, 0)
        return opening, tables.round_trips - start - opening

    few = await cost()
    for _ in range(30):
        await one.users.open_session(credentials(user_id), AT_FIRST, claim=None)

    # Opening: the turn, the account, the turn's taking, the batch, and the session read back by its owner.
    assert few == await cost() == (6, 6)
    assert session_id


async def test_a_deleted_account_leaves_nothing_that_names_it(tables: WatchedTables, one: Process) -> None:
    wanted = registration("Ada", email="ada@example.com")
    opened = await one.users.register(wanted, AT_FIRST, claim=claim("r"))
    user_id = opened.session.user_id
    await one.users.open_session(credentials(user_id), AT_FIRST, claim=claim("o"))
    await presented(one.users, opened.session.id, 0, key="t")
    own = Claim(caller=str(user_id), rpc="/deactivate", key="d", body=b"")
    await one.accounts.deactivate(user_id, now_s=NOW_S, claim=own)
    await one.users.open_session(credentials(user_id), AT_FIRST, claim=claim("b"))
    await one.accounts.change_email(await one.proven(user_id), "countess@example.com", key="countess@example.com")
    export = await one.exports.begin(user_id, instead_of=0)
    assert export is not None
    await one.exports.finish(user_id, export.id, size_bytes=1)

    await one.accounts.delete(await one.proven(user_id), now_s=NOW_S)

    left = await everything(tables)
    # Events hold the id alone, for days; `revoked` holds sessions, which are nobody's now.
    assert {name for name, rows in left.items() if rows} == {
        *("outbox", "revoked", "export_hours", "leases", "schema_version")
    }
    assert all(each.event.key == user_id for each in await OutboxLog(tables).read(0, limit=100))
    assert "ada" not in repr(left["outbox"]).lower()


async def test_names_that_a_process_gave_up_and_died_are_freed_by_the_sweep(
    tables: WatchedTables, one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, _ = await registered(one.users)

    async def fail(*_: object) -> None:
        raise Unavailable("the tables failed")

    monkeypatch.setattr(Names, "_release", fail)
    await one.accounts.delete(await one.proven(user_id), now_s=NOW_S)
    assert len(await tables.run("SELECT key FROM names")) == 2
    monkeypatch.undo()

    await Names(other.writer).sweep()

    assert await tables.run("SELECT key FROM names") == []
    assert await tables.run("SELECT key FROM leaving") == []


async def test_the_sweep_takes_no_name_from_who_took_it_again(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, _ = await registered(one.users)

    async def fail(*_: object) -> None:
        raise Unavailable("the tables failed")

    monkeypatch.setattr(Names, "_release", fail)
    await one.accounts.change_username(user_id, "Countess", key="countess")
    monkeypatch.undo()
    await one.accounts.change_username(user_id, "Ada", key="ada")

    await Names(other.writer).sweep()

    assert await other.users.resolve(["ada", "countess"]) == {"ada": user_id}
    with pytest.raises(Conflict):
        await registered_with(other, "Ada", "another@example.com")


async def test_ready_exports_are_found_over_the_hours_and_emptied_hours_forgotten(
    tables: WatchedTables, one: Process, clock: Clock
) -> None:
    people = [(await registered(one.users, name))[0] for name in ("a1", "b1", "c1")]
    for user_id in people:
        export = await one.exports.begin(user_id, instead_of=0)
        assert export is not None
        await one.exports.finish(user_id, export.id, size_bytes=1)
        clock.advance(HOUR_MS)
    clock.advance(72 * HOUR_MS)
    await one.users.register(registration("d1"), AT_FIRST, claim=None)

    found = await one.exports.finished_before(clock.now_ms(), limit=2)
    assert [each.user_id for each in found] == people[:2]
    for each in found:
        await one.exports.remove(each.user_id, each.id)
    assert [each.user_id for each in await one.exports.finished_before(clock.now_ms(), limit=2)] == people[2:]
    assert len(await tables.run("SELECT hour FROM export_hours")) == 1


async def test_who_is_gone_is_written_about_by_nobody(one: Process) -> None:
    user_id, _ = await registered(one.users)
    one.writer.erased.add(user_id)

    with pytest.raises(NotFound):
        await one.users.update(user_id, ProfileChanges(bio="still here"))

    assert await one.accounts.delete(await one.proven(user_id), now_s=NOW_S)


async def registered_with(process: Process, name: str, email: str) -> tuple[int, int]:
    opened = await process.users.register(registration(name, email=email), AT_FIRST, claim=None)
    return opened.session.user_id, opened.session.id


async def everything(tables: WatchedTables) -> dict[str, Sequence[object]]:
    """All rows of all tables."""
    names = await tables.run(f"SELECT table_name FROM system_schema.tables WHERE keyspace_name = '{tables.keyspace}'")
    return {name: await tables.run(f"SELECT * FROM {name}") for (name,) in names}
