"""What the graph promises where several processes write to the same tables, and no partition may grow for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Sequence

import pytest
from tests.contract.tables import opened, writing
from tests.graph.stores import ScyllaStores

from aviary.clock import Clock
from aviary.errors import DeadlineExceeded
from aviary.events.v1 import events_pb2
from aviary.graph.store import Change, Counts, Placed
from aviary.ids import MAX_ID
from aviary.rpc.call import Claim
from aviary.storage.scylla.graph.places import Places, Shelf
from aviary.storage.scylla.graph.repair import Repair
from aviary.storage.scylla.tables import Statement
from aviary.storage.scylla.writes import Writer

ADA, BOB, CYD = 1, 2, 3
AHEAD_MS = 61_000
pytestmark = pytest.mark.cluster


class HeldWriter(Writer):
    """A process that stops before it sends what it has decided, until it is told to go on or to die."""

    def __init__(self, like: Writer) -> None:
        super().__init__(like.tables, like._ids, like.clock)
        self.decided, self.go_on = asyncio.Event(), asyncio.Event()
        self.dies = False

    async def _send(self, statements: Sequence[Statement]) -> None:
        self.decided.set()
        await self.go_on.wait()
        if self.dies:
            raise DeadlineExceeded("died before it wrote")
        await super()._send(statements)


@pytest.fixture
async def two(tables_address: str, clock: Clock) -> AsyncIterator[tuple[ScyllaStores, ScyllaStores]]:
    """The stores of two processes on one keyspace; the second may be held."""
    async with (
        opened(tables_address, "graph") as keyspace,
        writing(keyspace, clock) as one,
        writing(keyspace, clock) as other,
    ):
        yield ScyllaStores(one), ScyllaStores(HeldWriter(other))


@pytest.fixture
def stores(two: tuple[ScyllaStores, ScyllaStores]) -> ScyllaStores:
    return two[0]


def held(stores: ScyllaStores) -> HeldWriter:
    assert isinstance(stores.writer, HeldWriter)
    return stores.writer


async def mend(stores: ScyllaStores, *, most: int = 10_000) -> None:
    """Let the repair follow the log to its end, and what it writes too."""
    repair, done = Repair(stores.writer, most=most), set[int]()
    while left := [each for each in await stores.events() if each.id not in done]:
        for event in left:
            await repair.after(event)
            done.add(event.id)


async def follow(stores: ScyllaStores, follower: int, followee: int, claim: Claim | None = None) -> Change:
    return await stores.graph.follow(follower, followee, protected=False, claim=claim)


async def followers(stores: ScyllaStores, user_id: int, limit: int) -> list[int]:
    found: list[Placed] = []
    while some := await stores.graph.followers(user_id, below=found[-1].position if found else MAX_ID, limit=limit):
        found += some
    return [each.id for each in found]


async def ascending(stores: ScyllaStores, user_id: int, limit: int) -> list[int]:
    found, after, is_more = list[int](), 0, True
    while is_more:
        some, after = await stores.graph.follower_ids(user_id, after=after, limit=limit)
        found += some
        is_more = len(some) == limit
    return found


async def buckets(stores: ScyllaStores, user_id: int) -> dict[int, int]:
    """How many rows each bucket of somebody's followers holds."""
    rows = await stores.tables.run("SELECT entity, shelf, bucket FROM places")
    found = [bucket for entity, shelf, bucket in rows if (entity, shelf) == (user_id, Shelf.FOLLOWERS)]
    return {bucket: found.count(bucket) for bucket in sorted(set(found))}


async def grow(stores: ScyllaStores, followers: range, *, most: int) -> None:
    """Let people follow Ada, a few at a time, and time go by, so that buckets follow one another."""
    for start in range(followers.start, followers.stop, most + 1):
        some = range(start, min(start + most + 1, followers.stop))
        await asyncio.gather(*(follow(stores, each, ADA) for each in some))
        await mend(stores, most=most)
        stores.clock.advance(AHEAD_MS)


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
async def test_followers_page_exactly_over_many_buckets_from_both_ends(stores: ScyllaStores, limit: int) -> None:
    await grow(stores, range(10, 22), most=3)
    await stores.graph.unfollow(12, ADA)
    await stores.graph.unfollow(17, ADA)
    await follow(stores, 17, ADA)

    places = await stores.graph.followers(ADA, below=MAX_ID, limit=100)
    positions = [each.position for each in places]
    assert positions == sorted(positions, reverse=True)
    assert sorted(each.id for each in places) == [each for each in range(10, 22) if each != 12]
    assert places[0].id == 17
    assert await followers(stores, ADA, limit) == [each.id for each in places]
    assert await ascending(stores, ADA, limit) == [each.id for each in reversed(places)]
    assert len(await buckets(stores, ADA)) == 4
    assert max((await buckets(stores, ADA)).values()) <= 4


async def test_a_bucket_is_announced_before_any_of_its_positions_is_minted(stores: ScyllaStores) -> None:
    places = Places(stores.tables)
    await asyncio.gather(*(follow(stores, each, ADA) for each in range(10, 14)))
    now_ms = stores.clock.now_ms()
    announced = [await places.announce(ADA, Shelf.FOLLOWERS, now_ms=now_ms, most=3) for _ in range(3)]
    await asyncio.gather(*(follow(stores, each, ADA) for each in range(14, 18)))

    # One at a time, and whoever writes meanwhile is still of the bucket before.
    assert announced == [True, False, False]
    assert list((await buckets(stores, ADA)).values()) == [8]
    stores.clock.advance(AHEAD_MS)
    await follow(stores, 18, ADA)
    assert list((await buckets(stores, ADA)).values()) == [8, 1]


async def test_whatever_two_processes_do_at_once_each_place_is_shown_once(
    two: tuple[ScyllaStores, ScyllaStores],
) -> None:
    one, other = two
    held(other).go_on.set()
    people = range(10, 14)

    async def act(stores: ScyllaStores, chance: random.Random) -> None:
        for _ in range(12):
            person = chance.choice(people)
            if chance.random() < 0.6:
                await follow(stores, person, ADA)
            else:
                await stores.graph.unfollow(person, ADA)

    await asyncio.gather(*(act(stores, random.Random(seed)) for seed in range(4) for stores in two))
    await mend(one)

    following = await one.graph.are_following([(each, ADA) for each in people])
    truth = [each for each, follows in zip(people, following, strict=True) if follows]
    assert sorted(await followers(one, ADA, 3)) == truth
    assert [ADA in ((await one.graph.sources(each, if_version_not=None)).ids or ()) for each in people] == following
    assert (await one.counts(ADA))[0] == Counts(len(truth), 0)
    assert await one.counts(*people) == [Counts(0, int(each)) for each in following]


async def test_of_two_follows_that_both_were_new_one_place_is_left(two: tuple[ScyllaStores, ScyllaStores]) -> None:
    one, other = two
    late = asyncio.create_task(follow(other, BOB, ADA))
    await held(other).decided.wait()
    assert await follow(one, BOB, ADA) == Change(changed=True)
    held(other).go_on.set()
    assert await late == Change(changed=True)
    assert await followers(one, ADA, 5) == [BOB, BOB]

    await mend(one)
    assert await followers(one, ADA, 5) == [BOB]
    assert [each.id for each in await one.graph.following(BOB, below=MAX_ID, limit=5)] == [ADA]
    assert await one.counts(ADA, BOB) == [Counts(1, 0), Counts(0, 1)]


async def test_a_follow_that_lands_behind_a_block_is_ended(two: tuple[ScyllaStores, ScyllaStores]) -> None:
    one, other = two
    list_id, _ = await one.lists.create(ADA, name="birds", description="", private=False, claim=None)
    late = asyncio.create_task(follow(other, BOB, ADA))
    await held(other).decided.wait()
    await one.relations.block(ADA, BOB, claim=None)
    held(other).go_on.set()
    await late
    assert await one.graph.are_following([(BOB, ADA)]) == [True]

    await mend(one)
    assert await one.graph.are_following([(BOB, ADA)]) == [False]
    assert await followers(one, ADA, 5) == []
    assert await one.counts(ADA) == [Counts(0, 0)]
    assert (await one.events())[-1].type == events_pb2.EVENT_TYPE_UNFOLLOWED
    told = len(await one.events())
    await mend(one)
    assert len(await one.events()) == told
    assert await one.lists.members(list_id, below=MAX_ID, limit=5) == []


async def test_somebody_who_comes_to_a_list_behind_a_block_is_taken_off_it(
    two: tuple[ScyllaStores, ScyllaStores],
) -> None:
    one, other = two
    list_id, _ = await one.lists.create(ADA, name="birds", description="", private=False, claim=None)
    late = asyncio.create_task(other.lists.add_member(list_id, BOB, claim=None))
    await held(other).decided.wait()
    await one.relations.block(ADA, BOB, claim=None)
    held(other).go_on.set()
    assert await late
    assert [each.id for each in await one.lists.members(list_id, below=MAX_ID, limit=5)] == [BOB]

    await mend(one)
    assert await one.lists.members(list_id, below=MAX_ID, limit=5) == []
    await one.settle()
    assert (await one.lists.get_many([list_id]))[list_id].members == 0


async def test_what_a_slower_clock_writes_late_raises_the_versions_that_readers_hold(
    two: tuple[ScyllaStores, ScyllaStores],
) -> None:
    one, other = two
    late = asyncio.create_task(follow(other, BOB, ADA))
    await held(other).decided.wait()
    await follow(one, BOB, CYD)
    seen = await one.graph.sources(BOB, if_version_not=None)
    assert sorted(seen.ids or ()) == [BOB, CYD]

    held(other).go_on.set()
    await late
    found = await one.graph.sources(BOB, if_version_not=seen.sources_version)
    assert sorted(found.ids or ()) == [ADA, BOB, CYD]
    assert found.sources_version > seen.sources_version
    assert found.follow_version > seen.follow_version


async def test_a_key_whose_process_died_between_claim_and_write_is_written_by_its_repeat(
    two: tuple[ScyllaStores, ScyllaStores],
) -> None:
    one, other = two
    claim = Claim(caller=str(BOB), rpc="/follow", key="k", body=b"body")
    dying = held(other)
    dying.dies = True
    dying.go_on.set()
    with pytest.raises(DeadlineExceeded):
        await follow(other, BOB, ADA, claim)
    assert await one.graph.are_following([(BOB, ADA)]) == [False]

    assert await follow(one, BOB, ADA, claim) == Change(changed=False)
    assert await one.graph.are_following([(BOB, ADA)]) == [True]
    assert await followers(one, ADA, 5) == [BOB]
    assert [event.type for event in await one.events()] == [events_pb2.EVENT_TYPE_FOLLOWED]


async def test_a_turn_whose_process_died_is_finished_by_the_next(two: tuple[ScyllaStores, ScyllaStores]) -> None:
    one, other = two
    list_id, _ = await one.lists.create(ADA, name="birds", description="", private=False, claim=None)
    dying = held(other)
    dying.dies = True
    dying.go_on.set()
    with pytest.raises(DeadlineExceeded):
        await other.lists.add_member(list_id, BOB, claim=None)
    assert await one.lists.members(list_id, below=MAX_ID, limit=5) == []

    assert await one.lists.add_member(list_id, CYD, claim=None)
    assert [each.id for each in await one.lists.members(list_id, below=MAX_ID, limit=5)] == [CYD, BOB]
    assert [event.version for event in await one.events()] == [1, 2, 3]


@pytest.mark.parametrize("crowd", [0, 30])
async def test_a_follow_costs_as_many_round_trips_however_many_there_are(stores: ScyllaStores, crowd: int) -> None:
    await asyncio.gather(*(follow(stores, each, ADA) for each in range(10, 10 + crowd)))
    claim = Claim(caller=str(CYD), rpc="/follow", key="k", body=b"body")

    async def cost(work: Awaitable[object]) -> int:
        before = stores.tables.round_trips
        await work
        return stores.tables.round_trips - before

    # Both people and the newest buckets of both lists side by side, the write, and the look at the version.
    assert await cost(follow(stores, BOB, ADA)) == 6
    assert await cost(follow(stores, CYD, ADA, claim)) == 7
    version = (await stores.graph.sources(BOB, if_version_not=None)).sources_version
    assert await cost(stores.graph.sources(BOB, if_version_not=version)) == 1
    assert await cost(stores.graph.sources(BOB, if_version_not=1)) == 2
    assert await cost(stores.graph.followers(ADA, below=MAX_ID, limit=20)) == 2
