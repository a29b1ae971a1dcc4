"""A fleet is the same product: what one process acknowledges, the others show."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from tests.system.client import Client, register
from tests.system.conditions import eventually
from tests.system.process import Running

from aviary.rpc.tls import host_of

pytestmark = pytest.mark.cluster


@pytest.fixture
def anybody(fleet: Running) -> Client:
    return Client(fleet.url)


def test_a_tweet_reaches_a_follower_whose_home_is_warm_and_one_whose_home_is_not(anybody: Client) -> None:
    ada, bob, cyd = register(anybody), register(anybody), register(anybody)
    first = ada.tweet("before anybody followed")["id"]
    for reader in (bob, cyd):
        reader.follow(ada)
    assert bob.home() == [first]
    second = ada.tweet("while bob is warm")["id"]

    eventually(lambda: bob.home() == [second, first], within_s=10)
    assert cyd.home() == [second, first]
    assert ada.home() == [second, first]


def test_counts_follow_what_they_count(anybody: Client) -> None:
    ada, bob = register(anybody), register(anybody)
    tweet = ada.tweet("count me")["id"]
    for call in (f"/tweets/{tweet}/like", f"/tweets/{tweet}/retweet", f"/tweets/{tweet}/bookmark"):
        assert bob.post(call).status == 200
    bob.follow(ada)

    def counted() -> tuple[int, int, int]:
        found = bob.get(f"/tweets/{tweet}").body
        return found["like_count"], found["retweet_count"], ada.get(f"/users/{ada.id}").body["follower_count"]

    eventually(lambda: counted() == (1, 1, 1), within_s=10)
    assert bob.delete(f"/tweets/{tweet}/like").status == 200
    eventually(lambda: counted() == (0, 1, 1), within_s=10)


def test_a_repeat_of_a_key_gets_the_first_tweet_whoever_serves_it(anybody: Client) -> None:
    ada = register(anybody)
    answers = [ada.post("/tweets", {"content": "once"}, key="the-key").body["id"] for _ in range(5)]
    assert len(set(answers)) == 1
    assert ada.home() == [answers[0]]


def test_a_session_that_ended_is_refused_everywhere(anybody: Client) -> None:
    ada = register(anybody)
    assert ada.get("/timeline/home").status == 200
    assert ada.post("/auth/logout").status == 200
    eventually(lambda: ada.get("/timeline/home").status == 401, within_s=5)
    eventually(lambda: ada.post("/tweets", {"content": "late"}).status == 401, within_s=5)


def test_no_process_answers_who_has_no_certificate(fleet: Running, tls_dir: Path) -> None:
    members = json.loads((fleet.data_dir / "fleet.json").read_text())
    authority = (tls_dir / "ca.pem").read_bytes()
    ours = grpc.ssl_channel_credentials(
        authority, *((tls_dir / f"operator.{end}").read_bytes() for end in ("key", "pem"))
    )
    strangers = grpc.ssl_channel_credentials(authority)
    assert {"users", "relay", "counting"} < members.keys()
    for name, member in members.items():
        assert _health(name, member["grpc"], ours) == "SERVING"
        assert _health(name, member["grpc"], strangers) == "UNAVAILABLE"
        assert _health(name, member["grpc"], None) == "UNAVAILABLE"


def _health(name: str, port: int, credentials: grpc.ChannelCredentials | None) -> str:
    address, options = f"127.0.0.1:{port}", [("grpc.ssl_target_name_override", host_of(name))]
    with (
        grpc.secure_channel(address, credentials, options) if credentials else grpc.insecure_channel(address) as channel
    ):
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            found = check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            return str(error.code().name)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(found.status)
