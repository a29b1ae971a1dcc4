"""One real Envoy before a fleet of small real servers: each service's calls go to its replicas, over mutual TLS too."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import KEY_ID, Answer, Issuer, Platform, until
from tests.rpc.fleet import front_of

from aviary import certs
from aviary._native import DenyList
from aviary.errors import InvalidInput
from aviary.gateway import Envoy, fleet_config
from aviary.gateway.bindings import methods, read_descriptors
from aviary.gateway.xds import Json
from aviary.metrics import Metrics
from aviary.rpc import boundary
from aviary.rpc.call import Call
from aviary.rpc.callers import SERVICES
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.identity import Identity, TokenVerifier
from aviary.rpc.server import RpcServer
from aviary.rpc.tls import Certificates
from aviary.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

METHODS = list(methods(read_descriptors()))
PATHS = {
    "users": "/api/v1/users/me",
    "graph": "/api/v1/users/me/blocks",
    "tweets": "/api/v1/tweets/1",
    "timelines": "/api/v1/timeline/home",
}
ADDRESSES = ",".join(f"{service}={service}.internal:50051" for service in PATHS)


class Noting:
    """A servicer of every RPC: an empty answer, and a note of the call."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Any:
        async def note(_request: Message, call: Call) -> Message:
            self.calls.append(call)
            return call.method.response()

        return note


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of one service."""

    service: str
    server: RpcServer
    servicer: Noting

    @property
    def calls(self) -> list[Call]:
        return self.servicer.calls

    @property
    def address(self) -> str:
        return f"{self.service}=127.0.0.1:{self.server.port}"


@dataclass(frozen=True, slots=True)
class Fleet:
    """A gateway and the replicas behind it, two of timelines and one of each other service."""

    gateway: Platform
    replicas: list[Replica]
    issuer: Issuer

    def of(self, service: str) -> list[Replica]:
        return [each for each in self.replicas if each.service == service]

    async def home_of(self, user_id: int) -> Answer:
        token = {"authorization": f"Bearer {self.issuer.token(sub=str(user_id))}"}
        return await self.gateway.call("GET", PATHS["timelines"], signed_in=False, headers=token)

    async def is_whole(self) -> bool:
        return (await self.gateway.call("GET", "/healthz", signed_in=False)).status == 200


async def start(service: str, issuer: Issuer, settings: Settings, name: str = "", *, fronted: bool = False) -> Replica:
    """A replica, which bears the certificate of `name` where there is one."""
    verifier = TokenVerifier({KEY_ID: issuer.key.public_key()}, DenyList())
    dispatcher, servicer = Dispatcher([boundary.errors, Identity(verifier)]), Noting()
    for each in sorted({method.service for method in METHODS if method.group == service}):
        dispatcher.add(descriptor_pool.Default().FindServiceByName(each), servicer)
    certificates = Certificates(Path(settings.tls_dir), [name or service]) if settings.tls_dir else None
    front = front_of(settings, Metrics(), certificates) if fronted else None
    server = RpcServer(dispatcher, settings, certificates=certificates, front=front)
    await server.start()
    await server.ready()
    return Replica(service, server, servicer)


@asynccontextmanager
async def fleet(folder: Path, settings: Settings, *, fronted: bool = False, **names: str) -> AsyncIterator[Fleet]:
    """Run all of them; `names` are services whose replicas bear another's certificate."""
    issuer = Issuer()
    async with AsyncExitStack() as stack:
        replicas = []
        for service in (*PATHS, "timelines"):
            replicas.append(await start(service, issuer, settings, names.get(service, ""), fronted=fronted))
            stack.push_async_callback(replicas[-1].server.stop)
        known = replace(settings, port=0, services=",".join(each.address for each in replicas))
        config = fleet_config(known, jwks=issuer.jwks)
        envoy = Envoy(config, folder=folder, drain_s=settings.drain_s, tls_dir=settings.tls_dir)
        stack.push_async_callback(envoy.stop)
        await envoy.start()
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)))
        yield Fleet(Platform(envoy, replicas[0].server, issuer, http), replicas, issuer)


def tls_settings(folder: Path) -> Settings:
    certs.make(folder, days=2)
    return replace(SETTINGS, profile="cluster", tls_dir=str(folder), drain_notice_s=0.0)


@pytest_asyncio.fixture(loop_scope="session", params=["plain", "mutual TLS", "mutual TLS, fronts"])
async def ships(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    settings = SETTINGS if request.param == "plain" else tls_settings(tmp_path / "tls")
    async with fleet(tmp_path / "gateway", settings, fronted="fronts" in request.param) as running:
        await until(running.is_whole)
        yield running


async def test_each_call_goes_to_the_service_that_has_it(ships: Fleet) -> None:
    for service, path in PATHS.items():
        for replica in ships.replicas:
            replica.calls.clear()
        assert (await ships.gateway.call("GET", path)).status == 200
        assert {each.service for each in ships.replicas if each.calls} == {service}

    created = await ships.gateway.call("POST", "/api/v1/tweets", json={"content": "hello"})
    assert (created.status, ships.of("tweets")[0].calls[-1].method.name) == (200, "CreateTweet")


async def test_a_user_reads_at_one_replica_and_users_are_spread_over_all(ships: Fleet) -> None:
    first, second = ships.of("timelines")
    for user_id in range(1, 41):
        before = len(first.calls), len(second.calls)
        for _ in range(3):
            assert (await ships.home_of(user_id)).status == 200
        grown = len(first.calls) - before[0], len(second.calls) - before[1]
        assert sorted(grown) == [0, 3]

    spread = Counter({1: len(first.calls), 2: len(second.calls)})
    assert min(spread.values()) > 20


async def test_whose_read_it_is_comes_from_the_token_alone(ships: Fleet) -> None:
    for claimed in range(10):
        forged = {"x-aviary-user": str(claimed)}
        assert (await ships.gateway.call("GET", PATHS["timelines"], headers=forged)).status == 200

    (answering,) = (each for each in ships.of("timelines") if each.calls)
    assert len(answering.calls) == 10
    assert len({call.metadata["x-aviary-user"] for call in answering.calls}) == 1


async def test_services_believe_the_gateways_word_on_addresses(ships: Fleet) -> None:
    await ships.gateway.call("GET", PATHS["users"], headers={"x-aviary-address": "203.0.113.7"})
    (call,) = ships.of("users")[0].calls

    assert call.address == "127.0.0.1"
    assert call.metadata["x-aviary-address"] == "127.0.0.1"


async def test_reads_go_on_while_a_replica_goes(ships: Fleet) -> None:
    gone, left = ships.of("timelines")
    if gone.server._front:
        await gone.server._front.stop(0)
    await gone.server._server.stop(None)
    for user_id in range(1, 41):
        assert (await ships.home_of(user_id)).status == 200

    assert len(left.calls) >= 40


async def test_one_service_that_is_away_ends_no_calls_of_the_others(ships: Fleet) -> None:
    await ships.of("graph")[0].server.stop()

    assert (await ships.gateway.call("GET", PATHS["graph"])).refusal == (503, 14, "UNAVAILABLE")
    for service in ("users", "tweets", "timelines"):
        assert (await ships.gateway.call("GET", PATHS[service])).status == 200

    async def is_told() -> bool:
        return not await ships.is_whole()

    await until(is_told)
    assert (await ships.gateway.call("GET", "/livez", signed_in=False)).json == {"status": "ok"}


async def test_a_replica_with_the_certificate_of_another_service_is_not_talked_to(tmp_path: Path) -> None:
    settings = tls_settings(tmp_path / "tls")
    async with fleet(tmp_path / "gateway", settings, tweets="fanout") as ships:

        async def others_answer() -> bool:
            return (await ships.gateway.call("GET", PATHS["users"])).status == 200

        await until(others_answer)
        refused = await ships.gateway.call("GET", PATHS["tweets"])

    assert refused.refusal == (503, 14, "UNAVAILABLE")
    assert not ships.of("tweets")[0].calls


async def test_a_gateway_without_a_certificate_of_ours_gets_nowhere(tmp_path: Path) -> None:
    settings = tls_settings(tmp_path / "tls")
    certs.make(tmp_path / "strange", days=2)
    for file in ("gateway.pem", "gateway.key"):
        (tmp_path / "tls" / file).write_bytes((tmp_path / "strange" / file).read_bytes())
    async with fleet(tmp_path / "gateway", settings) as ships:
        for path in PATHS.values():
            assert (await ships.gateway.call("GET", path)).refusal == (503, 14, "UNAVAILABLE")
        assert not any(replica.calls for replica in ships.replicas)


def mount(folder: Path, made: Path) -> None:
    """Show the files of `made` in `folder` as Kubernetes does: links through one link, which is moved to its place."""
    folder.mkdir(exist_ok=True)
    (folder / "..next").symlink_to(made)
    (folder / "..next").replace(folder / "..data")
    for file in made.iterdir():
        if not (folder / file.name).is_symlink():
            (folder / file.name).symlink_to(Path("..data") / file.name)


async def test_a_new_authority_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    settings = tls_settings(tmp_path / "first")
    certs.make(tmp_path / "second", days=2)
    mount(tmp_path / "mounted", tmp_path / "first")
    settings = replace(settings, tls_dir=str(tmp_path / "mounted"))
    async with fleet(tmp_path / "gateway", settings) as ships:
        await until(ships.is_whole)
        mount(tmp_path / "mounted", tmp_path / "second")
        # One that was started since has nothing but the new files.
        (old,) = ships.of("users")
        await old.server.stop()
        new = await start("users", ships.issuer, replace(settings, grpc_port=old.server.port))
        try:

            async def is_connected() -> bool:
                return (await ships.gateway.call("GET", PATHS["users"])).status == 200

            await until(is_connected)
        finally:
            await new.server.stop()


def _clusters(config: Json) -> dict[str, Json]:
    return {cluster["name"]: cluster for cluster in config["static_resources"]["clusters"]}


async def test_only_services_that_people_call_have_a_cluster() -> None:
    config = fleet_config(replace(SETTINGS, services=f"{ADDRESSES},fanout=fanout.internal:1"), jwks="{}")

    assert _clusters(config).keys() == {*PATHS, "otlp"}
    assert set(SERVICES) - PATHS.keys() == {"fanout"}


async def test_only_reads_of_timelines_go_by_user() -> None:
    config = fleet_config(replace(SETTINGS, services=ADDRESSES), jwks="{}")
    listener = config["static_resources"]["listeners"][0]
    connections = listener["filter_chains"][0]["filters"][0]["typed_config"]
    calls = [each["route"] for each in connections["route_config"]["virtual_hosts"][0]["routes"] if "route" in each]

    assert {call["cluster"] for call in calls} == PATHS.keys()
    assert {call["cluster"] for call in calls if "hash_policy" in call} == {"timelines"}
    assert {name for name, each in _clusters(config).items() if each.get("lb_policy") == "RING_HASH"} == {"timelines"}


async def test_a_service_without_an_address_is_named() -> None:
    with pytest.raises(
        InvalidInput, match="AVIARY_SERVICES has no address of graph, to which the gateway passes calls"
    ):
        fleet_config(replace(SETTINGS, services="users=a:1,tweets=a:1,timelines=a:1"), jwks="{}")


async def test_plain_and_encrypted_are_told_apart_by_the_folder() -> None:
    plain = fleet_config(replace(SETTINGS, services=ADDRESSES), jwks="{}")
    encrypted = fleet_config(replace(SETTINGS, services=ADDRESSES, tls_dir="/nowhere"), jwks="{}")

    assert not any("transport_socket" in cluster for cluster in _clusters(plain).values())
    for service in PATHS:
        context = _clusters(encrypted)[service]["transport_socket"]["typed_config"]
        assert context["sni"] == f"{service}.aviary"


async def test_many_calls_at_once_are_all_answered(ships: Fleet) -> None:
    answers = await asyncio.gather(*(ships.home_of(user_id) for user_id in range(200)))
    assert {answer.status for answer in answers} == {200}
