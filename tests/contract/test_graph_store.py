"""What every adapter of GraphStore promises."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest
from tests.graph.stores import Stores

from aviary.errors import Conflict
from aviary.events.v1 import events_pb2
from aviary.graph.store import Change, Counts, GraphStore
from aviary.ids import MAX_ID
from aviary.rpc.call import Claim

ADA, BOB, CYD, DAN = 1, 2, 3, 4
CHANGED, UNCHANGED = Change(changed=True), Change(changed=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """A store and the log of what it commits."""

    stores: Stores

    @property
    def store(self) -> GraphStore:
        return self.stores.graph

    async def follow(self, follower: int, *followees: int) -> None:
        for followee in followees:
            await self.store.follow(follower, followee, protected=False, claim=None)

    async def happened(self) -> list[tuple[int, int, int, int]]:
        """Each event as (type, follower, followee, version)."""
        events = await self.stores.events()
        numbers = [(await self.stores.numbers(event.entity_id, event.version))[0] for event in events]
        told = zip(events, numbers, strict=True)
        return [(event.type, event.actor_id, event.target_id, number) for event, number in told]

    async def counts(self, *people: int) -> list[Counts]:
        await self.stores.settle()
        return list(await self.store.counts(people))


@pytest.fixture
async def graph(graph_stores: Stores) -> Kept:
    return Kept(graph_stores)


def claim(key: str, body: bytes = b"body") -> Claim:
    return Claim(caller="1", rpc="/follow", key=key, body=body)


async def walked(graph: Kept, user_id: int, *, followers: bool, limit: int) -> list[int]:
    """A list of follows from piece to piece, to its end."""
    read = graph.store.followers if followers else graph.store.following
    found: list[int] = []
    below = MAX_ID
    while some := await read(user_id, below=below, limit=limit):
        assert len(some) <= limit
        found.extend(each.id for each in some)
        below = some[-1].position
    return found


async def versions(graph: Kept, user_id: int) -> tuple[int, int]:
    """The follow version and the sources version, as numbers of changes."""
    found = await graph.store.sources(user_id, if_version_not=None)
    follow, sources = await graph.stores.numbers(user_id, found.follow_version, found.sources_version)
    return follow, sources


async def sources(graph: Kept, user_id: int) -> list[int]:
    found = await graph.store.sources(user_id, if_version_not=None)
    return sorted(found.ids or ())


async def test_a_follow_shows_on_both_sides_with_its_counts(graph: Kept) -> None:
    assert await graph.store.follow(ADA, BOB, protected=False, claim=None) == CHANGED

    assert await graph.store.are_following([(ADA, BOB), (BOB, ADA), (ADA, BOB)]) == [True, False, True]
    assert await graph.counts(BOB, ADA, CYD) == [Counts(1, 0), Counts(0, 1), Counts(0, 0)]
    assert await walked(graph, BOB, followers=True, limit=5) == [ADA]
    assert await walked(graph, ADA, followers=False, limit=5) == [BOB]
    assert await sources(graph, ADA) == [ADA, BOB]


async def test_following_again_changes_nothing_and_tells_nobody(graph: Kept) -> None:
    await graph.follow(ADA, BOB)
    before = await graph.happened()

    assert await graph.store.follow(ADA, BOB, protected=False, claim=None) == UNCHANGED
    assert await graph.happened() == before
    assert await graph.counts(BOB) == [Counts(1, 0)]
    assert await versions(graph, ADA) == (1, 1)


async def test_unfollowing_takes_it_all_back_but_the_versions(graph: Kept) -> None:
    await graph.follow(ADA, BOB)

    assert await graph.store.unfollow(ADA, BOB) == CHANGED
    assert await graph.store.unfollow(ADA, BOB) == UNCHANGED
    assert await graph.store.are_following([(ADA, BOB)]) == [False]
    assert await graph.counts(ADA, BOB) == [Counts(0, 0), Counts(0, 0)]
    assert await versions(graph, ADA) == (1, 2)


async def test_unfollowing_whom_one_never_followed_changes_nothing(graph: Kept) -> None:
    assert await graph.store.unfollow(ADA, BOB) == UNCHANGED
    assert await versions(graph, ADA) == (0, 0)
    assert await graph.happened() == []


async def test_each_change_has_one_event_with_a_rising_version(graph: Kept) -> None:
    await graph.follow(ADA, BOB)
    await graph.store.unfollow(ADA, BOB)
    await graph.follow(ADA, BOB)

    followed, unfollowed = events_pb2.EVENT_TYPE_FOLLOWED, events_pb2.EVENT_TYPE_UNFOLLOWED
    assert await graph.happened() == [(followed, ADA, BOB, 1), (unfollowed, ADA, BOB, 2), (followed, ADA, BOB, 3)]


async def test_only_the_followers_own_versions_rise(graph: Kept) -> None:
    await graph.follow(ADA, BOB, CYD)

    assert await versions(graph, ADA) == (2, 2)
    assert await versions(graph, BOB) == (0, 0)


async def test_a_settled_key_does_not_follow_again(graph: Kept) -> None:
    assert await graph.store.follow(ADA, BOB, protected=False, claim=claim("k")) == CHANGED
    await graph.store.unfollow(ADA, BOB)

    assert await graph.store.follow(ADA, BOB, protected=False, claim=claim("k")) == UNCHANGED
    assert await graph.store.are_following([(ADA, BOB)]) == [False]


async def test_a_key_that_came_with_another_body_is_a_conflict(graph: Kept) -> None:
    await graph.store.follow(ADA, BOB, protected=False, claim=claim("k", b"bob"))

    with pytest.raises(Conflict):
        await graph.store.follow(ADA, CYD, protected=False, claim=claim("k", b"cyd"))
    assert await graph.store.are_following([(ADA, CYD)]) == [False]


async def test_the_newest_follow_comes_first_and_a_renewed_one_is_new(graph: Kept) -> None:
    await graph.follow(ADA, DAN)
    await graph.follow(BOB, DAN)
    await graph.follow(CYD, DAN)
    await graph.store.unfollow(ADA, DAN)
    await graph.follow(ADA, DAN)

    assert await walked(graph, DAN, followers=True, limit=2) == [ADA, CYD, BOB]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
async def test_pages_of_any_size_make_the_same_list(graph: Kept, limit: int) -> None:
    for follower in range(10, 20):
        await graph.follow(follower, ADA)
        await graph.follow(BOB, follower)

    assert await walked(graph, ADA, followers=True, limit=limit) == list(range(19, 9, -1))
    assert await walked(graph, BOB, followers=False, limit=limit) == list(range(19, 9, -1))


async def test_a_follow_between_two_pages_never_changes_the_older_one(graph: Kept) -> None:
    for follower in (10, 11, 12, 13):
        await graph.follow(follower, ADA)
    first = await graph.store.followers(ADA, below=MAX_ID, limit=2)
    await graph.follow(14, ADA)

    older = await graph.store.followers(ADA, below=first[-1].position, limit=2)
    assert [each.id for each in older] == [11, 10]


@pytest.mark.parametrize("size", [1, 3, 7, 50])
async def test_follower_ids_come_in_pieces_oldest_first(graph: Kept, size: int) -> None:
    for follower in range(10, 17):
        await graph.follow(follower, ADA)
    await graph.store.unfollow(12, ADA)

    found: list[int] = []
    after = 0
    while piece := await graph.store.follower_ids(ADA, after=after, limit=size):
        some, after = piece
        found.extend(some)
        if len(some) < size:
            break
    assert found == [10, 11, 13, 14, 15, 16]


@pytest.mark.parametrize("most", [0, 2, 3, 100])
async def test_everybody_who_follows_is_told_of_those_whom_few_follow(graph: Kept, most: int) -> None:
    for follower in range(10, 13):
        await graph.follow(follower, ADA)
    await graph.follow(10, BOB)
    await graph.follow(11, BOB)
    await graph.store.unfollow(11, BOB)
    # By the rows themselves: what is counted elsewhere may not have come to it.
    told = await graph.store.few_followers([BOB, CYD, ADA], most=most)

    everybody = [[10], [], [10, 11, 12]]
    assert [None if each is None else sorted(each) for each in told] == [
        each if len(each) <= most else None for each in everybody
    ]
    assert await graph.store.few_followers([], most=most) == []


async def test_fifty_follows_under_one_key_are_one(graph: Kept) -> None:
    changes = await asyncio.gather(
        *(graph.store.follow(ADA, BOB, protected=False, claim=claim("k")) for _ in range(50))
    )

    assert [change for change in changes if change.changed] == [CHANGED]
    assert await graph.counts(ADA, BOB) == [Counts(0, 1), Counts(1, 0)]
    assert len(await graph.happened()) == 1


async def test_counts_equal_the_lists_whatever_fifty_people_do_at_once(graph: Kept) -> None:
    people, chance = list(range(1, 9)), random.Random(7)

    async def act(draws: random.Random) -> None:
        for _ in range(10):
            one, other = draws.sample(people, 2)
            if draws.random() < 0.6:
                await graph.store.follow(one, other, protected=False, claim=None)
            else:
                await graph.store.unfollow(one, other)

    await asyncio.gather(*(act(random.Random(chance.random())) for _ in range(50)))

    for person, counts in zip(people, await graph.counts(*people), strict=True):
        followers = await walked(graph, person, followers=True, limit=3)
        following = await walked(graph, person, followers=False, limit=3)
        assert counts == Counts(len(followers), len(following))
        assert sorted([*following, person]) == await sources(graph, person)
        assert all(await graph.store.are_following([(each, person) for each in followers]))
    kinds = [kind for kind, *_ in await graph.happened()]
    made, undone = kinds.count(events_pb2.EVENT_TYPE_FOLLOWED), kinds.count(events_pb2.EVENT_TYPE_UNFOLLOWED)
    assert made - undone == sum(counts.followers for counts in await graph.counts(*people))
