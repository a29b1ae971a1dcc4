"""What the tests of the graph ask of a running platform, in a word each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message
from grpc import StatusCode
from tests.rpc.serving import PASSWORD, Metadata, Person, Serving, refusal

from aviary.api.graph.v1 import graph_pb2, lists_pb2, relations_pb2
from aviary.api.users.v1 import accounts_pb2, admin_pb2

# A method of a generated stub.
Method = Callable[..., Awaitable[Any]]


async def protect(*people: Person, protected: bool = True) -> None:
    for person in people:
        settings = accounts_pb2.UpdateSettingsRequest(protected=protected)
        await person.clients.accounts.UpdateSettings(settings, metadata=person.signed)


async def suspend(served: Serving, person: Person) -> None:
    request = admin_pb2.SuspendUserRequest(id=person.id)
    await served.clients.admin.SuspendUser(request, metadata=served.as_operator())


async def deactivate(person: Person) -> None:
    await person.clients.accounts.Deactivate(accounts_pb2.DeactivateRequest(), metadata=person.signed)


async def delete_account(person: Person) -> None:
    request = accounts_pb2.DeleteAccountRequest(password=PASSWORD)
    await person.clients.accounts.DeleteAccount(request, metadata=person.signed)


async def block(person: Person, *others: Person) -> None:
    for other in others:
        await person.clients.relations.Block(relations_pb2.BlockRequest(id=other.id), metadata=person.signed)


async def mute(person: Person, other: Person, *, until_ms: int = 0) -> None:
    request = relations_pb2.MuteRequest(id=other.id)
    if until_ms:
        request.expires_at.FromMilliseconds(until_ms)
    await person.clients.relations.Mute(request, metadata=person.signed)


async def make_list(person: Person, name: str = "birds", *members: Person, private: bool = False) -> int:
    request = lists_pb2.CreateListRequest(name=name, private=private)
    made = await person.clients.lists.CreateList(request, metadata=person.signed)
    for member in members:
        addition = lists_pb2.ListMemberRequest(id=made.id, user_id=member.id)
        await person.clients.lists.AddListMember(addition, metadata=person.signed)
    return made.id


async def relationship(person: Person, one: Person, other: Person) -> graph_pb2.Relationship:
    request = graph_pb2.GetRelationshipRequest(id=one.id, target_id=other.id)
    return await person.clients.graph.GetRelationship(request, metadata=person.signed)


async def walked(method: Method, request: Any, person: Person, *, field: str = "users", limit: int = 2) -> list[int]:
    """The ids of a list from page to page, to its end; each page but the last is full."""
    found: list[int] = []
    request.limit = limit
    while True:
        page = await method(request, metadata=person.signed)
        items = getattr(page, field)
        found.extend(each.id for each in items)
        if not page.pagination.has_more:
            assert page.pagination.next_cursor == ""
            return found
        assert len(items) == limit
        request.cursor = page.pagination.next_cursor


async def followers(viewer: Person, of: Person, *, limit: int = 2) -> list[int]:
    request = graph_pb2.ListFollowsRequest(id=of.id)
    return await walked(viewer.clients.graph.ListFollowers, request, viewer, limit=limit)


async def following(viewer: Person, of: Person, *, limit: int = 2) -> list[int]:
    request = graph_pb2.ListFollowsRequest(id=of.id)
    return await walked(viewer.clients.graph.ListFollowing, request, viewer, limit=limit)


async def refused(method: Method, request: Message, metadata: Metadata) -> StatusCode:
    """The code of the error that the call ends with."""
    return (await refusal(method(request, metadata=metadata))).code()
