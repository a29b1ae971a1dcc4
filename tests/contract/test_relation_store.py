"""What every adapter of RelationStore promises, and what GraphStore does with blocks, mutes and requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import pytest
from tests.graph.stores import Stores

from aviary.clock import Clock
from aviary.errors import Conflict, Forbidden, NotFound
from aviary.events.v1 import events_pb2 as pb
from aviary.graph.lists.store import ListStore
from aviary.graph.relations.store import RelationStore
from aviary.graph.store import Change, Counts, GraphStore, Placed, Sources
from aviary.ids import MAX_ID
from aviary.rpc.call import Claim
from aviary.standing import Standing

ADA, BOB, CYD, DAN = 1, 2, 3, 4
HOUR_MS = 3_600_000
REQUESTED, FOLLOWED = pb.EVENT_TYPE_FOLLOW_REQUESTED, pb.EVENT_TYPE_FOLLOWED
CLOSED, UNFOLLOWED = pb.EVENT_TYPE_FOLLOW_REQUEST_CLOSED, pb.EVENT_TYPE_UNFOLLOWED


@dataclass(frozen=True, slots=True)
class Kept:
    """The stores of one graph, and the log of what they commit."""

    stores: Stores
    graph: GraphStore
    relations: RelationStore
    lists: ListStore
    clock: Clock

    async def counts(self, *people: int) -> list[Counts]:
        await self.stores.settle()
        return list(await self.graph.counts(people))

    async def follow(self, follower: int, followee: int, *, protected: bool = False) -> Change:
        return await self.graph.follow(follower, followee, protected=protected, claim=None)

    async def mute(self, owner: int, member: int, *, for_ms: int = 0) -> bool:
        until_ms = self.clock.now_ms() + for_ms if for_ms else 0
        return await self.relations.mute(owner, member, until_ms=until_ms, claim=None)

    async def sources(self, viewer: int, *, held: int | None = None) -> Sources:
        return await self.graph.sources(viewer, if_version_not=held)

    async def standing(self, viewer: int, other: int) -> Standing:
        (standing,) = await self.relations.standings(viewer, [other])
        return standing

    async def happened(self) -> list[tuple[int, int, int, int]]:
        """Each event as (type, whose relation, to whom, who did it)."""
        return [(event.type, event.entity_id, event.target_id, event.actor_id) for event in await self.stores.events()]


@pytest.fixture
async def kept(graph_stores: Stores, clock: Clock) -> Kept:
    return Kept(graph_stores, graph_stores.graph, graph_stores.relations, graph_stores.lists, clock)


def claim(key: str, body: bytes = b"body") -> Claim:
    return Claim(caller="1", rpc="/block", key=key, body=body)


async def named(places: Awaitable[Sequence[Placed]]) -> list[int]:
    return [each.id for each in await places]


async def test_a_protected_account_is_asked_and_nothing_else_changes(kept: Kept) -> None:
    assert await kept.follow(ADA, BOB, protected=True) == Change(changed=True, requested=True)
    assert await kept.follow(ADA, BOB, protected=True) == Change(changed=False, requested=True)

    assert await kept.relations.asks(ADA, BOB)
    assert not await kept.relations.asks(BOB, ADA)
    assert await named(kept.relations.requests(BOB, below=MAX_ID, limit=5)) == [ADA]
    assert await kept.counts(ADA, BOB) == [Counts(0, 0), Counts(0, 0)]
    assert await kept.standing(ADA, BOB) == Standing(0)
    assert await kept.happened() == [(REQUESTED, ADA, BOB, ADA)]


async def test_a_settled_key_answers_as_it_did_first_also_after_acceptance(kept: Kept) -> None:
    first = await kept.graph.follow(ADA, BOB, protected=True, claim=claim("k"))
    await kept.relations.accept(BOB, ADA, claim=None)

    assert first == Change(changed=True, requested=True)
    assert await kept.graph.follow(ADA, BOB, protected=True, claim=claim("k")) == Change(changed=False, requested=True)
    assert await kept.follow(ADA, BOB, protected=True) == Change(changed=False, requested=False)


async def test_acceptance_makes_the_follow_with_all_that_belongs_to_it(kept: Kept) -> None:
    await kept.follow(ADA, BOB, protected=True)
    before = await kept.sources(ADA)

    assert await kept.relations.accept(BOB, ADA, claim=None)
    assert not await kept.relations.accept(BOB, ADA, claim=None)
    assert not await kept.relations.asks(ADA, BOB)
    assert await kept.counts(ADA, BOB) == [Counts(0, 1), Counts(1, 0)]
    after = await kept.sources(ADA)
    assert sorted(after.ids or ()) == [ADA, BOB]
    assert after.follow_version > before.follow_version
    assert await kept.happened() == [(REQUESTED, ADA, BOB, ADA), (FOLLOWED, ADA, BOB, BOB)]


async def test_whoever_does_not_ask_is_neither_accepted_nor_denied(kept: Kept) -> None:
    await kept.follow(ADA, BOB, protected=True)
    await kept.relations.deny(BOB, ADA, claim=claim("k"))

    assert not await kept.relations.deny(BOB, ADA, claim=claim("k"))
    for answer in (kept.relations.accept, kept.relations.deny):
        with pytest.raises(NotFound, match=f"user {ADA} does not ask to follow user {BOB}"):
            await answer(BOB, ADA, claim=None)
    assert await kept.happened() == [(REQUESTED, ADA, BOB, ADA), (CLOSED, ADA, BOB, BOB)]


async def test_a_request_can_be_withdrawn_and_made_anew(kept: Kept) -> None:
    await kept.follow(ADA, BOB, protected=True)
    assert (await kept.graph.unfollow(ADA, BOB)).changed
    assert not (await kept.graph.unfollow(ADA, BOB)).changed

    assert (await kept.follow(ADA, BOB, protected=True)).changed
    assert await kept.happened() == [
        (REQUESTED, ADA, BOB, ADA),
        (CLOSED, ADA, BOB, ADA),
        (REQUESTED, ADA, BOB, ADA),
    ]


async def test_a_follow_of_whoever_turned_public_answers_the_request(kept: Kept) -> None:
    await kept.follow(ADA, BOB, protected=True)

    assert await kept.follow(ADA, BOB) == Change(changed=True)
    assert not await kept.relations.asks(ADA, BOB)


async def test_fifty_who_ask_follow_accept_and_leave_at_once_are_counted_right(kept: Kept) -> None:
    async def act(number: int) -> None:
        for step in range(number, number + 6):
            if step % 3 == 0:
                await kept.follow(ADA, BOB, protected=step % 2 == 0)
            elif step % 3 == 1:
                await kept.graph.unfollow(ADA, BOB)
            else:
                await asyncio.gather(kept.relations.accept(BOB, ADA, claim=None), return_exceptions=True)

    await asyncio.gather(*(act(number) for number in range(50)))

    (following,) = await kept.graph.are_following([(ADA, BOB)])
    assert await kept.counts(ADA, BOB) == [Counts(0, int(following)), Counts(int(following), 0)]
    assert not (following and await kept.relations.asks(ADA, BOB))
    kinds = [kind for kind, *_ in await kept.happened()]
    assert kinds.count(FOLLOWED) - kinds.count(UNFOLLOWED) == int(following)


async def test_a_block_ends_in_one_commit_all_that_was_between_the_two(kept: Kept) -> None:
    await kept.follow(ADA, BOB)
    await kept.follow(BOB, ADA)
    await kept.follow(BOB, CYD)
    of_ada, _ = await kept.lists.create(ADA, name="a", description="", private=False, claim=None)
    of_bob, _ = await kept.lists.create(BOB, name="b", description="", private=False, claim=None)
    for list_id, user in ((of_ada, BOB), (of_bob, ADA), (of_ada, CYD)):
        await kept.lists.add_member(list_id, user, claim=None)
    await kept.lists.follow(of_ada, BOB, claim=None)
    known = len(await kept.happened())

    assert await kept.relations.block(ADA, BOB, claim=None)
    assert not await kept.relations.block(ADA, BOB, claim=None)
    assert await kept.standing(ADA, BOB) == Standing.BLOCKING
    assert await kept.standing(BOB, ADA) == Standing.BLOCKED_BY
    assert await kept.counts(ADA, BOB, CYD) == [Counts(0, 0), Counts(0, 1), Counts(1, 0)]
    assert await named(kept.lists.members(of_ada, below=MAX_ID, limit=5)) == [CYD]
    assert await named(kept.lists.members(of_bob, below=MAX_ID, limit=5)) == []
    assert await named(kept.lists.followers(of_ada, below=MAX_ID, limit=5)) == []
    kinds = [kind for kind, *_ in (await kept.happened())[known:]]
    assert sorted(kinds) == [UNFOLLOWED, UNFOLLOWED, pb.EVENT_TYPE_BLOCKED, *[pb.EVENT_TYPE_LIST_CHANGED] * 3]


async def test_a_block_closes_requests_both_ways(kept: Kept) -> None:
    await kept.follow(ADA, BOB, protected=True)
    await kept.follow(BOB, ADA, protected=True)
    await kept.relations.block(ADA, BOB, claim=None)

    assert not await kept.relations.asks(ADA, BOB)
    assert not await kept.relations.asks(BOB, ADA)
    with pytest.raises(NotFound):
        await kept.relations.accept(ADA, BOB, claim=None)


@pytest.mark.parametrize("protected", [False, True])
async def test_neither_follows_the_other_past_a_block(kept: Kept, protected: bool) -> None:
    await kept.relations.block(ADA, BOB, claim=None)

    for one, other in ((ADA, BOB), (BOB, ADA)):
        with pytest.raises(Forbidden, match="one of them blocks the other"):
            await kept.follow(one, other, protected=protected)
    assert await kept.relations.unblock(ADA, BOB)
    assert not await kept.relations.unblock(ADA, BOB)
    assert (await kept.follow(BOB, ADA, protected=protected)).changed


async def test_of_a_follow_and_a_block_at_once_no_follow_is_left(kept: Kept) -> None:
    follows = [kept.follow(follower, ADA) for follower in range(10, 40)]
    blocks = [kept.relations.block(ADA, follower, claim=None) for follower in range(10, 40)]
    mixed = [each for pair in zip(follows, blocks, strict=True) for each in pair]
    await asyncio.gather(*mixed[::2], *mixed[1::2], return_exceptions=True)

    assert await kept.counts(ADA) == [Counts(0, 0)]
    assert await named(kept.graph.followers(ADA, below=MAX_ID, limit=50)) == []
    assert len(await named(kept.relations.blocks(ADA, below=MAX_ID, limit=50))) == 30


async def test_a_removed_follower_is_gone_by_the_doing_of_the_followed(kept: Kept) -> None:
    await kept.follow(BOB, ADA)

    assert (await kept.graph.remove_follower(ADA, BOB)).changed
    assert not (await kept.graph.remove_follower(ADA, BOB)).changed
    assert await kept.counts(ADA, BOB) == [Counts(0, 0), Counts(0, 0)]
    assert (await kept.happened())[-1] == (UNFOLLOWED, BOB, ADA, ADA)


async def test_a_mute_takes_somebody_out_of_the_sources_until_it_is_lifted(kept: Kept) -> None:
    await kept.follow(ADA, BOB)
    followed = await kept.sources(ADA)

    assert await kept.mute(ADA, BOB)
    assert not await kept.mute(ADA, BOB)
    muted = await kept.sources(ADA, held=followed.sources_version)
    assert (muted.ids, muted.valid_until_ms) == ([ADA], 0)
    assert muted.follow_version == followed.follow_version
    assert await kept.standing(ADA, BOB) == Standing.FOLLOWING | Standing.MUTING
    assert await kept.standing(BOB, ADA) == Standing.FOLLOWED_BY

    assert await kept.relations.unmute(ADA, BOB)
    assert not await kept.relations.unmute(ADA, BOB)
    lifted = await kept.sources(ADA, held=muted.sources_version)
    assert sorted(lifted.ids or ()) == [ADA, BOB]
    assert lifted.follow_version > muted.follow_version


async def test_the_end_of_a_mute_raises_both_versions_though_nobody_writes(kept: Kept) -> None:
    await kept.follow(ADA, BOB)
    await kept.mute(ADA, BOB, for_ms=HOUR_MS)
    muted = await kept.sources(ADA)
    assert muted.valid_until_ms > kept.clock.now_ms()

    kept.clock.advance(HOUR_MS)
    ended = await kept.sources(ADA, held=muted.sources_version)
    assert sorted(ended.ids or ()) == [ADA, BOB]
    assert ended.valid_until_ms == 0
    assert ended.follow_version > muted.follow_version
    assert await kept.standing(ADA, BOB) == Standing.FOLLOWING
    assert not await kept.relations.unmute(ADA, BOB)


async def test_whatever_meets_a_mute_that_has_ended_leaves_what_readers_saw_of_it(kept: Kept) -> None:
    await kept.follow(ADA, BOB)
    await kept.mute(ADA, BOB, for_ms=HOUR_MS)
    await kept.mute(ADA, CYD, for_ms=HOUR_MS)
    kept.clock.advance(HOUR_MS)
    seen = await kept.sources(ADA)

    await kept.relations.unmute(ADA, BOB)
    assert (await kept.sources(ADA, held=seen.sources_version)).ids is None
    await kept.mute(ADA, BOB)
    again = await kept.sources(ADA, held=seen.sources_version)
    assert again.ids == [ADA]
    assert again.follow_version >= seen.follow_version


async def test_a_mute_takes_over_a_new_end_and_keeps_its_place(kept: Kept) -> None:
    await kept.mute(ADA, BOB)
    await kept.mute(ADA, CYD)
    assert await kept.mute(ADA, BOB, for_ms=HOUR_MS)

    assert await named(kept.relations.mutes(ADA, below=MAX_ID, limit=5)) == [CYD, BOB]
    kept.clock.advance(HOUR_MS)
    assert await named(kept.relations.mutes(ADA, below=MAX_ID, limit=5)) == [CYD]
    await kept.mute(ADA, BOB)
    assert await named(kept.relations.mutes(ADA, below=MAX_ID, limit=5)) == [BOB, CYD]


async def test_each_write_has_one_event_and_a_repeat_has_none(kept: Kept) -> None:
    for _ in range(2):
        await kept.relations.block(ADA, BOB, claim=None)
        await kept.mute(ADA, CYD)
    for _ in range(2):
        await kept.relations.unblock(ADA, BOB)
        await kept.relations.unmute(ADA, CYD)

    assert await kept.happened() == [
        (pb.EVENT_TYPE_BLOCKED, ADA, BOB, ADA),
        (pb.EVENT_TYPE_MUTED, ADA, CYD, ADA),
        (pb.EVENT_TYPE_UNBLOCKED, ADA, BOB, ADA),
        (pb.EVENT_TYPE_UNMUTED, ADA, CYD, ADA),
    ]
    versions = [event.version for event in await kept.stores.events()]
    assert versions == sorted(set(versions))


async def test_a_settled_key_neither_blocks_nor_mutes_again(kept: Kept) -> None:
    assert await kept.relations.block(ADA, BOB, claim=claim("k"))
    await kept.relations.unblock(ADA, BOB)

    assert not await kept.relations.block(ADA, BOB, claim=claim("k"))
    assert await kept.standing(ADA, BOB) == Standing(0)
    with pytest.raises(Conflict):
        await kept.relations.block(ADA, CYD, claim=claim("k", b"cyd"))


async def test_standings_come_in_the_order_asked_for_repeats_included(kept: Kept) -> None:
    await kept.follow(ADA, BOB)
    await kept.follow(CYD, ADA)
    await kept.mute(ADA, DAN, for_ms=HOUR_MS)

    found = await kept.relations.standings(ADA, [DAN, BOB, 99, CYD, BOB])
    assert list(found) == [
        Standing.MUTING,
        Standing.FOLLOWING,
        Standing(0),
        Standing.FOLLOWED_BY,
        Standing.FOLLOWING,
    ]
