"""The process is killed under load again and again, and no acknowledged call is lost or done twice."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from tests.system.conditions import eventually
from tests.system.loads import check, figure, lines, seeding
from tests.system.process import Launcher, Running

# Enough for the load to outlast every kill; the same numbers give the same plan, so it goes on where it was.
_WORLD = ("--people", 80, "--tweets-per-user", 150)
_LOAD_S = 60.0


def _crash_and_check(starter: Launcher, folder: Path, *, kills: int, moments: Random) -> str:
    journal, data_dir = folder / "journal", folder / "data"
    for _ in range(kills):
        _kill_under_load(starter.up(data_dir, limits="off"), journal, calls=moments.randint(25, 300))
        survivor = starter.up(data_dir, limits="off")
        check(journal, survivor.url, "--sample", 50)
        survivor.kill()
    last = starter.up(data_dir, limits="off")
    said = check(journal, last.url, "--sample", "all")
    assert last.stop() == 0
    return said


def _kill_under_load(platform: Running, journal: Path, *, calls: int) -> None:
    # A call leaves two lines: that it was sent, and what came of it.
    enough = lines(journal) + 2 * calls
    with seeding(journal, platform.url, *_WORLD) as loader:
        eventually(lambda: lines(journal) >= enough or loader.poll() is not None, within_s=_LOAD_S)
        assert loader.poll() is None, "the load ended before the kill"
        platform.kill()


def _report(said: str, *, kills: int, seconds: float) -> None:
    tweets, doubts = figure(r"and ([\d,]+) tweets", said), figure(r"^([\d,]+) calls had no known outcome", said)
    print(f"{kills} kills under load in {seconds:.0f} s: {tweets} tweets, {doubts} unknown outcomes, 0 differences")


def test_three_kills_under_load_lose_and_repeat_nothing(starter: Launcher, tmp_path: Path) -> None:
    _crash_and_check(starter, tmp_path, kills=3, moments=Random(3))


@pytest.mark.crashes
def test_twenty_kills_under_load_lose_and_repeat_nothing(
    starter: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    said = _crash_and_check(starter, tmp_path, kills=20, moments=Random(20))
    with capsys.disabled():
        _report(said, kills=20, seconds=time.monotonic() - began)
