"""The graph as its callers meet it, over a real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from grpc import StatusCode
from tests.rpc.serving import Person, Serving, refusal, serving

from aviary import ids
from aviary.api.graph.v1 import graph_pb2 as pb
from aviary.settings import Settings


@pytest.fixture
async def served(settings: Settings) -> AsyncIterator[Serving]:
    async with serving(settings, workers=False) as running:
        yield running


async def relationship(person: Person, one: Person, other: Person) -> pb.Relationship:
    request = pb.GetRelationshipRequest(id=one.id, target_id=other.id)
    return await person.clients.graph.GetRelationship(request, metadata=person.signed)


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
