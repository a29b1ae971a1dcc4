"""The stores of the graph against plain Python: any order of what people do to each other, and of time."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.contract.upkeep import drifts
from tests.graph.reference import List, Pair, Reference, newest, of
from tests.graph.stores import START_MS, StoppedClock, Stores, opened

from aviary.errors import Forbidden, NotFound
from aviary.graph.lists.store import ListChanges
from aviary.graph.store import Counts, Placed, Sources
from aviary.ids import MAX_ID

PEOPLE = [900_001, 900_002, 900_003, 900_004]
T = TypeVar("T")
pairs = st.sampled_from([(one, other) for one in range(4) for other in range(4) if one != other])
places = st.integers(0, 3)
Read = Callable[..., Awaitable[Sequence[Placed]]]


class Graph(RuleBasedStateMachine):
    """Drives the real stores on a real file, and the reference beside them."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = ExitStack()
        self.clock = StoppedClock()
        self.model = Reference(START_MS, list(PEOPLE))
        self.stores = self.run_(self._open())
        # What a reader holds of each viewer, as timelines do.
        self.held: dict[int, Sources] = {}

    async def _open(self) -> Stores:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        return self.stack.enter_context(opened(folder, self.clock))

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def named(self, pair: Pair) -> Pair | None:
        """The people in two places; None when one of them is gone."""
        one, other = PEOPLE[pair[0]], PEOPLE[pair[1]]
        return (one, other) if {one, other} <= set(self.model.people) else None

    @rule(pair=pairs, protected=st.sampled_from([False, False, True]))
    def follow(self, pair: Pair, protected: bool) -> None:
        if people := self.named(pair):
            assert self.run_(self._follow(*people, protected=protected)) == self.model.follow(
                *people, protected=protected
            )

    async def _follow(self, one: int, other: int, *, protected: bool) -> str:
        try:
            change = await self.stores.graph.follow(one, other, protected=protected, claim=None)
        except Forbidden:
            return "forbidden"
        return "requested" if change.requested else "following"

    @rule(pair=pairs)
    def unfollow(self, pair: Pair) -> None:
        if people := self.named(pair):
            self.run_(self.stores.graph.unfollow(*people))
            self.model.unfollow(*people)

    @rule(pair=pairs)
    def remove_follower(self, pair: Pair) -> None:
        if people := self.named(pair):
            self.run_(self.stores.graph.remove_follower(*people))
            self.model.follows.pop((people[1], people[0]), None)

    @rule(pair=pairs, accepted=st.booleans())
    def answer_a_request(self, pair: Pair, accepted: bool) -> None:
        if people := self.named(pair):
            answered = self.run_(self._answer(*people, accepted=accepted))
            if accepted:
                assert answered == self.model.accept(*people)
            else:
                assert answered == (self.model.requests.pop((people[1], people[0]), None) is not None)

    async def _answer(self, asked: int, asker: int, *, accepted: bool) -> bool:
        answer = self.stores.relations.accept if accepted else self.stores.relations.deny
        try:
            await answer(asked, asker, claim=None)
        except NotFound:
            return False
        return True

    @rule(pair=pairs)
    def block(self, pair: Pair) -> None:
        if people := self.named(pair):
            self.run_(self.stores.relations.block(*people, claim=None))
            self.model.block(*people)

    @rule(pair=pairs)
    def unblock(self, pair: Pair) -> None:
        if people := self.named(pair):
            self.run_(self.stores.relations.unblock(*people))
            self.model.blocks.pop(people, None)

    @rule(pair=pairs, for_ms=st.sampled_from([0, 1, 1_000, 5_000]))
    def mute(self, pair: Pair, for_ms: int) -> None:
        if people := self.named(pair):
            until_ms = self.clock.ms + for_ms if for_ms else 0
            self.run_(self.stores.relations.mute(*people, until_ms=until_ms, claim=None))
            self.model.mute(*people, until_ms)

    @precondition(lambda self: self.model.follows)
    @rule(data=st.data(), for_ms=st.sampled_from([1, 1_000]))
    def mute_somebody_followed_for_a_while(self, data: st.DataObject, for_ms: int) -> None:
        people = data.draw(st.sampled_from(sorted(self.model.follows)))
        until_ms = self.clock.ms + for_ms
        self.run_(self.stores.relations.mute(*people, until_ms=until_ms, claim=None))
        self.model.mute(*people, until_ms)

    @rule(pair=pairs)
    def unmute(self, pair: Pair) -> None:
        if people := self.named(pair):
            self.run_(self.stores.relations.unmute(*people))
            self.model.mutes.pop(people, None)

    @rule(ms=st.sampled_from([1, 999, 1_000, 5_000]))
    def wait(self, ms: int) -> None:
        self.clock.ms += ms
        self.model.now_ms += ms

    @rule(place=places, private=st.booleans())
    def make_a_list(self, place: int, private: bool) -> None:
        if (owner := PEOPLE[place]) in self.model.people and len(self.model.lists) < 4:
            made = self.stores.lists.create(owner, name="birds", description="", private=private, claim=None)
            list_id, _ = self.run_(made)
            self.model.lists[list_id] = List(owner, private)

    @precondition(lambda self: self.model.lists)
    @rule(data=st.data(), private=st.booleans())
    def change_a_list(self, data: st.DataObject, private: bool) -> None:
        list_id, held = self.pick(data)
        changes = ListChanges(private=private)
        self.run_(self.stores.lists.update(list_id, held.owner, changes))
        held.private = private

    @precondition(lambda self: self.model.lists)
    @rule(data=st.data())
    def delete_a_list(self, data: st.DataObject) -> None:
        list_id, held = self.pick(data)
        self.run_(self.stores.lists.delete(list_id, held.owner))
        del self.model.lists[list_id]

    @precondition(lambda self: self.model.lists)
    @rule(data=st.data(), place=places, follows=st.booleans())
    def join_a_list(self, data: st.DataObject, place: int, follows: bool) -> None:
        list_id, held = self.pick(data)
        if (user := PEOPLE[place]) not in self.model.people:
            return
        refused = self.model.are_apart(user, held.owner) or (follows and held.private and user != held.owner)
        assert self.run_(self._join(list_id, user, follows=follows)) != refused
        if not refused:
            (held.followers if follows else held.members).setdefault(user, self.model.tick())

    async def _join(self, list_id: int, user: int, *, follows: bool) -> bool:
        join = self.stores.lists.follow if follows else self.stores.lists.add_member
        try:
            await join(list_id, user, claim=None)
        except NotFound:
            return False
        return True

    @precondition(lambda self: self.model.lists)
    @rule(data=st.data(), place=places, follows=st.booleans())
    def leave_a_list(self, data: st.DataObject, place: int, follows: bool) -> None:
        (list_id, held), user = self.pick(data), PEOPLE[place]
        store = self.stores.lists
        left = store.unfollow(list_id, user) if follows else store.remove_member(list_id, user, actor_id=held.owner)
        was_there = (held.followers if follows else held.members).pop(user, None) is not None
        assert self.run_(left) == was_there

    def pick(self, data: st.DataObject) -> tuple[int, List]:
        return data.draw(st.sampled_from(sorted(self.model.lists.items(), key=lambda each: each[0])))

    @precondition(lambda self: len(self.model.people) > 2 and self.model.ticks > 8)
    @rule(place=places)
    def erase_somebody(self, place: int) -> None:
        if (gone := PEOPLE[place]) not in self.model.people:
            return
        self.run_(self.stores.removal.erase(gone))
        self.model.erase(gone)
        self.held.pop(gone, None)
        assert self.run_(self.stores.tables_with(gone)) == []

    @invariant()
    def everything_is_as_in_the_reference(self) -> None:
        self.run_(self._compare())

    async def _compare(self) -> None:
        model = self.model
        for each in model.people:
            await self._compare_relations(each)
            await self._compare_sources(each)
        await self._compare_lists()
        assert await drifts(self.stores.counters) == []

    async def _compare_relations(self, me: int) -> None:
        model, graph, relations = self.model, self.stores.graph, self.stores.relations
        following = of(model.follows, lambda pair: pair[1] if pair[0] == me else None)
        followers = of(model.follows, lambda pair: pair[0] if pair[1] == me else None)
        mutes = {pair: began for pair, (began, _) in model.mutes.items() if model.is_muting(*pair)}
        assert await walked(graph.following, me) == following
        assert await walked(graph.followers, me) == followers
        assert await graph.counts([me]) == [Counts(len(followers), len(following))]
        assert await walked(relations.blocks, me) == of(model.blocks, lambda p: p[1] if p[0] == me else None)
        assert await walked(relations.mutes, me) == of(mutes, lambda p: p[1] if p[0] == me else None)
        assert await walked(relations.requests, me) == of(model.requests, lambda p: p[0] if p[1] == me else None)
        others = [other for other in PEOPLE if other != me]
        assert list(await relations.standings(me, others)) == [model.bits(me, other) for other in others]

    async def _compare_sources(self, viewer: int) -> None:
        """Hold what a reader knows: unchanged only if it is so, versions that never fall, and rise for a newcomer."""
        expected, held = self.model.sources(viewer), self.held.get(viewer)
        fresh = await self.stores.graph.sources(viewer, if_version_not=None)
        assert sorted(fresh.ids or ()) == expected
        assert fresh.valid_until_ms == self.model.next_end(viewer)
        if held is not None:
            again = await self.stores.graph.sources(viewer, if_version_not=held.sources_version)
            assert again.ids is not None or sorted(held.ids or ()) == expected
            assert fresh.sources_version >= held.sources_version
            assert fresh.follow_version >= held.follow_version
            if set(expected) - set(held.ids or ()):
                assert fresh.follow_version > held.follow_version
        self.held[viewer] = fresh

    async def _compare_lists(self) -> None:
        model, store = self.model, self.stores.lists
        found = await store.get_many(list(model.lists))
        assert {list_id: (each.owner, each.private) for list_id, each in model.lists.items()} == {
            list_id: (each.owner_id, each.private) for list_id, each in found.items()
        }
        for list_id, each in model.lists.items():
            assert await walked(store.members, list_id) == newest(each.members)
            assert await walked(store.followers, list_id) == newest(each.followers)
            assert (found[list_id].members, found[list_id].followers) == (len(each.members), len(each.followers))
        for me in model.people:
            on = {list_id: each.members[me] for list_id, each in model.lists.items() if me in each.members}
            followed = {list_id: each.followers[me] for list_id, each in model.lists.items() if me in each.followers}
            standing = [each for each in await walked(store.memberships, me) if each in model.lists]
            assert standing == newest(on)
            assert [each for each in await walked(store.followed, me) if each in model.lists] == newest(followed)
            owned = sorted((list_id for list_id, each in model.lists.items() if each.owner == me), reverse=True)
            assert await walked(store.owned, me) == owned

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()
            self.runner.close()


async def walked(read: Read, owner: int) -> list[int]:
    """A list to its end, two at a time."""
    found: list[int] = []
    below = MAX_ID
    while some := await read(owner, below=below, limit=2):
        found.extend(each.id for each in some)
        below = some[-1].position
    return found


TestGraph = Graph.TestCase
TestGraph.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
