"""What every write to the tables promises, whoever makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from tests.contract.tables import OutboxLog, WatchedTables, opened, writing

from aviary.clock import Clock
from aviary.errors import Conflict, NotFound, RateLimited, Unavailable
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.storage.scylla.counting import Change, Counting, Counts
from aviary.storage.scylla.tables import Statement
from aviary.storage.scylla.writes import Write, Writer

pytestmark = pytest.mark.cluster

LIKE = events_pb2.EVENT_TYPE_TWEET_LIKED


@pytest.fixture
async def tables(tables_address: str) -> AsyncIterator[WatchedTables]:
    async with opened(tables_address, "graph") as tables:
        yield tables


@pytest.fixture
async def writer(tables: WatchedTables, clock: Clock) -> AsyncIterator[Writer]:
    async with writing(tables, clock) as writer:
        yield writer


@pytest.fixture
async def other(tables: WatchedTables, clock: Clock) -> AsyncIterator[Writer]:
    """A writer of another process."""
    async with writing(tables, clock) as writer:
        yield writer


def claim(key: str = "key", *, body: bytes = b"body", refusal: RateLimited | None = None) -> Claim:
    return Claim(caller="7", rpc="/rpc", key=key, body=body, refusal=refusal)


async def liked(write: Write, entity: int = 1) -> int:
    """A decision that writes one event, and answers with an id that is another each time."""
    write.emit(Event(type=LIKE, key=7, entity_id=entity, actor_id=7))
    return write.next_id()


async def entities(tables: WatchedTables) -> list[int]:
    return [each.event.entity_id for each in await OutboxLog(tables).read(0, limit=1_000)]


class Died(Exception):
    """The process is gone."""


def dies_before_its_batch(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer's next batch be the end of its process."""

    async def die(_statements: Sequence[Statement]) -> None:
        raise Died

    monkeypatch.setattr(writer, "_send", die)


async def test_a_write_costs_one_round_trip_without_a_key_and_two_with_one(
    tables: WatchedTables, writer: Writer
) -> None:
    await writer.once(None, liked)
    before = tables.round_trips
    await writer.once(None, liked)
    assert tables.round_trips - before == 1
    await writer.once(claim(), liked)
    assert tables.round_trips - before == 3


async def test_a_repeat_gets_the_first_answer_and_writes_nothing(tables: WatchedTables, writer: Writer) -> None:
    first, repeated = await writer.once(claim(), liked)
    assert not repeated
    assert await writer.once(claim(), liked) == (first, True)
    assert await writer.settled(claim()) == first
    assert len(await entities(tables)) == 1


async def test_the_same_key_with_another_body_conflicts(writer: Writer) -> None:
    await writer.once(claim(), liked)
    with pytest.raises(Conflict, match="another body"):
        await writer.once(claim(body=b"other"), liked)
    with pytest.raises(Conflict, match="another body"):
        await writer.settled(claim(body=b"other"))


async def test_of_concurrent_repeats_from_two_processes_one_writes(
    tables: WatchedTables, writer: Writer, other: Writer
) -> None:
    answers = await asyncio.gather(*(each.once(claim(), liked) for each in [writer, other] * 5))
    assert len({answer for answer, _ in answers}) == 1
    assert [repeated for _, repeated in answers].count(False) == 1
    assert len(await entities(tables)) == 1


async def test_what_a_dead_process_claimed_is_written_by_the_repeat(
    tables: WatchedTables, writer: Writer, other: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies_before_its_batch(writer, monkeypatch)
    with pytest.raises(Died):
        await writer.once(claim(), liked)
    assert await entities(tables) == []

    first, repeated = await other.once(claim(), lambda write: liked(write, entity=2))
    assert repeated
    assert await entities(tables) == [1]
    assert await other.once(claim(), liked) == (first, True)


async def test_what_a_claim_held_is_forgotten_when_it_is_done(tables: WatchedTables, writer: Writer) -> None:
    await writer.once(claim(), liked)
    assert await tables.run("SELECT intent FROM claims") == [(None,)]


async def test_an_updated_row_is_there_as_long_as_a_cell_of_it_is(
    tables: WatchedTables, writer: Writer, other: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sets(n: int | None) -> Callable[[Write], Awaitable[int]]:
        async def decide(write: Write) -> int:
            write.update("counts", {"entity": 1, "kind": "cells"}, n=n)
            return 1

        return decide

    held = "SELECT entity, n FROM counts"
    await writer.once(None, sets(3))
    assert await tables.run(held) == [(1, 3)]
    dies_before_its_batch(writer, monkeypatch)
    with pytest.raises(Died):
        await writer.once(claim(), sets(None))
    await other.once(claim(), sets(4))
    assert await tables.run(held) == []


async def test_a_decision_that_fails_leaves_the_key_free(writer: Writer) -> None:
    async def fail(_write: Write) -> int:
        raise NotFound("there is no tweet 1")

    with pytest.raises(NotFound):
        await writer.once(claim(), fail)
    _, repeated = await writer.once(claim(), liked)
    assert not repeated
    # What was settled stays settled, though it could not be done again.
    assert (await writer.once(claim(), fail))[1]


async def test_a_refusal_spares_the_repeat(writer: Writer) -> None:
    refused = RateLimited("used up", retry_after_s=1)
    with pytest.raises(RateLimited):
        await writer.once(claim(refusal=refused), liked)
    first, _ = await writer.once(claim(), liked)
    assert await writer.once(claim(refusal=refused), liked) == (first, True)


async def test_turns_are_one_after_the_other_across_processes(
    tables: WatchedTables, writer: Writer, other: Writer
) -> None:
    async def add(write: Write) -> int:
        row = await tables.one("SELECT n FROM counts WHERE entity = 1 AND kind = 'turns'")
        n = (row[0] if row else 0) + 1
        write.put("counts", entity=1, kind="turns", n=n)
        return int(n)

    answers = await asyncio.gather(*(each.in_turn("one", add) for each in [writer, other] * 6))
    assert sorted(answers) == list(range(1, 13))


async def test_a_turn_whose_process_died_is_finished_by_the_next(
    tables: WatchedTables, writer: Writer, other: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies_before_its_batch(writer, monkeypatch)
    with pytest.raises(Died):
        await writer.in_turn("one", liked)

    await other.in_turn("one", lambda write: liked(write, entity=2))
    assert await entities(tables) == [1, 2]


async def test_whoever_was_erased_is_brought_back_by_no_write(tables: WatchedTables, writer: Writer) -> None:
    writer.erased.add(7)
    for attempt in (writer.once(None, liked), writer.once(claim(), liked), writer.in_turn("one", liked)):
        with pytest.raises(NotFound, match="there is no user 7"):
            await attempt
    assert await entities(tables) == []
    assert await writer.settled(claim()) is None


async def test_a_count_is_the_sum_of_its_set_however_often_and_late_changes_come(tables: WatchedTables) -> None:
    counting = Counting(tables)
    changes = [Change(1, "likes", member, 1, member) for member in range(1, 41)]
    changes += [Change(1, "likes", member, 0, 100 + member) for member in range(1, 11)]
    for attempt in range(3):
        await counting.apply(changes, at_us=1_000 + attempt)
    # An older version of what was taken back.
    assert await counting.apply([Change(1, "likes", 3, 1, 50)], at_us=2_000) == {(1, "likes"): 30}
    assert await Counts(tables).of([1, 2]) == {1: {"likes": 30}, 2: {}}


async def test_an_owner_that_lost_its_part_changes_nothing_any_more(tables: WatchedTables) -> None:
    counting = Counting(tables)
    await counting.apply([Change(1, "likes", member, 1, 1) for member in range(32)], at_us=2_000)
    await counting.apply([Change(1, "likes", 99, 1, 1)], at_us=1_000)
    assert (await Counts(tables).of([1]))[1] == {"likes": 32}


async def test_tables_that_are_not_there_are_said_in_one_sentence(tables: WatchedTables) -> None:
    await tables.empty()
    await tables.close()
    with pytest.raises(Unavailable, match="not connected"):
        await tables.rows("SELECT n FROM counts WHERE entity = 1 AND kind = 'a'")
    await tables.open()
