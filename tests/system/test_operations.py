"""What an operator does to a running platform: examine, back up, restore, drop caches, run out of disk."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from tests.system.client import Client, Person, register
from tests.system.conditions import eventually
from tests.system.process import Launcher, Running, run
from tests.system.refusals import is_refused


def _again(person: Person, platform: Running) -> Client:
    return Client(platform.url, person.client.token)


def test_a_backup_of_a_running_platform_serves_the_same_timelines_elsewhere(
    starter: Launcher, data_dir: Path, tmp_path: Path
) -> None:
    platform = starter.up(data_dir)
    ada, bob = register(Client(platform.url)), register(Client(platform.url))
    bob.follow(ada)
    before = [ada.tweet(str(number))["id"] for number in range(3)][::-1]
    copy, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    assert run("backup", "--data-dir", data_dir, "--to", copy).returncode == 0
    ada.tweet("after the backup")
    assert run("restore", "--from", copy, "--data-dir", elsewhere).returncode == 0
    restored = starter.up(elsewhere)
    page = _again(bob, restored).get("/timeline/home").body
    assert [tweet["id"] for tweet in page["tweets"]] == before
    assert _again(ada, restored).post("/tweets", {"content": "and on"}).status == 200


def test_backup_and_restore_overwrite_nothing(starter: Launcher, data_dir: Path, tmp_path: Path) -> None:
    starter.up(data_dir).stop()
    copy = tmp_path / "copy"
    run("backup", "--data-dir", data_dir, "--to", copy)
    refused = [
        run("backup", "--data-dir", data_dir, "--to", copy),
        run("restore", "--from", copy, "--data-dir", data_dir),
        run("restore", "--from", tmp_path / "nowhere", "--data-dir", tmp_path / "new"),
        run("backup", "--data-dir", tmp_path / "nowhere", "--to", tmp_path / "new"),
    ]
    for done in refused:
        assert done.returncode == 1
        assert done.stderr.startswith("aviary: ")
        assert done.stderr.count("\n") == 1


def test_dropping_the_cache_changes_nothing_that_a_reader_sees(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir)
    ada = register(Client(platform.url))
    tweets = [ada.tweet(str(number))["id"] for number in range(3)][::-1]
    assert ada.home() == tweets
    assert run("cache", "drop", "--data-dir", data_dir).stdout == "dropped 1 timelines\n"
    assert ada.home() == tweets


def test_the_doctor_finds_nothing_wrong_with_a_sound_folder_and_names_a_damaged_store(
    starter: Launcher, data_dir: Path
) -> None:
    starter.up(data_dir).stop()
    sound = run("doctor", "--data-dir", data_dir, port=0)
    assert sound.returncode == 0, sound.stdout
    assert all(line.startswith("ok ") for line in sound.stdout.splitlines())
    (data_dir / "graph.db").write_bytes(b"this is no database" * 1_000)
    damaged = run("doctor", "--data-dir", data_dir, port=0)
    assert damaged.returncode == 1
    assert [line for line in damaged.stdout.splitlines() if line.startswith("FAIL") and "graph.db" in line]


def test_a_demo_fills_a_fresh_folder_and_leaves_a_used_one_alone(starter: Launcher, data_dir: Path) -> None:
    first = starter.up(data_dir, "--demo", limits="off")
    newcomer = register(Client(first.url))
    world = run("doctor", "--data-dir", data_dir, port=0)
    assert world.returncode == 0
    size = (data_dir / "tweets.db").stat().st_size
    first.stop()
    second = starter.up(data_dir, "--demo", limits="off")
    assert _again(newcomer, second).get("/users/me").status == 200
    assert (data_dir / "tweets.db").stat().st_size <= size * 2


def test_a_full_disk_refuses_writes_in_a_sentence_and_loses_nothing_acknowledged(
    starter: Launcher, data_dir: Path
) -> None:
    platform = starter.up(data_dir, limits="off")
    ada = register(Client(platform.url))
    acknowledged = [ada.tweet("before")["id"]]
    used = max(file.stat().st_size for file in data_dir.glob("*.db*"))
    unlimited = resource.prlimit(platform.process.pid, resource.RLIMIT_FSIZE)
    # No file of the process may grow further: what a full disk is to a store, without one.
    resource.prlimit(platform.process.pid, resource.RLIMIT_FSIZE, (used + 200_000, unlimited[1]))
    for number in range(2_000):
        answer = ada.post("/tweets", {"content": f"{number} " + "x" * 270})
        if answer.status != 200:
            break
        acknowledged.append(answer.body["id"])
    else:
        pytest.fail("the disk never filled")
    assert is_refused(answer, 503, "UNAVAILABLE") == ""
    assert ada.home() == acknowledged[::-1]

    resource.prlimit(platform.process.pid, resource.RLIMIT_FSIZE, unlimited)
    eventually(lambda: ada.post("/tweets", {"content": "space again"}, key="again").status == 200)
    assert ada.home()[1:] == acknowledged[::-1]
    platform.kill()
    survivor = starter.up(data_dir, limits="off")
    page = _again(ada, survivor).get("/timeline/home?limit=1").body
    assert [tweet["content"] for tweet in page["tweets"]] == ["space again"]
