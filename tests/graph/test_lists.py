"""Lists of users as their callers meet them, over a real gRPC server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from tests.graph.asking import Method, block, make_list, mute, refused, suspend, walked
from tests.rpc.serving import Person, Serving, refusal

from aviary import ids
from aviary.api.graph.v1 import lists_pb2 as pb
from aviary.ids import MAX_ID


async def get(person: Person, list_id: int) -> pb.UserList:
    return await person.clients.lists.GetList(pb.GetListRequest(id=list_id), metadata=person.signed)


async def change(person: Person, list_id: int, **fields: Any) -> pb.UserList:
    request = pb.UpdateListRequest(id=list_id, **fields)
    return await person.clients.lists.UpdateList(request, metadata=person.signed)


async def follow(person: Person, list_id: int) -> None:
    await person.clients.lists.FollowList(pb.FollowListRequest(id=list_id), metadata=person.signed)


async def members(person: Person, list_id: int) -> list[int]:
    return await walked(person.clients.lists.ListListMembers, pb.ListListUsersRequest(id=list_id), person)


async def owned(person: Person, owner: Person | None = None) -> list[int]:
    request = pb.ListListsRequest(user_id=owner.id if owner else None)
    return await walked(person.clients.lists.ListOwnedLists, request, person, field="lists")


async def followed(person: Person) -> list[int]:
    return await walked(person.clients.lists.ListFollowedLists, pb.ListFollowedListsRequest(), person, field="lists")


async def memberships(person: Person, of: Person) -> list[int]:
    request = pb.ListMembershipsRequest(user_id=of.id)
    return await walked(person.clients.lists.ListMemberships, request, person, field="lists")


async def sources(served: Serving, viewer: Person, list_id: int) -> list[int]:
    request = pb.GetListSourcesRequest(list_id=list_id, viewer_id=viewer.id)
    return list(ids.unpack((await served.clients.lists.GetListSources(request, metadata=served.as_operator())).ids))


async def test_a_list_is_answered_as_it_is_read_later(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    request = pb.CreateListRequest(name="  cafe\u0301 ", description=" good ones ")
    made = await ada.clients.lists.CreateList(request, metadata=ada.signed)

    assert made == await get(ada, made.id) == await get(bob, made.id)
    assert (made.name, made.description, made.private, made.owner.username) == ("café", "good ones", False, "ada")
    assert (made.member_count, made.follower_count, made.is_following) == (0, 0, False)
    assert made.created_at.seconds > 0


@pytest.mark.parametrize(
    ("name", "description", "fields"),
    [
        ("", "", {"name": "name is empty; it must have 1 to 25 characters"}),
        (" \u200b ", "", {"name": "name is empty; it must have 1 to 25 characters"}),
        ("n" * 26, "d" * 101, {"name": "name has 26 characters; the limit is 25"}),
        ("ok", "d" * 101, {"description": "description has 101 characters; the limit is 100"}),
        ("a\nb", "", {"name": "name has the control character U+000A at 1; remove it"}),
        ("ok", "a\u202eb", {"description": "description has the control character U+202E at 1; remove it"}),
    ],
    ids=["empty", "blank", "long", "long description", "line break", "turning"],
)
async def test_what_a_list_cannot_be_called_is_refused_with_the_reason(
    served: Serving, name: str, description: str, fields: dict[str, str]
) -> None:
    (ada,) = await served.register("ada")
    list_id = await make_list(ada)
    made = await refusal(
        ada.clients.lists.CreateList(pb.CreateListRequest(name=name, description=description), metadata=ada.signed)
    )
    changed = await refusal(
        ada.clients.lists.UpdateList(
            pb.UpdateListRequest(id=list_id, name=name, description=description), metadata=ada.signed
        )
    )

    assert made.code() is changed.code() is StatusCode.INVALID_ARGUMENT
    assert made.details() == changed.details()
    assert all(sentence in str(made.details()) for sentence in fields.values())


async def test_the_longest_name_and_description_are_kept(served: Serving) -> None:
    (ada,) = await served.register("ada")
    list_id = await make_list(ada, "語" * 25)

    assert (await change(ada, list_id, description="é" * 100)).description == "é" * 100
    assert (await get(ada, list_id)).name == "語" * 25


async def test_a_change_touches_what_was_sent_alone(served: Serving) -> None:
    (ada,) = await served.register("ada")
    list_id = await make_list(ada)
    assert (await change(ada, list_id, description="sing")).name == "birds"
    assert (await change(ada, list_id, name="cats")).description == "sing"
    assert (await change(ada, list_id, private=True)).private
    assert not (await change(ada, list_id, description="", private=False)).description


def everything_with(person: Person, list_id: int, other: Person) -> list[tuple[Method, Message]]:
    """Each call that names a list."""
    lists = person.clients.lists
    return [
        (lists.GetList, pb.GetListRequest(id=list_id)),
        (lists.UpdateList, pb.UpdateListRequest(id=list_id, name="cats")),
        (lists.DeleteList, pb.DeleteListRequest(id=list_id)),
        (lists.AddListMember, pb.ListMemberRequest(id=list_id, user_id=other.id)),
        (lists.RemoveListMember, pb.RemoveListMemberRequest(id=list_id, user_id=other.id)),
        (lists.RemoveListMember, pb.RemoveListMemberRequest(id=list_id, user_id=person.id)),
        (lists.ListListMembers, pb.ListListUsersRequest(id=list_id)),
        (lists.FollowList, pb.FollowListRequest(id=list_id)),
        (lists.UnfollowList, pb.UnfollowListRequest(id=list_id)),
        (lists.ListListFollowers, pb.ListListUsersRequest(id=list_id)),
    ]


async def _all_not_found(served: Serving, viewer: Person, list_id: int, other: Person) -> None:
    for method, request in everything_with(viewer, list_id, other):
        error = await refusal(method(request, metadata=viewer.signed))
        assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, f"there is no list {list_id}")
    request = pb.GetListSourcesRequest(list_id=list_id, viewer_id=viewer.id)
    code = await refused(served.clients.lists.GetListSources, request, served.as_operator())
    assert code is StatusCode.NOT_FOUND


@pytest.mark.parametrize("nothing", [0, -1, 12345, MAX_ID])
async def test_a_list_that_there_is_not_is_not_found(served: Serving, nothing: int) -> None:
    ada, bob = await served.register("ada", "bob")
    await _all_not_found(served, ada, nothing, bob)


async def test_a_list_out_of_sight_is_as_one_that_there_is_not(served: Serving) -> None:
    ada, bob, cyd, dan, eve = await served.register("ada", "bob", "cyd", "dan", "eve")
    private = await make_list(bob, "private", ada, private=True)
    blocking, blocked, suspended = await make_list(cyd), await make_list(dan), await make_list(eve)
    deleted = await make_list(bob)
    await block(cyd, ada)
    await block(ada, dan)
    await suspend(served, eve)
    await bob.clients.lists.DeleteList(pb.DeleteListRequest(id=deleted), metadata=bob.signed)

    for hidden in (private, blocking, blocked, suspended, deleted):
        await _all_not_found(served, ada, hidden, bob)
    assert await members(bob, private) == [ada.id]
    assert await memberships(ada, ada) == []
    assert await memberships(bob, ada) == [private]


async def test_only_its_owner_changes_a_list(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    list_id = await make_list(ada, "birds", cyd)
    changes = everything_with(bob, list_id, cyd)[1:5]

    for method, request in changes:
        assert await refused(method, request, bob.signed) is StatusCode.PERMISSION_DENIED
    assert await members(bob, list_id) == [cyd.id]
    assert (await get(ada, list_id)).name == "birds"


async def test_members_are_put_on_and_taken_off_and_may_leave_by_themselves(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    list_id = await make_list(ada, "birds", bob, cyd, bob)
    assert await members(bob, list_id) == [cyd.id, bob.id]
    assert (await get(bob, list_id)).member_count == 2

    for person, user in ((bob, bob), (bob, bob), (ada, cyd), (ada, cyd)):
        request = pb.RemoveListMemberRequest(id=list_id, user_id=user.id)
        assert not (await person.clients.lists.RemoveListMember(request, metadata=person.signed)).is_member
    assert await members(bob, list_id) == []
    assert (await get(bob, list_id)).member_count == 0


async def test_nobody_is_listed_across_a_block_nor_anybody_who_is_not_there(served: Serving) -> None:
    ada, bob, cyd, dan = await served.register("ada", "bob", "cyd", "dan")
    list_id = await make_list(ada)
    await block(ada, bob)
    await block(cyd, ada)
    await suspend(served, dan)

    for user_id in (bob.id, cyd.id, dan.id, 0, -1, 12345):
        request = pb.ListMemberRequest(id=list_id, user_id=user_id)
        assert await refused(ada.clients.lists.AddListMember, request, ada.signed) is StatusCode.NOT_FOUND


async def test_a_block_takes_members_off_each_others_lists_for_good(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    of_ada, of_bob = await make_list(ada, "a", bob), await make_list(bob, "b", ada)
    await block(ada, bob)

    assert (await get(ada, of_ada)).member_count == (await get(bob, of_bob)).member_count == 0


async def test_the_people_of_a_list_are_those_whom_the_viewer_may_meet(served: Serving) -> None:
    ada, bob, cyd, dan, eve = await served.register("ada", "bob", "cyd", "dan", "eve")
    list_id = await make_list(bob, "birds", cyd, dan, eve)
    for person in (cyd, dan, eve):
        await follow(person, list_id)
    await block(ada, cyd)
    await suspend(served, eve)
    request = pb.ListListUsersRequest(id=list_id)

    assert await members(ada, list_id) == [dan.id]
    assert await walked(ada.clients.lists.ListListFollowers, request, ada) == [dan.id]
    assert await members(bob, list_id) == [dan.id, cyd.id]


async def test_lists_are_found_by_owner_follower_and_member(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    lists = [await make_list(ada, str(number), cyd, private=number == 1) for number in range(4)]
    for list_id in (lists[2], lists[0], lists[3]):
        await follow(bob, list_id)

    assert await owned(ada) == await owned(ada, ada) == lists[::-1]
    assert await owned(bob, ada) == [lists[3], lists[2], lists[0]]
    assert await followed(bob) == [lists[3], lists[0], lists[2]]
    assert await memberships(bob, cyd) == [lists[3], lists[2], lists[0]]
    assert await memberships(ada, cyd) == lists[::-1]
    assert (await get(bob, lists[0])).is_following
    assert (await get(ada, lists[0])).follower_count == 1


async def test_a_followed_list_that_turns_private_is_out_of_sight_and_can_be_left(served: Serving) -> None:
    ada, bob = await served.register("ada", "bob")
    list_id = await make_list(ada)
    await follow(bob, list_id)
    await change(ada, list_id, private=True)
    unfollow = pb.UnfollowListRequest(id=list_id)

    assert await followed(bob) == []
    assert await refused(bob.clients.lists.GetList, pb.GetListRequest(id=list_id), bob.signed) is StatusCode.NOT_FOUND
    assert not (await bob.clients.lists.UnfollowList(unfollow, metadata=bob.signed)).following
    assert await refused(bob.clients.lists.UnfollowList, unfollow, bob.signed) is StatusCode.NOT_FOUND
    assert (await get(ada, list_id)).follower_count == 0


async def test_the_lists_of_whoever_is_out_of_sight_are_not_found(served: Serving) -> None:
    ada, bob, cyd = await served.register("ada", "bob", "cyd")
    await block(bob, ada)
    await suspend(served, cyd)

    for user_id in (bob.id, cyd.id, 0, -1, 12345):
        for method, request in (
            (ada.clients.lists.ListOwnedLists, pb.ListListsRequest(user_id=user_id)),
            (ada.clients.lists.ListMemberships, pb.ListMembershipsRequest(user_id=user_id)),
        ):
            assert await refused(method, request, ada.signed) is StatusCode.NOT_FOUND


async def test_a_lists_sources_are_its_members_but_whom_the_viewer_wants_nothing_of(served: Serving) -> None:
    ada, bob, cyd, dan, eve = await served.register("ada", "bob", "cyd", "dan", "eve")
    list_id = await make_list(bob, "birds", ada, cyd, dan, eve, bob)
    await block(ada, cyd)
    await block(dan, ada)
    await mute(ada, eve)

    assert sorted(await sources(served, ada, list_id)) == sorted([ada.id, bob.id])
    assert len(await sources(served, bob, list_id)) == 5


async def test_one_key_sent_fifty_times_makes_one_list(served: Serving) -> None:
    (ada,) = await served.register("ada")
    request = pb.CreateListRequest(name="birds", request_id="k")
    made = await asyncio.gather(*(ada.clients.lists.CreateList(request, metadata=ada.signed) for _ in range(50)))
    other = pb.CreateListRequest(name="cats", request_id="k")

    assert len({each.id for each in made}) == 1
    assert await owned(ada) == [made[0].id]
    assert await refused(ada.clients.lists.CreateList, other, ada.signed) is StatusCode.ALREADY_EXISTS
