"""A front with certificates: who is let in, as whom, and what becomes of connections that nobody ends."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.message import Message
from tests.rpc.certificates import connect, context_of, credentials_of, put, put_all
from tests.rpc.fleet import Fleet, Node, fleet
from tests.rpc.serving import Clients, bearer, refusal, serving
from tests.rpc.waiting import until

from aviary import certs
from aviary.api.graph.v1 import graph_pb2
from aviary.api.graph.v1.graph_pb2_grpc import GraphServiceStub
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.users.v1 import users_pb2
from aviary.api.users.v1.users_pb2_grpc import UserServiceStub
from aviary.errors import Unavailable
from aviary.rpc import front as fronts
from aviary.rpc.call import Call
from aviary.rpc.tls import Certificates, host_of
from aviary.settings import Settings

OURS = ("gateway", "graph", "relay", "operator", "mallory")
OUTSIDE = ("a stranger", "no certificate", "no TLS")
HEALTH = "/grpc.health.v1.Health/Check"
JWKS = "/aviary.api.users.v1.UserService/GetJwks"
BATCH = "/aviary.api.users.v1.UserService/BatchGetUsers"
HOME = "/aviary.api.timelines.v1.TimelineService/GetHomeTimeline"
READY_HOME = "/aviary.api.timelines.v1.TimelineServiceJson/GetHomeTimeline"
FOLLOWERS = "/aviary.api.graph.v1.GraphService/StreamFollowers"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
DENIED, UNAVAILABLE = "PERMISSION_DENIED", "UNAVAILABLE"
ASK = users_pb2.BatchGetUsersRequest(ids=[1])
# HTTP/2: what a client says first, then an empty SETTINGS frame.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PING, GOAWAY, ACK = 6, 7, 1


@pytest.fixture
def authority() -> certs.Authority:
    return certs.new_authority(days=2)


@pytest.fixture
def folder(tmp_path: Path, authority: certs.Authority) -> Path:
    """A certificate for each name, and one that names nobody known, from one authority."""
    return put_all(tmp_path / "tls", authority, "mallory")


@pytest.fixture
async def ships(settings: Settings) -> AsyncIterator[Fleet]:
    async with fleet(settings, fronted=True) as running:
        yield running


@pytest.fixture
async def users(ships: Fleet, folder: Path) -> Node:
    return await ships.node("users", certificates=Certificates(folder, ["users"]))


async def asked(channel: grpc.aio.Channel, path: str, *metadata: tuple[str, str], request: bytes = b"") -> str:
    """The status of a call of any kind."""
    streams = path in {FOLLOWERS, REFLECTION}
    try:
        if streams:
            # To whoever streams its requests the library tells that one could not be sent, not why.
            stream: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(path)
            async for _ in stream(request, metadata=metadata, timeout=10):
                pass
        else:
            unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
            await unary(request, metadata=metadata, timeout=10)
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.mark.parametrize("fronted", [False, True], ids=["handlers", "front"])
async def test_the_front_lets_in_whom_the_handlers_let_in(
    settings: Settings, folder: Path, tmp_path: Path, fronted: bool
) -> None:
    strange = put_all(tmp_path / "strange", certs.new_authority(days=2))
    (strange / "ca.pem").write_bytes((folder / "ca.pem").read_bytes())
    credentials = {name: credentials_of(folder, name) for name in OURS} | {
        "a stranger": credentials_of(strange, "gateway"),
        "no certificate": grpc.ssl_channel_credentials((folder / "ca.pem").read_bytes()),
        "no TLS": None,
    }
    found: dict[str, Sequence[str]] = {}
    # Ready JSON is there whoever lets callers in.
    async with fleet(replace(settings, front="on"), fronted=fronted) as ships:
        node = await ships.node(
            "users", "timelines", knows=["graph=127.0.0.1:9"], certificates=Certificates(folder, ["users", "timelines"])
        )
        for name, shown in credentials.items():
            async with connect(node.port, shown) as channel:
                found[name] = [await asked(channel, path) for path in (HEALTH, JWKS, BATCH, HOME, READY_HOME)]

    assert found == {
        "gateway": ["OK", "OK", DENIED, "UNAUTHENTICATED", "UNAUTHENTICATED"],
        "graph": ["OK", DENIED, "OK", DENIED, DENIED],
        "relay": ["OK", *[DENIED] * 4],
        "operator": ["OK", DENIED, "OK", DENIED, DENIED],
        "mallory": ["OK", *[DENIED] * 4],
        **{name: [UNAVAILABLE] * 5 for name in OUTSIDE},
    }


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server shows to a client that it lets in."""

    version: str
    certificate: bytes


async def greeted(port: int, context: ssl.SSLContext, name: str = "users") -> Greeting | None:
    """What the server shows; None when it does not let the client in."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host_of(name))
        writer.write(PREFACE)
        # With TLS 1.3 the client is through before its certificate was looked at: the server's SETTINGS tell.
        heard = await asyncio.wait_for(reader.read(9), 10)
    except (OSError, ssl.SSLError):
        return None
    session = writer.get_extra_info("ssl_object")
    shown = Greeting(session.version(), session.getpeercert(binary_form=True))
    writer.close()
    return shown if heard else None


@pytest.mark.parametrize("fronted", [pytest.param(False, id="handlers"), pytest.param(True, id="front")])
async def test_nobody_speaks_less_than_tls_1_2_and_http_2(settings: Settings, folder: Path, fronted: bool) -> None:
    spoken: list[str | None] = []
    async with fleet(settings, fronted=fronted) as ships:
        node = await ships.node("users", certificates=Certificates(folder, ["users"]))
        for protocols, versions in (
            (["h2"], (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)),
            (["h2"], (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)),
            (["h2"], (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)),
            (["http/1.1"], (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)),
            ([], (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)),
        ):
            context = context_of(folder, "gateway", *protocols)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version, context.maximum_version = versions
            if ssl.TLSVersion.TLSv1_1 in versions:
                # Else OpenSSL itself would not ask for it.
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
            shown = await greeted(node.port, context)
            spoken.append(shown.version if shown else None)
    assert spoken == ["TLSv1.3", "TLSv1.2", None, None, None]


async def test_what_a_caller_says_of_itself_counts_for_nothing(users: Node, folder: Path) -> None:
    forged = (
        ("x-aviary-caller", "spiffe://aviary/gateway"),
        ("x-aviary-caller", "spiffe://aviary/operator"),
        ("x-aviary-peer", "203.0.113.7"),
        ("x-aviary-address", "203.0.113.8"),
        ("x-aviary-front", "a guess"),
    )
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        assert await asked(channel, JWKS, *forged) == DENIED
        assert await asked(channel, BATCH, *forged) == "OK"
    (arrived,) = users.handlers.calls
    assert (arrived.certificate, arrived.address) == ("graph", "127.0.0.1")
    assert not {fronts.SECRET, fronts.CALLER, fronts.PEER} & arrived.metadata.keys()

    async with connect(users.port, credentials_of(folder, "gateway")) as channel:
        assert await asked(channel, JWKS, *forged) == "OK"
    # It alone may say where people are.
    assert (users.handlers.calls[-1].certificate, users.handlers.calls[-1].address) == ("gateway", "203.0.113.8")


async def test_without_certificates_a_front_names_nobody(ships: Fleet) -> None:
    users = await ships.node("users")
    async with connect(users.port, None) as channel:
        forged = [("x-aviary-caller", "spiffe://aviary/operator"), ("x-aviary-peer", "203.0.113.7")]
        assert await asked(channel, JWKS, *forged) == "OK"
    (arrived,) = users.handlers.calls
    assert (arrived.certificate, arrived.address) == (None, "127.0.0.1")
    assert not {fronts.SECRET, fronts.CALLER, fronts.PEER} & arrived.metadata.keys()


@pytest.mark.parametrize("secured", [False, True], ids=["no TLS", "TLS"])
async def test_nobody_but_the_front_is_let_in_behind_it(ships: Fleet, folder: Path, secured: bool) -> None:
    files = Certificates(folder, ["users", "graph"]) if secured else None
    node = await ships.node("users", "graph", knows=["tweets=127.0.0.1:9"], certificates=files)
    node.handlers.planted["StreamFollowers"] = counting(0)
    assert node.front is not None
    caller = (fronts.CALLER, "spiffe://aviary/fanout")
    async with connect(node.front.behind, None) as channel:
        for path in (HEALTH, BATCH, JWKS, FOLLOWERS, REFLECTION):
            for proof in ([], [(fronts.SECRET, "")], [(fronts.SECRET, "a guess")]):
                assert await asked(channel, path, caller, *proof) == "UNAUTHENTICATED"
        assert not node.handlers.calls
        for path in (HEALTH, *([FOLLOWERS] if secured else [JWKS]), REFLECTION):
            assert await asked(channel, path, caller, node.front.proof) == "OK"


def counting(messages: int, ended: list[str] | None = None) -> Callable[[Message, Call], AsyncIterator[Message]]:
    """A stream that waits for ever after so many messages, or ends at once when there are none."""

    async def stream(_request: Message, _call: Call) -> AsyncIterator[Message]:
        try:
            for number in range(messages):
                yield graph_pb2.FollowerIds(ids=bytes([number]))
            if messages:
                await asyncio.Event().wait()
        finally:
            if ended is not None:
                ended.append("ended")

    return stream


async def test_a_hot_read_is_for_those_whom_the_handlers_would_let_in(settings: Settings, folder: Path) -> None:
    async with serving(replace(settings, front="on", tls_dir=str(folder))) as served:
        gate = served.platform.front
        assert gate is not None
        ada, bob = await served.register("ada", "bob")
        await ada.follow(bob)
        tweet = (await bob.tweet("hello")).id
        for _ in range(3):
            assert [each.id for each in (await ada.home_page()).tweets] == [tweet]
        told = dict(gate.answered("GetHomeTimeline"))
        assert told["held"] > 0

        for name in ("graph", "timelines", "operator", "mallory"):
            async with connect(served.server.port, credentials_of(folder, name)) as channel:
                for path in (HOME, READY_HOME):
                    assert await asked(channel, path, *bearer(ada.token)) == DENIED
        assert dict(gate.answered("GetHomeTimeline")) == told
        async with connect(served.server.port, credentials_of(folder, "gateway")) as channel:
            error = await refusal(Clients(channel).timelines.GetHomeTimeline(timelines_pb2.GetHomeTimelineRequest()))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def serial(port: int, folder: Path, name: str = "users") -> int:
    shown = await greeted(port, context_of(folder, "graph", "h2"), name)
    assert shown is not None
    return x509.load_der_x509_certificate(shown.certificate).serial_number


async def test_each_handshake_shows_the_files_as_they_are_and_connections_stay(
    users: Node, folder: Path, authority: certs.Authority
) -> None:
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        assert await asked(channel, BATCH) == "OK"
        first = await serial(users.port, folder)

        # Half of a change is none: the front looks, and keeps what it has.
        made = certs.certificate(authority, "users", days=2)
        (folder / "users.key").write_bytes(made["users.key"])
        await asyncio.sleep(1.5)
        assert await serial(users.port, folder) == first
        (folder / "users.pem").write_bytes(made["users.pem"])

        async def is_shown() -> bool:
            return await serial(users.port, folder) != first

        await until(is_shown, what="the new certificate was shown")
        assert await asked(channel, BATCH) == "OK"
        assert channel.get_state() is grpc.ChannelConnectivity.READY


async def test_a_new_authority_is_taken_and_the_old_ones_people_are_not(users: Node, folder: Path) -> None:
    old = credentials_of(folder, "graph")
    put_all(folder, certs.new_authority(days=2))

    async def is_taken() -> bool:
        async with connect(users.port, credentials_of(folder, "graph")) as channel:
            return await asked(channel, BATCH) == "OK"

    await until(is_taken, what="the new authority was taken")
    async with connect(users.port, old) as channel:
        assert await asked(channel, BATCH) == UNAVAILABLE


async def test_an_authority_that_expires_lets_nobody_in_any_more(
    users: Node, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(folder, "graph", "h2")
    assert await greeted(users.port, context) is not None
    pairs, authorities = Certificates(folder, ["users"]).shown()
    monkeypatch.setattr(Certificates, "shown", lambda _self: (pairs, b""))

    async def is_out() -> bool:
        return await greeted(users.port, context) is None

    await until(is_out, what="nobody was let in")
    monkeypatch.setattr(Certificates, "shown", lambda _self: (pairs, authorities))

    async def is_in() -> bool:
        return await greeted(users.port, context) is not None

    await until(is_in, what="they were let in again")


async def test_an_expired_authority_beside_a_good_one_counts_for_nothing(
    ships: Fleet, folder: Path, authority: certs.Authority, tmp_path: Path
) -> None:
    expired = certs.new_authority(days=-1)
    theirs = put_all(tmp_path / "theirs", expired)
    (theirs / "ca.pem").write_bytes(certs.pem(authority.certificate))
    (folder / "ca.pem").write_bytes(certs.pem(expired.certificate) + certs.pem(authority.certificate))
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))

    for files, answer in ((theirs, UNAVAILABLE), (folder, "OK")):
        async with connect(users.port, credentials_of(files, "graph")) as channel:
            assert await asked(channel, BATCH) == answer


async def test_the_name_that_a_client_asks_for_picks_the_certificate(ships: Fleet, folder: Path) -> None:
    node = await ships.node(
        "users", "graph", knows=["tweets=127.0.0.1:9"], certificates=Certificates(folder, ["users", "graph"])
    )
    of = {
        name: x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()).serial_number
        for name in ("users", "graph")
    }
    assert {name: await serial(node.port, folder, name) for name in of} == of


async def test_what_the_front_cannot_use_is_said_at_the_start(
    ships: Fleet, folder: Path, authority: certs.Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ec, "SECP256R1", ec.SECP521R1)
        put(folder, authority, "users")
    with pytest.raises(Unavailable, match="the front cannot use the certificates of AVIARY_TLS_DIR: a key is not"):
        await ships.node("users", certificates=Certificates(folder, ["users"]))


async def test_a_hundred_handshakes_at_once_are_all_made(users: Node, folder: Path) -> None:
    context = context_of(folder, "gateway", "h2")
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        made = [asyncio.ensure_future(greeted(users.port, context)) for _ in range(100)]
        assert [await asked(channel, BATCH) for _ in range(5)] == ["OK"] * 5
        assert all(await asyncio.gather(*made))


async def test_who_connects_and_says_nothing_holds_nobody_up_and_is_gone_in_time(
    ships: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "HANDSHAKE_MS", 3_000)
    users = await ships.node("users", certificates=Certificates(folder, ["users"]))
    # Nothing at all; the first bytes of a greeting; and no TLS.
    silent = [await asyncio.open_connection("127.0.0.1", users.port) for _ in range(51)]
    for (_, writer), said in zip(silent, [b"\x16\x03\x01\x02\x00"] * 25 + [b""] * 25 + [PREFACE], strict=True):
        writer.write(said)
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        assert await asked(channel, BATCH) == "OK"
    assert refused(users) < 51

    endings = await asyncio.wait_for(asyncio.gather(*(ended(reader) for reader, _ in silent)), 10)
    assert endings == [True] * 51
    assert refused(users) == 51
    for _, writer in silent:
        writer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        while await reader.read(1_024):
            pass
    except ConnectionError:
        pass
    return True


def refused(node: Node) -> float:
    return node.metrics.registry.get_sample_value("aviary_front_refused_connections_total") or 0.0


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, int]]:
    """Kind and flags of each HTTP/2 frame until the connection ends."""
    while True:
        try:
            head = await reader.readexactly(9)
            await reader.readexactly(int.from_bytes(head[:3]))
        except (asyncio.IncompleteReadError, OSError):
            return
        yield head[3], head[4]


async def spoken(port: int, folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to somebody who speaks HTTP/2 and says no more than its first words."""
    context = context_of(folder, "gateway", "h2")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host_of("users"))
    writer.write(PREFACE)
    return reader, writer


async def test_whoever_gives_no_sign_of_life_is_let_go_and_others_stay(
    ships: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "PING_MS", 300)
    files = Certificates(folder, ["users"])
    users = await ships.node("users", certificates=files, profile="cluster", drain_notice_s=0.0)
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        assert await asked(channel, BATCH) == "OK"
        reader, writer = await spoken(users.port, folder)
        async with asyncio.timeout(10):
            heard = [kind async for kind, flags in frames(reader) if not flags & ACK]
        assert PING in heard
        writer.close()

        # It was silent for longer than that, but answered.
        assert channel.get_state() is grpc.ChannelConnectivity.READY
        assert await asked(channel, BATCH) == "OK"


async def test_nobody_pings_too_often(users: Node, folder: Path) -> None:
    reader, writer = await spoken(users.port, folder)
    heard = frames(reader)
    async with asyncio.timeout(20):
        for number in range(100):
            writer.write(bytes([0, 0, 8, PING, 0, 0, 0, 0, 0]) + struct.pack(">Q", number))
            while (frame := await anext(heard)) != (PING, ACK):
                assert frame[0] != GOAWAY
    writer.close()


async def test_a_connection_whose_client_has_closed_its_end_is_closed(users: Node, folder: Path) -> None:
    reader, writer = await spoken(users.port, folder)
    async with asyncio.timeout(10):
        await reader.readexactly(9)
        # asyncio's TLS has no half that stays open; the connection below has.
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as below:
            below.shutdown(socket.SHUT_WR)
        assert await ended(reader)
    writer.close()


@pytest.fixture
async def graph(ships: Fleet, folder: Path) -> AsyncIterator[tuple[Node, GraphServiceStub]]:
    files = Certificates(folder, ["graph"])
    node = await ships.node("graph", knows=["users=127.0.0.1:9", "tweets=127.0.0.1:9"], certificates=files)
    async with connect(node.port, credentials_of(folder, "fanout"), service="graph") as channel:
        yield node, GraphServiceStub(channel)


async def test_a_stream_is_whole_and_ends_when_its_reader_goes(graph: tuple[Node, GraphServiceStub]) -> None:
    node, stub = graph
    gone: list[str] = []
    node.handlers.planted["StreamFollowers"] = counting(3, gone)
    call = stub.StreamFollowers(graph_pb2.StreamFollowersRequest())
    heard = [(await anext(aiter(call))).ids for _ in range(3)]
    assert heard == [b"\0", b"\1", b"\2"]
    assert not gone

    call.cancel()
    await until(lambda: gone == ["ended"], what="the handler was cancelled")


async def test_a_stream_ends_at_its_deadline_on_both_sides(graph: tuple[Node, GraphServiceStub]) -> None:
    node, stub = graph
    gone: list[str] = []
    node.handlers.planted["StreamFollowers"] = counting(1, gone)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.StreamFollowers(graph_pb2.StreamFollowersRequest(), timeout=1):
            pass
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: gone == ["ended"], what="the handler was cancelled")
    assert node.handlers.calls[0].remaining_s() < 1


async def test_metadata_up_to_the_limit_passes_and_more_is_refused(users: Node, folder: Path) -> None:
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        assert await asked(channel, BATCH, ("x-note", "n" * 79_000)) == "OK"
        assert await asked(channel, BATCH, ("x-note", "n" * 200_000)) != "OK"
        # One call's fault is no other's.
        assert await asked(channel, BATCH) == "OK"
    assert len(users.handlers.calls) == 2


async def test_stopping_lets_calls_and_streams_under_way_finish_and_takes_no_more(ships: Fleet, folder: Path) -> None:
    files = Certificates(folder, ["graph"])
    node = await ships.node("graph", knows=["users=127.0.0.1:9", "tweets=127.0.0.1:9"], certificates=files)
    opened = asyncio.Event()

    async def slow(_request: Message, call: Call) -> Message:
        await opened.wait()
        return call.method.response()

    async def stream(_request: Message, _call: Call) -> AsyncIterator[Message]:
        yield graph_pb2.FollowerIds(ids=b"1")
        await opened.wait()
        yield graph_pb2.FollowerIds(ids=b"2")

    node.handlers.planted |= {"GetSources": slow, "StreamFollowers": stream}
    async with (
        connect(node.port, credentials_of(folder, "timelines"), service="graph") as calling,
        connect(node.port, credentials_of(folder, "fanout"), service="graph") as streaming,
    ):
        under_way = asyncio.ensure_future(asked(calling, "/aviary.api.graph.v1.GraphService/GetSources"))
        heard = aiter(GraphServiceStub(streaming).StreamFollowers(graph_pb2.StreamFollowersRequest(), timeout=10))
        assert (await anext(heard)).ids == b"1"
        await until(lambda: len(node.handlers.calls) == 2, what="both were let in")
        stopping = asyncio.ensure_future(node.server.stop())

        async def is_closed() -> bool:
            async with connect(node.port, credentials_of(folder, "operator"), service="graph") as late:
                return await asked(late, HEALTH) == UNAVAILABLE

        await until(is_closed, what="nobody new was let in")
        assert not stopping.done()
        opened.set()
        assert await under_way == "OK"
        assert [each.ids async for each in heard] == [b"2"]
        await stopping


async def call_all(calls: Sequence[Awaitable[Message]]) -> None:
    await asyncio.gather(*calls)


async def test_one_connection_has_all_calls_of_a_service(users: Node, folder: Path) -> None:
    async with connect(users.port, credentials_of(folder, "graph")) as channel:
        stub = UserServiceStub(channel)
        await call_all([stub.BatchGetUsers(ASK, timeout=10) for _ in range(200)])
    assert {each.certificate for each in users.handlers.calls} == {"graph"}
    assert len(users.handlers.calls) == 200
