"""Blocks, mutes and follow requests as their callers meet them, over a real gRPC server."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.graph.asking import (
    Method,
    block,
    deactivate,
    followers,
    following,
    mute,
    protect,
    refused,
    relationship,
    suspend,
    walked,
)
from tests.rpc.serving import Person, Serving, refusal

from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1 import relations_pb2 as pb
from aviary.clock import Clock
from aviary.ids import MAX_ID

HOUR_MS = 3_600_000
LAST_S = 253_402_300_799


async def blocks(person: Person) -> list[int]:
    return await walked(person.clients.relations.ListBlocks, pb.ListOwnRequest(), person)


async def mutes(person: Person) -> list[int]:
    return await walked(person.clients.relations.ListMutes, pb.ListOwnRequest(), person)


async def requests(person: Person) -> list[int]:
    return await walked(person.clients.relations.ListFollowRequests, pb.ListOwnRequest(), person)


async def mutuals(person: Person, other: Person) -> list[int]:
    request = graph_pb2.ListFollowsRequest(id=other.id)
    return await walked(person.clients.relations.ListMutuals, request, person)


async def test_blocks_and_mutes_answer_with_the_state_however_often(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    relations = ada.clients.relations

    for _ in range(2):
        assert (await relations.Block(pb.BlockRequest(id=bob.id), metadata=ada.signed)).blocking
        assert (await relations.Mute(pb.MuteRequest(id=bob.id), metadata=ada.signed)).muting
    assert (await blocks(ada), await mutes(ada)) == ([bob.id], [bob.id])
    assert (await blocks(bob), await mutes(bob)) == ([], [])
    for _ in range(2):
        assert not (await relations.Unblock(pb.UnblockRequest(id=bob.id), metadata=ada.signed)).blocking
        assert not (await relations.Unmute(pb.UnmuteRequest(id=bob.id), metadata=ada.signed)).muting
    assert (await blocks(ada), await mutes(ada)) == ([], [])


def everything_about(person: Person, other_id: int) -> list[tuple[Method, Message]]:
    """Each call that names one other person."""
    relations = person.clients.relations
    return [
        (relations.Block, pb.BlockRequest(id=other_id)),
        (relations.Unblock, pb.UnblockRequest(id=other_id)),
        (relations.Mute, pb.MuteRequest(id=other_id)),
        (relations.Unmute, pb.UnmuteRequest(id=other_id)),
        (relations.RemoveFollower, pb.RemoveFollowerRequest(id=other_id)),
    ]


async def test_nobody_does_any_of_it_to_themselves(served: Serving) -> None:
    (ada,) = await served.register("ada")
    verbs = ["block", "unblock", "mute", "unmute", "remove"]

    for verb, (method, request) in zip(verbs, everything_about(ada, ada.id), strict=True):
        error = await refusal(method(request, metadata=ada.signed))
        assert (error.code(), error.details()) == (
            StatusCode.INVALID_ARGUMENT,
            f"user {ada.id} cannot {verb} themselves",
        )


@pytest.mark.parametrize("nobody", [0, -1, 12345, MAX_ID])
async def test_whom_there_is_not_is_not_found(served: Serving, nobody: int) -> None:
    (ada,) = await served.register("ada")
    relations = ada.clients.relations
    others: list[tuple[Method, Message]] = [
        (relations.ListMutuals, graph_pb2.ListFollowsRequest(id=nobody)),
        (relations.AcceptFollowRequest, pb.AnswerFollowRequestRequest(id=nobody)),
        (relations.DenyFollowRequest, pb.AnswerFollowRequestRequest(id=nobody)),
    ]

    for method, request in everything_about(ada, nobody) + others:
        assert await refused(method, request, ada.signed) is StatusCode.NOT_FOUND


async def test_whoever_is_hidden_cannot_be_blocked_or_muted_but_be_let_go(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await block(ada, bob)
    await mute(ada, bob)
    await suspend(served, bob)
    await suspend(served, cyd)
    codes = [StatusCode.NOT_FOUND, None, StatusCode.NOT_FOUND, None, None]

    assert (await blocks(ada), await mutes(ada)) == ([], [])
    for code, (method, request) in zip(codes, everything_about(ada, bob.id), strict=True):
        if code is None:
            await method(request, metadata=ada.signed)
        else:
            assert await refused(method, request, ada.signed) is code


@pytest.mark.parametrize("seconds", [-1, 0, 1, LAST_S + 1, 2**62, -(2**62)])
async def test_a_mute_cannot_end_in_the_past_or_beyond_the_calendar(served: Serving, seconds: int) -> None:
    ada, bob = await served.register("ada", "bob")
    request = pb.MuteRequest(id=bob.id)
    request.expires_at.seconds = seconds

    assert await refused(ada.clients.relations.Mute, request, ada.signed) is StatusCode.INVALID_ARGUMENT
    assert await mutes(ada) == []


@pytest.mark.parametrize("nanos", [-1, 1_000_000_000])
async def test_a_mute_needs_a_proper_moment(served: Serving, nanos: int) -> None:
    ada, bob = await served.register("ada", "bob")
    request = pb.MuteRequest(id=bob.id)
    request.expires_at.seconds, request.expires_at.nanos = LAST_S, nanos

    assert await refused(ada.clients.relations.Mute, request, ada.signed) is StatusCode.INVALID_ARGUMENT


async def test_a_mute_ends_by_business_time_and_can_last_to_the_end_of_the_calendar(
    served: Serving, clock: Clock
) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await mute(ada, bob, until_ms=clock.now_ms() + HOUR_MS)
    await mute(ada, cyd, until_ms=LAST_S * 1_000)
    assert await mutes(ada) == [cyd.id, bob.id]

    clock.advance(HOUR_MS)
    assert await mutes(ada) == [cyd.id]
    assert not (await relationship(ada, ada, bob)).muting


async def test_requests_wait_newest_first_and_are_answered_one_by_one(served: Serving) -> None:
    ada, bob, cyd, dan = await served.register("ada", "bob", "cyd", "dan")
    await protect(ada)
    for fan in (bob, cyd, dan):
        await fan.follow(ada)
    assert await requests(ada) == [dan.id, cyd.id, bob.id]
    relations = ada.clients.relations

    for _ in range(2):
        await relations.AcceptFollowRequest(pb.AnswerFollowRequestRequest(id=bob.id), metadata=ada.signed)
    deny = pb.AnswerFollowRequestRequest(id=cyd.id)
    await relations.DenyFollowRequest(deny, metadata=ada.signed)
    assert await refused(relations.DenyFollowRequest, deny, ada.signed) is StatusCode.NOT_FOUND
    assert await requests(ada) == [dan.id]
    assert await followers(ada, ada) == [bob.id]
    state = await relationship(cyd, cyd, ada)
    assert (state.following, state.requested) == (False, False)


async def test_only_whoever_is_asked_answers(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await protect(ada)
    await bob.follow(ada)
    answer = pb.AnswerFollowRequestRequest(id=bob.id)

    for method in (cyd.clients.relations.AcceptFollowRequest, cyd.clients.relations.DenyFollowRequest):
        assert await refused(method, answer, cyd.signed) is StatusCode.NOT_FOUND
    assert await requests(ada) == [bob.id]


async def test_requests_of_the_hidden_wait_out_of_sight(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await protect(ada)
    await bob.follow(ada)
    await cyd.follow(ada)
    await deactivate(cyd)

    assert await requests(ada) == [bob.id]


async def test_accepting_fifty_times_at_once_is_one_follow(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await protect(ada)
    await bob.follow(ada)
    answer = pb.AnswerFollowRequestRequest(id=bob.id)

    await asyncio.gather(*(ada.clients.relations.AcceptFollowRequest(answer, metadata=ada.signed) for _ in range(50)))
    counts = await served.clients.graph.BatchGetCounts(
        graph_pb2.BatchGetCountsRequest(ids=[ada.id, bob.id]), metadata=served.as_operator()
    )
    assert [(each.follower_count, each.following_count) for each in counts.counts] == [(1, 0), (0, 1)]


async def test_a_removed_follower_may_follow_again(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    await bob.follow(ada)
    for _ in range(2):
        request = pb.RemoveFollowerRequest(id=bob.id)
        await ada.clients.relations.RemoveFollower(request, metadata=ada.signed)

    assert await following(bob, bob) == []
    await bob.follow(ada)
    assert await followers(ada, ada) == [bob.id]


async def test_mutuals_are_the_callers_own_in_the_order_of_the_callers_follows(served: Serving) -> None:
    ada, star, *others = await served.register("ada", "star", "bob", "cyd", "dan", "eve")
    bob, cyd, dan, eve = others
    await ada.follow(cyd, bob, dan, eve)
    for fan in (bob, cyd, dan):
        await fan.follow(star)
    assert await mutuals(ada, star) == [dan.id, bob.id, cyd.id]

    await suspend(served, dan)
    assert await mutuals(ada, star) == [bob.id, cyd.id]
    await protect(star)
    request = graph_pb2.ListFollowsRequest(id=star.id)
    assert await refused(ada.clients.relations.ListMutuals, request, ada.signed) is StatusCode.NOT_FOUND
    assert await mutuals(star, star) == []


async def test_a_cursor_belongs_to_its_list_and_its_caller(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await block(ada, bob, cyd)
    page = await ada.clients.relations.ListBlocks(pb.ListOwnRequest(limit=1), metadata=ada.signed)
    foreign = pb.ListOwnRequest(limit=1, cursor=page.pagination.next_cursor)

    assert page.pagination.has_more
    assert await refused(ada.clients.relations.ListMutes, foreign, ada.signed) is StatusCode.INVALID_ARGUMENT
    assert await refused(bob.clients.relations.ListBlocks, foreign, bob.signed) is StatusCode.INVALID_ARGUMENT


async def test_standings_are_asked_for_five_thousand_people_at_most(served: Serving) -> None:
    request = pb.GetStandingsRequest(viewer_id=1, user_ids=b"\x01" + b"\0" * (8 * 5_001 - 1))
    error = await refusal(served.clients.relations.GetStandings(request, metadata=served.as_operator()))

    assert (error.code(), error.details()) == (StatusCode.INVALID_ARGUMENT, "5001 user_ids; the limit is 5,000")
