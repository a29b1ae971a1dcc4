"""The graph as its callers meet it, over a real gRPC server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from grpc import StatusCode
from tests.graph.asking import (
    block,
    deactivate,
    followers,
    following,
    mute,
    protect,
    refused,
    relationship,
    suspend,
)
from tests.rpc.serving import Serving, refusal, serving

from aviary import ids
from aviary.api.graph.v1 import graph_pb2 as pb
from aviary.clock import Clock
from aviary.settings import Settings

HOUR_MS = 3_600_000


async def test_following_and_unfollowing_answer_with_the_state(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    follow, unfollow = pb.FollowRequest(id=bob.id), pb.UnfollowRequest(id=bob.id)

    for _ in range(2):
        assert (await ada.clients.graph.Follow(follow, metadata=ada.signed)).following
    for _ in range(2):
        assert not (await ada.clients.graph.Unfollow(unfollow, metadata=ada.signed)).following


async def test_nobody_follows_or_unfollows_themselves(served: Serving) -> None:
    (ada,) = await served.register("ada")
    follow = await refusal(ada.clients.graph.Follow(pb.FollowRequest(id=ada.id), metadata=ada.signed))
    unfollow = await refusal(ada.clients.graph.Unfollow(pb.UnfollowRequest(id=ada.id), metadata=ada.signed))

    assert (follow.code(), follow.details()) == (
        StatusCode.INVALID_ARGUMENT,
        f"user {ada.id} cannot follow themselves",
    )
    assert unfollow.code() is StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("nobody", [0, -1, 12345])
async def test_whom_there_is_not_is_not_found(served: Serving, nobody: int) -> None:
    (ada,) = await served.register("ada")
    graph = ada.clients.graph
    for call in (
        graph.Follow(pb.FollowRequest(id=nobody), metadata=ada.signed),
        graph.Unfollow(pb.UnfollowRequest(id=nobody), metadata=ada.signed),
        graph.ListFollowers(pb.ListFollowsRequest(id=nobody), metadata=ada.signed),
        graph.ListFollowing(pb.ListFollowsRequest(id=nobody), metadata=ada.signed),
        graph.GetRelationship(pb.GetRelationshipRequest(id=ada.id, target_id=nobody), metadata=ada.signed),
    ):
        assert (await refusal(call)).code() is StatusCode.NOT_FOUND


async def test_a_relationship_is_told_both_ways_and_its_private_half_to_oneself(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)

    own = await relationship(ada, ada, bob)
    assert (own.following, own.followed_by, own.HasField("muting"), own.muting) == (True, False, True, False)
    other = await relationship(ada, bob, ada)
    assert (other.following, other.followed_by, other.HasField("muting")) == (False, True, False)


@pytest.mark.parametrize("size", [0, 1, 2, 100])
async def test_followers_are_streamed_packed_oldest_first_after_their_count(served: Serving, size: int) -> None:
    ada, *others = await served.register("ada", "bob", "cyd", "dan")
    for other in others:
        await other.follow(ada)
    request = pb.StreamFollowersRequest(user_id=ada.id, page_size=size)
    first, *pieces = [
        piece async for piece in ada.clients.graph.StreamFollowers(request, metadata=served.as_operator())
    ]

    assert (first.follower_count, first.ids) == (3, b"")
    assert [each for piece in pieces for each in ids.unpack(piece.ids)] == [other.id for other in others]
    assert all(len(ids.unpack(piece.ids)) <= (size or 1_000) for piece in pieces)


@pytest.mark.parametrize("most", [0, 1, 100])
async def test_followers_of_several_come_at_once_where_they_are_few(served: Serving, most: int) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await bob.follow(ada)
    await cyd.follow(ada, bob)
    request = pb.BatchGetFollowersRequest(ids=[cyd.id, ada.id, bob.id], most=most)
    answer = await served.clients.graph.BatchGetFollowers(request, metadata=served.as_operator())

    expected = [set[int](), {bob.id, cyd.id}, {cyd.id}]
    assert [each.follower_count for each in answer.followers] == [0, 2, 1]
    assert [set(ids.unpack(each.ids)) for each in answer.followers] == [
        each if len(each) <= most else set() for each in expected
    ]


@pytest.mark.parametrize(("asked", "most"), [(201, 1), (1, -1), (1, 10_001)])
async def test_followers_of_several_have_bounds(served: Serving, asked: int, most: int) -> None:
    request = pb.BatchGetFollowersRequest(ids=range(1, asked + 1), most=most)
    error = await refusal(served.clients.graph.BatchGetFollowers(request, metadata=served.as_operator()))
    assert error.code() is StatusCode.INVALID_ARGUMENT


async def test_sources_are_sent_again_only_when_they_changed(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    graph = served.clients.graph

    first = await graph.GetSources(pb.GetSourcesRequest(viewer_id=ada.id), metadata=served.as_operator())
    assert set(ids.unpack(first.ids)) == {ada.id, bob.id}
    held = pb.GetSourcesRequest(viewer_id=ada.id, if_version_not=first.sources_version)
    again = await graph.GetSources(held, metadata=served.as_operator())
    assert (again.unchanged, again.ids) == (True, b"")

    await ada.unfollow(bob)
    changed = await graph.GetSources(held, metadata=served.as_operator())
    assert (changed.unchanged, list(ids.unpack(changed.ids))) == (False, [ada.id])
    assert changed.follow_version == first.follow_version


async def test_a_repeat_under_a_key_costs_the_limit_once(settings: Settings) -> None:
    async with serving(replace(settings, limits="on"), workers=False) as served:
        ada, bob, cyd = await served.register("ada", "bob", "cyd")
        await protect(cyd)
        left = []
        for request in (
            pb.FollowRequest(id=bob.id, request_id="k"),
            pb.FollowRequest(id=bob.id, request_id="k"),
            pb.FollowRequest(id=bob.id),
            pb.FollowRequest(id=cyd.id),
            pb.FollowRequest(id=cyd.id),
        ):
            call = ada.clients.graph.Follow(request, metadata=ada.signed)
            await call
            sent = {**dict(await call.initial_metadata()), **dict(await call.trailing_metadata())}
            left.append(int(sent["x-ratelimit-remaining"]))
        assert left == [999, 999, 999, 998, 998]


async def test_a_protected_account_is_asked_and_following_waits_for_its_answer(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await protect(bob)
    for _ in range(2):
        answer = await ada.clients.graph.Follow(pb.FollowRequest(id=bob.id), metadata=ada.signed)
        assert (answer.following, answer.requested) == (False, True)

    state = await relationship(ada, ada, bob)
    assert (state.following, state.requested) == (False, True)
    assert not (await relationship(bob, bob, ada)).requested
    withdrawn = await ada.clients.graph.Unfollow(pb.UnfollowRequest(id=bob.id), metadata=ada.signed)
    assert (withdrawn.following, withdrawn.requested) == (False, False)
    assert not (await relationship(ada, ada, bob)).requested


async def test_whoever_follows_already_stays_when_the_account_becomes_protected(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    await protect(bob)

    answer = await ada.clients.graph.Follow(pb.FollowRequest(id=bob.id), metadata=ada.signed)
    assert (answer.following, answer.requested) == (True, False)


async def test_requests_stay_when_the_account_turns_public_and_a_new_follow_is_one_at_once(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await protect(bob)
    await ada.follow(bob)
    await protect(bob, protected=False)
    assert (await relationship(ada, ada, bob)).requested

    answer = await ada.clients.graph.Follow(pb.FollowRequest(id=bob.id), metadata=ada.signed)
    assert (answer.following, answer.requested) == (True, False)
    assert not (await relationship(ada, ada, bob)).requested


async def test_nobody_follows_past_a_block_in_either_direction(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    await block(ada, bob)

    for one, other in ((ada, bob), (bob, ada)):
        assert not (await relationship(one, one, other)).following
        error = await refusal(one.clients.graph.Follow(pb.FollowRequest(id=other.id), metadata=one.signed))
        assert (error.code(), error.details()) == (
            StatusCode.PERMISSION_DENIED,
            f"user {one.id} cannot follow user {other.id}: one of them blocks the other",
        )


async def test_the_private_half_of_a_relationship_tells_blocks_and_mutes(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await mute(ada, bob)
    await block(ada, bob)

    own, others = await relationship(ada, ada, bob), await relationship(bob, bob, ada)
    assert (own.blocking, own.blocked_by, own.muting) == (True, False, True)
    assert (others.blocking, others.blocked_by, others.muting) == (False, True, False)


async def test_a_list_of_followers_leaves_out_whom_the_viewer_may_not_meet_and_stays_full(served: Serving) -> None:
    ada, star, *fans = await served.register("ada", "star", *(f"fan{number}" for number in range(9)))
    for fan in fans:
        await fan.follow(star)
        await star.follow(fan)
    await block(ada, fans[8], fans[7])
    await block(fans[5], ada)
    await suspend(served, fans[3])
    await deactivate(fans[2])
    left = [fans[each].id for each in (6, 4, 1, 0)]

    for limit in (1, 2, 3, 4, 100):
        assert await followers(ada, star, limit=limit) == left
        assert await following(ada, star, limit=limit) == left
    assert len(await followers(star, star, limit=100)) == 7


async def test_a_page_of_followers_is_full_with_95_of_100_blocked(served: Serving) -> None:
    ada, star = await served.register("ada", "star")
    fans = range(1_000, 1_100)
    await _plant(served, fans)
    await _follow_in_bulk(served, star.id, fans)
    await _block_in_bulk(served, ada.id, [fan for fan in fans if fan % 20])

    assert await followers(ada, star, limit=5) == [1_080, 1_060, 1_040, 1_020, 1_000]


async def test_the_follows_of_a_protected_account_are_for_its_followers(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await cyd.follow(bob)
    await bob.follow(cyd)
    await protect(bob)
    listing = pb.ListFollowsRequest(id=bob.id)

    for method in (ada.clients.graph.ListFollowers, ada.clients.graph.ListFollowing):
        assert await refused(method, listing, ada.signed) is StatusCode.NOT_FOUND
    assert await followers(cyd, bob) == await followers(bob, bob) == [cyd.id]
    assert await following(cyd, bob) == await following(bob, bob) == [cyd.id]


async def test_follows_are_not_found_across_a_block_nor_of_whoever_is_hidden(served: Serving) -> None:
    ada, bob, cyd, dan, eve = await served.register("ada", "bob", "cyd", "dan", "eve")
    await block(ada, bob)
    await block(cyd, ada)
    await suspend(served, dan)
    await deactivate(eve)

    for hidden in (bob, cyd, dan, eve):
        listing = pb.ListFollowsRequest(id=hidden.id)
        for method in (ada.clients.graph.ListFollowers, ada.clients.graph.ListFollowing):
            assert await refused(method, listing, ada.signed) is StatusCode.NOT_FOUND


async def test_whoever_is_hidden_can_be_left_but_not_followed(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    await suspend(served, bob)

    assert await refused(ada.clients.graph.Follow, pb.FollowRequest(id=bob.id), ada.signed) is StatusCode.NOT_FOUND
    await ada.unfollow(bob)
    sources = pb.GetSourcesRequest(viewer_id=ada.id)
    left = await ada.clients.graph.GetSources(sources, metadata=served.as_operator())
    assert list(ids.unpack(left.ids)) == [ada.id]


async def test_what_two_others_are_to_each_other_is_told_where_a_list_tells_it(served: Serving) -> None:
    ada, bob, cyd, dan = await served.register("ada", "bob", "cyd", "dan")
    await bob.follow(cyd)
    await protect(bob)
    assert (await relationship(ada, bob, cyd)).following
    await protect(cyd)

    for one, other in ((bob, cyd), (cyd, bob)):
        request = pb.GetRelationshipRequest(id=one.id, target_id=other.id)
        assert await refused(ada.clients.graph.GetRelationship, request, ada.signed) is StatusCode.NOT_FOUND
    assert (await relationship(bob, cyd, bob)).followed_by
    assert not (await relationship(ada, dan, cyd)).following


async def test_what_somebody_apart_is_to_another_is_not_told(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await bob.follow(cyd)
    await block(bob, ada)

    for one, other in ((bob, cyd), (cyd, bob)):
        request = pb.GetRelationshipRequest(id=one.id, target_id=other.id)
        assert await refused(ada.clients.graph.GetRelationship, request, ada.signed) is StatusCode.NOT_FOUND
    assert (await relationship(bob, bob, cyd)).following


async def test_a_mute_that_ends_gives_its_person_back_without_a_write(served: Serving, clock: Clock) -> None:
    ada, bob = await served.register("ada", "bob")
    await ada.follow(bob)
    ends_ms = clock.now_ms() + HOUR_MS
    await mute(ada, bob, until_ms=ends_ms)
    graph = served.clients.graph

    muted = await graph.GetSources(pb.GetSourcesRequest(viewer_id=ada.id), metadata=served.as_operator())
    assert (list(ids.unpack(muted.ids)), muted.valid_until_ms) == ([ada.id], ends_ms)
    held = pb.GetSourcesRequest(viewer_id=ada.id, if_version_not=muted.sources_version)
    same = await graph.GetSources(held, metadata=served.as_operator())
    assert (same.unchanged, same.valid_until_ms) == (True, ends_ms)

    clock.advance(HOUR_MS)
    ended = await graph.GetSources(held, metadata=served.as_operator())
    assert (ended.unchanged, set(ids.unpack(ended.ids))) == (False, {ada.id, bob.id})
    assert ended.follow_version > muted.follow_version


@pytest.mark.parametrize("size", [-1, 100_001])
async def test_a_piece_of_the_follower_stream_has_bounds(served: Serving, size: int) -> None:
    request = pb.StreamFollowersRequest(user_id=1, page_size=size)

    async def first() -> pb.FollowerIds:
        stream = served.clients.graph.StreamFollowers(request, metadata=served.as_operator())
        return await anext(aiter(stream))

    assert (await refusal(first())).code() is StatusCode.INVALID_ARGUMENT


async def test_counts_are_asked_for_a_thousand_people_at_most(served: Serving) -> None:
    error = await refusal(
        served.clients.graph.BatchGetCounts(
            pb.BatchGetCountsRequest(ids=range(1, 1_002)), metadata=served.as_operator()
        )
    )
    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, "1001 ids; the limit is 1,000")


async def _plant(served: Serving, user_ids: range) -> None:
    """Put people into the users' file, who need no password here."""
    statement = (
        "INSERT INTO users (id, username, username_key, email, email_key, password_hash, display_name, created_ms)"
        " VALUES (?1, 'u' || ?1, 'u' || ?1, 'u' || ?1, 'u' || ?1, x'', 'u' || ?1, 0)"
    )
    rows = [(user_id,) for user_id in user_ids]
    await served.database("users").write(lambda tx: tx.executemany(statement, rows))


async def _follow_in_bulk(served: Serving, followee: int, follower_ids: range) -> None:
    rows = [(follower, followee, follower) for follower in follower_ids]
    await served.database("graph").write(lambda tx: tx.executemany("INSERT INTO follows VALUES (?, ?, 1, ?)", rows))


async def _block_in_bulk(served: Serving, owner: int, member_ids: list[int]) -> None:
    rows = [(owner, member, member) for member in member_ids]
    await served.database("graph").write(lambda tx: tx.executemany("INSERT INTO bonds VALUES (1, ?, ?, 1, ?, 0)", rows))
