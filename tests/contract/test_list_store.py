"""What every adapter of ListStore promises."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from types import ModuleType

import pytest
from tests.graph.stores import Stores

from aviary.errors import Conflict, NotFound, RateLimited
from aviary.events.v1 import events_pb2
from aviary.graph.lists import store as limits
from aviary.graph.lists.store import ListChanges, ListStore, UserList
from aviary.graph.relations.store import RelationStore
from aviary.ids import MAX_ID
from aviary.rpc.call import Claim

ADA, BOB, CYD = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Kept:
    """A store, the blocks beside it, and the log of what they commit."""

    stores: Stores
    store: ListStore
    relations: RelationStore

    @property
    def adapter(self) -> ModuleType:
        """The adapter's own module, whose limits a test lowers."""
        return sys.modules[type(self.store).__module__]

    async def made(self, owner: int = ADA, *, name: str = "birds", private: bool = False) -> int:
        list_id, _ = await self.store.create(owner, name=name, description="", private=private, claim=None)
        return list_id

    async def get(self, list_id: int) -> UserList:
        await self.stores.settle()
        return (await self.store.get_many([list_id]))[list_id]

    async def members(self, list_id: int) -> list[int]:
        return [each.id for each in await self.store.members(list_id, below=MAX_ID, limit=10_000)]

    async def happened(self) -> list[tuple[int, int, int, int]]:
        """Each event as (list, version, the other party, who did it)."""
        events = await self.stores.events()
        assert {event.type for event in events} <= {events_pb2.EVENT_TYPE_LIST_CHANGED}
        return [(event.entity_id, event.version, event.target_id, event.actor_id) for event in events]


@pytest.fixture
async def kept(graph_stores: Stores) -> Kept:
    return Kept(graph_stores, graph_stores.lists, graph_stores.relations)


def claim(key: str, body: bytes = b"body") -> Claim:
    return Claim(caller="1", rpc="/list", key=key, body=body)


async def test_a_list_is_kept_as_it_was_made(kept: Kept) -> None:
    list_id, repeated = await kept.store.create(ADA, name="birds", description="sing", private=True, claim=None)
    found = await kept.get(list_id)

    assert not repeated
    assert (found.owner_id, found.name, found.description, found.private) == (ADA, "birds", "sing", True)
    assert (found.version, found.members, found.followers) == (1, 0, 0)
    assert await kept.happened() == [(list_id, 1, 0, ADA)]


async def test_one_key_makes_one_list_however_often_it_is_sent(kept: Kept) -> None:
    async def make() -> tuple[int, bool]:
        return await kept.store.create(ADA, name="birds", description="", private=False, claim=claim("k"))

    made = await asyncio.gather(*(make() for _ in range(50)))
    assert len({list_id for list_id, _ in made}) == 1
    assert [repeated for _, repeated in made].count(False) == 1
    with pytest.raises(Conflict):
        await kept.store.create(ADA, name="cats", description="", private=False, claim=claim("k", b"cats"))


async def test_only_what_was_sent_is_changed_and_the_same_changes_nothing(kept: Kept) -> None:
    list_id = await kept.made()
    await kept.store.update(list_id, ADA, ListChanges(description="sing"))
    await kept.store.update(list_id, ADA, ListChanges(name="birds", description="sing", private=False))

    found = await kept.get(list_id)
    assert (found.name, found.description, found.version) == ("birds", "sing", 2)
    assert len(await kept.happened()) == 2


async def test_nobody_changes_or_deletes_anothers_list(kept: Kept) -> None:
    list_id = await kept.made()
    with pytest.raises(NotFound, match=f"there is no list {list_id}"):
        await kept.store.update(list_id, BOB, ListChanges(name="cats"))
    with pytest.raises(NotFound):
        await kept.store.delete(list_id, BOB)
    assert (await kept.get(list_id)).name == "birds"


async def test_members_come_newest_first_and_are_counted(kept: Kept) -> None:
    list_id = await kept.made()
    for user in (ADA, BOB, CYD):
        assert await kept.store.add_member(list_id, user, claim=None)
    assert not await kept.store.add_member(list_id, BOB, claim=None)
    assert await kept.store.remove_member(list_id, BOB, actor_id=ADA)
    assert not await kept.store.remove_member(list_id, BOB, actor_id=ADA)
    assert await kept.members(list_id) == [CYD, ADA]

    assert await kept.store.add_member(list_id, BOB, claim=None)
    assert await kept.members(list_id) == [BOB, CYD, ADA]
    assert (await kept.get(list_id)).members == 3


async def test_a_list_is_found_from_its_members_and_followers(kept: Kept) -> None:
    one, two = await kept.made(), await kept.made()
    for list_id in (two, one):
        await kept.store.add_member(list_id, BOB, claim=None)
        await kept.store.follow(list_id, CYD, claim=None)

    assert [each.id for each in await kept.store.memberships(BOB, below=MAX_ID, limit=9)] == [one, two]
    assert [each.id for each in await kept.store.followed(CYD, below=MAX_ID, limit=9)] == [one, two]
    assert await kept.store.followed_among(CYD, [one, 99]) == {one}
    assert await kept.store.unfollow(one, CYD)
    assert not await kept.store.unfollow(one, CYD)
    assert ((await kept.get(one)).followers, (await kept.get(two)).followers) == (0, 1)


async def test_each_change_has_one_event_with_a_rising_version(kept: Kept) -> None:
    list_id = await kept.made()
    await kept.store.add_member(list_id, BOB, claim=None)
    await kept.store.follow(list_id, CYD, claim=None)
    await kept.store.remove_member(list_id, BOB, actor_id=BOB)
    await kept.store.delete(list_id, ADA)

    assert await kept.happened() == [
        (list_id, 1, 0, ADA),
        (list_id, 2, BOB, ADA),
        (list_id, 3, CYD, CYD),
        (list_id, 4, BOB, BOB),
        (list_id, 5, 0, ADA),
    ]


async def test_a_block_that_came_first_keeps_people_off_each_others_lists(kept: Kept) -> None:
    list_id = await kept.made()
    await kept.relations.block(BOB, ADA, claim=None)

    with pytest.raises(NotFound):
        await kept.store.add_member(list_id, BOB, claim=None)
    with pytest.raises(NotFound):
        await kept.store.follow(list_id, BOB, claim=None)


async def test_only_its_owner_follows_a_private_list(kept: Kept) -> None:
    list_id = await kept.made(private=True)

    with pytest.raises(NotFound):
        await kept.store.follow(list_id, BOB, claim=None)
    assert await kept.store.follow(list_id, ADA, claim=None)


async def test_a_deleted_list_is_gone_at_once_and_its_rows_when_swept(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept.adapter, "_SWEPT_AT_ONCE", 2)
    list_id, other = await kept.made(), await kept.made()
    for user in range(10, 15):
        await kept.store.add_member(list_id, user, claim=None)
        await kept.store.follow(list_id, user, claim=None)
        await kept.store.add_member(other, user, claim=None)
    await kept.store.delete(list_id, ADA)

    standing = await kept.get(other)
    assert await kept.store.get_many([list_id, other]) == {other: standing}
    assert [each.id for each in await kept.store.owned(ADA, below=MAX_ID, limit=9)] == [other]
    for late in (kept.store.add_member(list_id, BOB, claim=None), kept.store.follow(list_id, BOB, claim=None)):
        with pytest.raises(NotFound):
            await late
    with pytest.raises(NotFound):
        await kept.store.delete(list_id, ADA)

    steps = 0
    while await kept.store.sweep():
        steps += 1
    assert steps == 6
    assert await kept.members(list_id) == []
    assert await kept.store.followers(list_id, below=MAX_ID, limit=9) == []
    assert len(await kept.members(other)) == 5


async def test_the_limit_of_lists_holds_exactly_for_many_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept.adapter, "MAX_LISTS", 10)
    made = await asyncio.gather(*(kept.made() for _ in range(30)), return_exceptions=True)

    assert len([each for each in made if isinstance(each, int)]) == 10
    assert {str(each) for each in made if not isinstance(each, int)} == {"user 1 has 10 lists; the limit is 10"}
    assert isinstance(await kept.made(BOB), int)


async def test_the_limit_of_members_holds_exactly_for_many_at_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept.adapter, "MAX_MEMBERS", 10)
    list_id = await kept.made()
    added = await asyncio.gather(
        *(kept.store.add_member(list_id, user, claim=None) for user in range(10, 40)), return_exceptions=True
    )

    assert added.count(True) == 10
    assert [type(each) for each in added if each is not True] == [RateLimited] * 20
    assert len(await kept.members(list_id)) == (await kept.get(list_id)).members == 10
    assert not await kept.store.add_member(list_id, (await kept.members(list_id))[0], claim=None)


def test_the_limits_are_those_of_the_product() -> None:
    assert (limits.MAX_LISTS, limits.MAX_MEMBERS) == (1_000, 5_000)
