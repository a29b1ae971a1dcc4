"""Mutual TLS between real processes' ends: who is let in, as whom, and what a change of the files does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message
from tests.rpc.certificates import connect, credentials_of, put, put_all
from tests.rpc.fleet import Fleet, Node, fleet
from tests.rpc.waiting import until

from aviary import certs, secrets
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.errors import AviaryError, Forbidden, Unauthenticated, Unavailable
from aviary.rpc.call import Peer
from aviary.rpc.tls import Certificates, caller_of
from aviary.settings import Settings

ASK = users_pb2.BatchGetUsersRequest(ids=[1])


@pytest.fixture
def authority() -> certs.Authority:
    return certs.new_authority(days=2)


@pytest.fixture
def folder(tmp_path: Path, authority: certs.Authority) -> Path:
    """A certificate for each name, from one authority."""
    return put_all(tmp_path / "tls", authority)


@pytest.fixture(params=[False, True], ids=["handlers", "front"])
async def ships(settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Fleet]:
    async with fleet(settings, fronted=request.param) as running:
        yield running


def call(node: Node, name: str = "graph") -> Awaitable[Message]:
    return UserServiceStub(node.channels.to("users", name=name)).BatchGetUsers(ASK, timeout=3)


async def raw(node: Node, credentials: grpc.ChannelCredentials | None, *metadata: tuple[str, str]) -> users_pb2.User:
    """GetMe by somebody who has no part in our code."""
    async with connect(node.port, credentials) as channel:
        return await UserServiceStub(channel).GetMe(users_pb2.GetMeRequest(), metadata=metadata, timeout=3)


async def refused(outcome: Awaitable[Message]) -> AviaryError:
    with pytest.raises(AviaryError) as caught:
        await outcome
    return caught.value


async def pair(ships: Fleet, folder: Path, elsewhere: Path | None = None, name: str = "graph") -> tuple[Node, Node]:
    """Users, and somebody who calls them with the files of another folder."""
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))
    theirs = Certificates(elsewhere or folder, [name])
    return users, await ships.node("graph", knows=[users.address("users")], certificates=theirs)


async def test_a_service_is_who_its_certificate_says(ships: Fleet, folder: Path) -> None:
    users, graph = await pair(ships, folder)
    await call(graph)

    (arrived,) = users.handlers.calls
    assert arrived.caller == Peer("graph")
    # The certificate says it all; a token would only be one more thing to steal.
    assert "authorization" not in arrived.metadata


async def test_a_certificate_of_another_authority_is_refused_on_either_side(
    ships: Fleet, folder: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "strange"
    certs.make(strange, days=2)
    users, graph = await pair(ships, folder, strange)
    assert isinstance(await refused(call(graph)), Unavailable)

    # It knows our authority, but is not of it.
    (strange / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    _users, graph = await pair(ships, folder, strange)
    assert isinstance(await refused(call(graph)), Unavailable)
    assert not users.handlers.calls


async def test_an_expired_certificate_is_refused_by_both_sides(
    ships: Fleet, folder: Path, authority: certs.Authority
) -> None:
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))
    put(folder, authority, "gateway", days=-1)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(users, credentials_of(folder, "gateway"))

    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(Unavailable, match=r"gateway\.pem expired at"):
        Certificates(folder, ["gateway"])


async def test_without_a_certificate_there_is_no_connection(ships: Fleet, folder: Path) -> None:
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))
    for credentials in (None, grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes())):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await raw(users, credentials)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_talks_to_nobody_but_the_service_it_meant(ships: Fleet, folder: Path) -> None:
    impostor = await ships.node("users", certificates=Certificates(folder, ["timelines"]))
    graph = await ships.node("graph", knows=[impostor.address("users")], certificates=Certificates(folder, ["graph"]))

    assert isinstance(await refused(call(graph)), Unavailable)
    assert not impostor.handlers.calls


async def test_a_process_of_two_services_is_either(ships: Fleet, folder: Path) -> None:
    both = await ships.node("users", "graph", certificates=Certificates(folder, ["users", "graph"]))
    tweets = await ships.node(
        "tweets",
        knows=[both.address("users"), both.address("graph")],
        certificates=Certificates(folder, ["tweets"]),
    )
    await call(tweets, "tweets")

    assert both.handlers.calls[0].caller == Peer("tweets")


async def test_a_service_may_make_its_own_calls_and_no_others(ships: Fleet, folder: Path) -> None:
    users, graph = await pair(ships, folder)
    await call(graph)
    stub = UserServiceStub(graph.channels.to("users", name="graph"))

    error = await refused(stub.ResolveUsernames(users_pb2.ResolveUsernamesRequest()))
    assert (type(error), error.message) == (Forbidden, "graph may not call ResolveUsernames")
    # Nor what people call, with or without a token of somebody.
    error = await refused(stub.GetJwks(users_pb2.GetJwksRequest()))
    assert (type(error), error.message) == (Forbidden, "graph may not call GetJwks")
    assert len(users.handlers.calls) == 1


async def test_the_gateway_may_call_what_people_may_and_nothing_else(ships: Fleet, folder: Path) -> None:
    users, gateway = await pair(ships, folder, name="gateway")
    stub = UserServiceStub(gateway.channels.to("users", name="gateway"))
    await stub.GetJwks(users_pb2.GetJwksRequest())
    assert isinstance(await refused(stub.GetMe(users_pb2.GetMeRequest())), Unauthenticated)

    error = await refused(call(gateway, "gateway"))
    assert (type(error), error.message) == (Forbidden, "gateway may not call BatchGetUsers")
    assert len(users.handlers.calls) == 1


async def test_an_operators_token_makes_the_gateway_no_operator(ships: Fleet, folder: Path) -> None:
    users, _gateway = await pair(ships, folder, name="gateway")
    token = ("authorization", f"Bearer {secrets.operator_token(ships.secrets, 'suspend')}")
    async with connect(users.port, credentials_of(folder, "gateway")) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await UserServiceStub(channel).BatchGetUsers(ASK, metadata=[token])

    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_an_operator_comes_with_a_certificate_too(ships: Fleet, folder: Path) -> None:
    users, operator = await pair(ships, folder, name="operator")
    await call(operator, "operator")

    assert users.handlers.calls[0].caller == Peer("operator", is_operator=True)


async def test_a_certificate_of_ours_that_names_nobody_known_may_call_nothing(
    ships: Fleet, folder: Path, authority: certs.Authority
) -> None:
    put(folder, authority, "mallory")
    users, mallory = await pair(ships, folder, name="mallory")

    error = await refused(call(mallory, "mallory"))
    assert (type(error), error.message) == (Forbidden, "mallory may not call BatchGetUsers")
    assert not users.handlers.calls


async def test_only_the_gateway_says_where_a_caller_is(ships: Fleet, folder: Path) -> None:
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))
    users.handlers.planted["GetJwks"] = jwks
    for name, believed in (("gateway", "203.0.113.7"), ("operator", "127.0.0.1")):
        async with connect(users.port, credentials_of(folder, name)) as channel:
            stub, claimed = UserServiceStub(channel), [("x-aviary-address", "203.0.113.7")]
            if name == "gateway":
                await stub.GetJwks(users_pb2.GetJwksRequest(), metadata=claimed)
            else:
                await stub.BatchGetUsers(ASK, metadata=claimed)
        assert users.handlers.calls[-1].address == believed


async def jwks(_request: Message, _call: object) -> Message:
    return users_pb2.Jwks()


async def becomes(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    async with asyncio.timeout(20):
        await until(holds, what=what)


async def test_certificates_are_replaced_while_calls_go_on(
    ships: Fleet, folder: Path, authority: certs.Authority
) -> None:
    users, graph = await pair(ships, folder)
    await call(graph)
    before = users.handlers.calls[0].certificate
    serials: set[int] = set()

    def serial() -> int:
        material = graph.channels.to("users", name="graph")._connections._material
        assert material is not None
        serials.add(hash(material.chain))
        return len(serials)

    assert serial() == 1
    for name in ("users", "graph"):
        put(folder, authority, name)

    async def is_new() -> bool:
        await call(graph)
        return serial() == 2

    await becomes(is_new, "the new certificate was taken")
    assert users.handlers.calls[-1].certificate == before == "graph"


async def test_a_new_authority_takes_over_without_a_restart(ships: Fleet, folder: Path) -> None:
    _users, graph = await pair(ships, folder)
    await call(graph)
    other = certs.new_authority(days=2)
    for name in ("users", "graph"):
        put(folder, other, name)

    async def is_taken_over() -> bool:
        outcome = await asyncio.gather(call(graph), return_exceptions=True)
        material = graph.channels.to("users", name="graph")._connections._material
        assert material is not None
        return not isinstance(outcome[0], AviaryError) and material.authority == certs.pem(other.certificate)

    await becomes(is_taken_over, "both had the new authority")


async def test_half_of_a_change_is_no_change(folder: Path, authority: certs.Authority) -> None:
    held = Certificates(folder, ["users"])
    before = held.material("users")
    (folder / "users.key").write_bytes(certs.certificate(authority, "users", days=2)["users.key"])
    assert held.material("users") is before

    put(folder, authority, "users")
    assert held.material("users") is not before


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "users.pem").unlink(), r"users\.pem cannot be read: No such file"),
        (lambda folder: (folder / "ca.pem").unlink(), r"ca\.pem cannot be read: No such file"),
        (lambda folder: (folder / "users.key").write_text("?"), r"users\.key is neither a key"),
        (lambda folder: (folder / "users.pem").write_text("?"), r"users\.pem is neither"),
        (
            lambda folder: (folder / "graph.key").rename(folder / "users.key"),
            r"users\.key is not the key of .*users\.pem",
        ),
    ],
    ids=["no certificate", "no authority", "damaged key", "damaged certificate", "another key"],
)
def test_files_that_cannot_work_are_named(folder: Path, spoil: Callable[[Path], object], says: str) -> None:
    spoil(folder)
    with pytest.raises(Unavailable, match=says):
        Certificates(folder, ["users"])


def test_an_authority_that_expired_is_named_and_one_of_two_is_left_out(
    folder: Path, authority: certs.Authority
) -> None:
    expired = certs.pem(certs.new_authority(days=-1).certificate)
    (folder / "ca.pem").write_bytes(expired)
    with pytest.raises(Unavailable, match=r"ca\.pem expired at"):
        Certificates(folder, ["users"])

    (folder / "ca.pem").write_bytes(expired + certs.pem(authority.certificate))
    _pairs, authorities = Certificates(folder, ["users"]).shown()
    assert authorities == certs.pem(authority.certificate)


def test_somebody_elses_certificate_is_not_taken_for_ones_own(folder: Path, authority: certs.Authority) -> None:
    put(folder, authority, "graph", as_name="users")
    with pytest.raises(Unavailable, match=r"users\.pem is not that of spiffe://aviary/users"):
        Certificates(folder, ["users"])


def test_a_certificate_without_a_uri_of_ours_names_nobody() -> None:
    assert caller_of({}) == ""
    assert caller_of({"peer_spiffe_id": [b"spiffe://elsewhere/users"]}) == ""
    assert caller_of({"peer_spiffe_id": [b"spiffe://aviary/users"]}) == "users"


def test_keys_are_their_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    written = certs.make(tmp_path / "tls", days=30)
    modes = {path.name: path.stat().st_mode & 0o777 for path in written}

    assert {name for name, mode in modes.items() if mode == 0o600} == {name for name in modes if name.endswith(".key")}
    before = {path: path.read_bytes() for path in written}
    with pytest.raises(AviaryError, match=r"ca\.pem exists already"):
        certs.make(tmp_path / "tls", days=30)
    assert {path: path.read_bytes() for path in written} == before
    for name in certs.NAMES:
        Certificates(tmp_path / "tls", [name])
