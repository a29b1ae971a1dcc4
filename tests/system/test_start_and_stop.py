"""Starting, refusing to start, stopping and dying, as an operator meets them."""

from __future__ import annotations

import re
import socket
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import grpc
import pytest
from tests.system.client import Client, register
from tests.system.conditions import eventually
from tests.system.process import Launcher, run

from aviary import lifecycle

_NO_DEVICE = Path("/proc/aviary")


def _is_one_sentence(done: CompletedProcess[str], *parts: str) -> None:
    """Exit status 1, nothing on stdout, and one line on stderr that has these parts."""
    said = done.stderr.strip()
    assert (done.returncode, done.stdout) == (1, ""), done
    assert said.startswith("aviary: ")
    assert "\n" not in said
    assert all(part in said for part in parts), said


def _ends_with_a_sentence(done: CompletedProcess[str], *parts: str) -> None:
    """As above, below what was logged on the way."""
    *logged, said = done.stderr.strip().split("\n")
    assert (done.returncode, done.stdout) == (1, ""), done
    assert all(line.startswith("{") for line in logged), done.stderr
    assert said.startswith("aviary: ")
    assert all(part in said for part in parts), said


def test_the_addresses_are_printed_and_answer(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir)
    assert re.fullmatch(r"grpc 127\.0\.0\.1:\d+", platform.lines[-2])
    assert re.fullmatch(r"ready http://127\.0\.0\.1:\d+", platform.lines[-1])
    assert Client(platform.url).get("//healthz").body == {"status": "ok"}
    with grpc.insecure_channel(platform.grpc) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
    assert platform.stop() == 0
    assert platform.said_on_stderr == "draining\n"


def test_a_second_platform_on_the_same_folder_is_refused(starter: Launcher, data_dir: Path) -> None:
    first = starter.up(data_dir)
    _is_one_sentence(run("up", "--port", 0, "--data-dir", data_dir), str(data_dir), "another Aviary")
    assert Client(first.url).get("//healthz").status == 200


def test_a_folder_is_free_again_after_its_platform_died(starter: Launcher, data_dir: Path) -> None:
    starter.up(data_dir).kill()
    assert starter.up(data_dir).stop() == 0


def test_a_taken_port_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _is_one_sentence(run("up", "--port", port, "--data-dir", data_dir), str(port))
        # The line above ours is of gRPC's own core.
        *_, said = run("up", "--port", 0, "--data-dir", data_dir, grpc_port=port).stderr.splitlines()
        assert said == f"aviary: port {port} for gRPC is taken; choose another with AVIARY_GRPC_PORT"
        _is_one_sentence(run("up", "--port", 0, "--data-dir", data_dir, metrics_port=port), str(port))


def test_a_data_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    for place in (file, file / "below", _NO_DEVICE):
        _is_one_sentence(run("up", "--port", 0, "--data-dir", place), str(place))


def test_a_folder_that_many_processes_try_at_the_same_time_is_writable_to_all(data_dir: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lifecycle.prepare_folder, [data_dir] * 2_000))
    assert not list(data_dir.iterdir())


def test_stores_that_cannot_be_read_are_named(starter: Launcher, data_dir: Path) -> None:
    starter.up(data_dir).stop()
    store = data_dir / "tweets.db"
    store.write_bytes(b"this is no database" * 1_000)
    for extra in ("tweets.db-wal", "tweets.db-shm"):
        (data_dir / extra).unlink(missing_ok=True)
    _ends_with_a_sentence(run("up", "--port", 0, "--data-dir", data_dir), "the tweets store")
    store.unlink()
    store.mkdir()
    _ends_with_a_sentence(run("up", "--port", 0, "--data-dir", data_dir), "the tweets store")


def test_secrets_that_are_damaged_are_named(starter: Launcher, data_dir: Path) -> None:
    starter.up(data_dir).stop()
    for file in (data_dir / "secrets").iterdir():
        file.write_bytes(b"x")
    _is_one_sentence(run("up", "--port", 0, "--data-dir", data_dir), "secrets")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limits", "perhaps"),
        ("limit_tweets", "many"),
        ("limit_tweets", "0"),
        ("limit_tweets", "-3"),
        ("bcrypt_cost", "3"),
        ("bcrypt_cost", "40"),
        ("limit_tweet", "3"),
        ("fanout_mid_followers", "2000000"),
        ("deadline_ms", ""),
        ("drain_s", "nan"),
        ("drain_s", "-1"),
        ("log_level", "chatty"),
        ("port", "70000"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(data_dir: Path, name: str, value: str) -> None:
    arguments = ["up", "--data-dir", data_dir] + ([] if name == "port" else ["--port", 0])
    setting: dict[str, Any] = {name: value}
    _is_one_sentence(run(*arguments, **setting), f"AVIARY_{name.upper()}")
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("users+graph+tweets,timelines,relay,counting", "AVIARY_FLEET leaves out fanout"),
        ("users,graph,tweets,fanout,timelines,counting", "AVIARY_FLEET leaves out relay"),
        ("users,graph,tweets,fanout,timelines,relay+counting,search", "AVIARY_FLEET names search"),
        ("users+graph+tweets+users,fanout,timelines,relay,counting", "twice in one process, users+graph+tweets+users"),
        ("", "AVIARY_FLEET"),
    ],
)
def test_a_fleet_that_cannot_work_is_refused(data_dir: Path, layout: str, said: str) -> None:
    done = run("up", "--data-dir", data_dir, "--port", 0, profile="cluster", fleet=layout)
    _is_one_sentence(done, said)
    assert not data_dir.exists()


def test_a_stopping_platform_finishes_the_calls_under_way(starter: Launcher, data_dir: Path) -> None:
    # One hash at a time at this cost: when the first is answered, the others are under way.
    platform = starter.up(data_dir, bcrypt_cost=11)
    anybody = Client(platform.url)
    with ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(register, anybody) for _ in range(8)]
        wait(under_way, return_when=FIRST_COMPLETED)
        assert platform.stop() == 0
        people = [person.result() for person in under_way]
    again = starter.up(data_dir)
    assert [Client(again.url, person.client.token).get("/users/me").body["id"] for person in people] == [
        person.id for person in people
    ]


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_the_gateway_ends_with_its_platform(starter: Launcher, data_dir: Path, way: str) -> None:
    platform = starter.up(data_dir)
    port = int(platform.url.rsplit(":", 1)[1])
    platform.kill() if way == "kill" else platform.stop()
    eventually(lambda: not _listens(port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_everything_is_there_after_a_restart(starter: Launcher, data_dir: Path) -> None:
    first = starter.up(data_dir)
    ada, bob = register(Client(first.url)), register(Client(first.url))
    bob.follow(ada)
    tweets = [ada.tweet(str(number))["id"] for number in range(3)][::-1]
    assert bob.home() == tweets
    first.stop()
    second = starter.up(data_dir)
    bob_again = Client(second.url, bob.client.token)
    page = bob_again.get("/timeline/home").body
    assert [tweet["id"] for tweet in page["tweets"]] == tweets
    cursor = bob_again.get("/timeline/home?limit=1").body["pagination"]["next_cursor"]
    second.kill()
    third = starter.up(data_dir)
    rest = Client(third.url, bob.client.token).get(f"/timeline/home?cursor={cursor}").body
    assert [tweet["id"] for tweet in rest["tweets"]] == tweets[1:]


def test_a_session_that_was_ended_stays_ended_after_a_crash(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir)
    ada = register(Client(platform.url))
    assert ada.post("/auth/logout").status == 200
    platform.kill()
    again = starter.up(data_dir)
    assert Client(again.url, ada.client.token).get("/users/me").status == 401


def test_many_clients_at_once_are_all_served(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir, limits="off")
    ada = register(Client(platform.url))
    start = threading.Barrier(40)

    def post(number: int) -> str:
        start.wait(timeout=10)
        return str(ada.tweet(str(number))["id"])

    with ThreadPoolExecutor(40) as pool:
        made = set(pool.map(post, range(40)))
    assert set(ada.home()) == made
    assert len(made) == 40
