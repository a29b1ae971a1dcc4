"""No RPC gives away what its caller may not see: every RPC, asked in every relation between viewer and author."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import grpc.aio
import pytest
from google.protobuf.message import Message
from tests.privacy.questions import QUESTIONS, Question, When
from tests.privacy.scene import Scene, Secret, block, exported, found_in, mute, protect, staged
from tests.rpc.serving import PASSWORD, Serving, serving

from aviary.api.users.v1 import accounts_pb2, admin_pb2
from aviary.rpc.method import SERVICE, Method
from aviary.settings import Settings

NOTHING: frozenset[Secret] = frozenset()
EVERYTHING = frozenset(Secret) - {Secret.OWN}
NO_TWEETS = EVERYTHING - {Secret.TWEETS}


@dataclass(frozen=True, slots=True)
class Relation:
    """How viewer and author come to stand, and what of the author's is open then."""

    become: Callable[[Scene], Awaitable[None]]
    opens: frozenset[Secret]
    following: bool = False
    muting: bool = False


async def _strangers(_: Scene) -> None:
    return None


async def _follower(scene: Scene) -> None:
    await scene.viewer.follow(scene.author)


async def _follower_of_protected(scene: Scene) -> None:
    await _follower(scene)
    await protect(scene.author)


async def _protected(scene: Scene) -> None:
    await protect(scene.author)


async def _left_protected(scene: Scene) -> None:
    await _follower_of_protected(scene)
    await scene.viewer.unfollow(scene.author)


async def _blocked(scene: Scene) -> None:
    await _follower(scene)
    await block(scene.author, scene.viewer)


async def _blocking(scene: Scene) -> None:
    await _follower(scene)
    await block(scene.viewer, scene.author)


async def _muting(scene: Scene) -> None:
    await _follower(scene)
    await mute(scene.viewer, scene.author)


async def _muting_who_blocks(scene: Scene) -> None:
    await mute(scene.viewer, scene.author)
    await block(scene.author, scene.viewer)


async def _suspended(scene: Scene) -> None:
    await _follower(scene)
    request = admin_pb2.SuspendUserRequest(id=scene.author.id)
    await scene.author.clients.admin.SuspendUser(request, metadata=scene.served.as_operator())


async def _deactivated(scene: Scene) -> None:
    await _follower(scene)
    await scene.author.clients.accounts.Deactivate(accounts_pb2.DeactivateRequest(), metadata=scene.author.signed)


async def _deleted(scene: Scene) -> None:
    await _follower(scene)
    request = accounts_pb2.DeleteAccountRequest(password=PASSWORD)
    await scene.author.clients.accounts.DeleteAccount(request, metadata=scene.author.signed)


RELATIONS: Mapping[str, Relation] = {
    "strangers": Relation(_strangers, EVERYTHING),
    "follower": Relation(_follower, EVERYTHING, following=True),
    "follower of a protected author": Relation(_follower_of_protected, EVERYTHING, following=True),
    "stranger to a protected author": Relation(_protected, NO_TWEETS),
    "former follower of a protected author": Relation(_left_protected, NO_TWEETS),
    "blocked by the author": Relation(_blocked, NOTHING),
    "blocking the author": Relation(_blocking, NOTHING),
    "muting the author": Relation(_muting, EVERYTHING, following=True, muting=True),
    "muting the author, who blocks": Relation(_muting_who_blocks, NOTHING, muting=True),
    "author suspended": Relation(_suspended, NOTHING, following=True),
    "author deactivated": Relation(_deactivated, NOTHING, following=True),
    "author deleted": Relation(_deleted, NOTHING, following=True),
}


@pytest.fixture
async def scene(settings: Settings) -> AsyncIterator[Scene]:
    async with serving(settings) as served, grpc.aio.insecure_channel(served.address) as channel:
        yield await staged(served, channel)


def public_methods(served: Serving) -> Mapping[str, Method]:
    """What people may call, by service and name."""
    methods = served.platform.dispatcher.methods
    return {f"{each.service.rpartition('.')[2]}/{each.name}": each for each in methods if each.access != SERVICE}


def expected(question: Question, relation: Relation) -> frozenset[Secret]:
    if (When.FOLLOWING in question.when and not relation.following) or (
        When.MUTING in question.when and not relation.muting
    ):
        return NOTHING
    told = question.tells & relation.opens
    return told - {Secret.TWEETS} if When.NOT_MUTED in question.when and relation.muting else told


async def test_every_rpc_has_its_row_in_the_table(scene: Scene) -> None:
    assert set(QUESTIONS) == set(public_methods(scene.served))


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=RELATIONS.keys())
async def test_every_rpc_tells_exactly_what_the_relation_opens(scene: Scene, relation: Relation) -> None:
    methods = public_methods(scene.served)
    await exported(scene)
    onward = {name: await cursors(scene, methods[name], question) for name, question in QUESTIONS.items()}

    await relation.become(scene)

    wrong = {}
    for name, question in QUESTIONS.items():
        told = NOTHING
        for request in [*question.requests(scene), *onward[name]]:
            text, _ = await scene.ask(methods[name], request)
            told |= found_in(text)
        if told != (right := expected(question, relation)):
            wrong[name] = f"told {names(told)}, not {names(right)}"
    assert not wrong


async def cursors(scene: Scene, method: Method, question: Question) -> list[Message]:
    """The second pages of what the RPC lists, as the viewer could ask for them while everything was open."""
    if "cursor" not in method.request.DESCRIPTOR.fields_by_name:
        return []
    further: list[Message] = []
    for request in question.requests(scene):
        request.limit = 1  # type: ignore[attr-defined]  # every request with a cursor has a limit
        _, answer = await scene.ask(method, request)
        if answer is not None and answer.pagination.has_more:  # type: ignore[attr-defined]  # and its answer this
            request.cursor = answer.pagination.next_cursor  # type: ignore[attr-defined]
            request.ClearField("limit")
            further.append(request)
    return further


def names(secrets: frozenset[Secret]) -> str:
    return ", ".join(sorted(each.name.lower() for each in secrets)) or "nothing"
