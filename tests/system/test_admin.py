"""What operators do to accounts and counters of a running platform, by command."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.system.client import PASSWORD, Client, register
from tests.system.conditions import eventually
from tests.system.process import Launcher, Running, run
from tests.system.refusals import is_refused


def test_a_suspended_user_is_out_within_a_second_and_back_when_it_is_lifted(platform: Running) -> None:
    ada, bob = register(Client(platform.url)), register(Client(platform.url))
    bob.follow(ada)
    tweet = ada.tweet("hello")["id"]
    eventually(lambda: bob.home() == [tweet])
    credentials = {"username": ada.username, "password": PASSWORD}

    done = run("admin", "suspend", ada.username.upper(), "--data-dir", platform.data_dir)

    assert (done.returncode, done.stdout) == (0, f"suspended {ada.username.upper()}\n")
    eventually(lambda: ada.get("/users/me").status == 401, within_s=1.0)
    assert is_refused(ada.client.post("/auth/login", credentials), 403, "FORBIDDEN") == ""
    assert bob.home() == []
    assert bob.get(f"/users/{ada.id}").body["suspended"] is True
    assert run("admin", "unsuspend", ada.username, "--data-dir", platform.data_dir).returncode == 0
    assert ada.client.post("/auth/login", credentials).status == 200
    assert bob.home() == [tweet]


def test_the_verified_mark_is_given_and_taken_by_command(platform: Running) -> None:
    ada = register(Client(platform.url))
    for command, verified in (("verify", True), ("verify", True), ("unverify", False)):
        assert run("admin", command, ada.username, "--data-dir", platform.data_dir).returncode == 0
        assert ada.get("/users/me").body["verified"] is verified


def test_a_command_about_nobody_or_without_a_platform_says_so_in_a_sentence(platform: Running, tmp_path: Path) -> None:
    nobody = run("admin", "suspend", "nobody_at_all", "--data-dir", platform.data_dir)
    assert (nobody.returncode, nobody.stderr) == (1, "aviary: there is no user called 'nobody_at_all'\n")
    for command in (("admin", "verify", "ada"), ("reconcile",)):
        refused = run(*command, "--data-dir", tmp_path / "nowhere")
        assert refused.returncode == 1
        assert refused.stderr.startswith("aviary: no Aviary was ever started")
        assert refused.stderr.count("\n") == 1


def test_a_counter_that_drifted_is_reported_then_repaired(starter: Launcher, data_dir: Path) -> None:
    platform = starter.up(data_dir)
    ada, bob = register(Client(platform.url)), register(Client(platform.url))
    tweet = ada.tweet("hello")["id"]
    bob.follow(ada)
    bob.post(f"/tweets/{tweet}/like")
    sound = run("reconcile", "--data-dir", data_dir)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    assert sound.stdout.endswith(" counters: 0 drifted, 0 repaired\n")
    for store, statement in (
        ("tweets", f"UPDATE tweets SET likes = 7 WHERE id = {tweet}"),
        ("graph", f"UPDATE accounts SET followers = 9 WHERE user_id = {ada.id}"),
    ):
        with closing(sqlite3.connect(data_dir / f"{store}.db")) as connection, connection:
            connection.execute(statement)

    found = run("reconcile", "--data-dir", data_dir)
    assert found.returncode == 1
    *drifts, summary = found.stdout.splitlines()
    assert sorted(line.split(" ", 1)[1] for line in drifts) == sorted(
        [f"of {tweet} is 7, counted 1", f"of {ada.id} is 9, counted 1"]
    )
    assert summary.endswith(" counters: 2 drifted, 0 repaired")

    repaired = run("reconcile", "--repair", "--data-dir", data_dir)
    assert repaired.returncode == 0
    assert repaired.stdout.count(", repaired\n") == 2
    assert run("reconcile", "--data-dir", data_dir).returncode == 0
    assert ada.get(f"/users/{ada.id}").body["follower_count"] == 1
    assert bob.get(f"/tweets/{tweet}").body["like_count"] == 1
