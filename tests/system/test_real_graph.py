"""A real social graph is loaded through the public API, and every home is what the journal says that it must be."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.system.loads import check, figure, seed
from tests.system.process import Launcher, Running, launcher, run

pytestmark = pytest.mark.real_graph

_DATA = Path(__file__).parents[3] / "shared" / "data"
_GRAPH = ("--graph", _DATA / "socfb-Reed98.edges", "--texts", _DATA / "tweets.tsv", "--tweets-per-user", 20)
_PEOPLE = 962
_TIERS = {"fanout_mid_followers": 30, "fanout_pull_followers": 100}


@pytest.fixture(scope="module")
def starter() -> Iterator[Launcher]:
    if not _DATA.is_dir():
        pytest.skip("no ../shared/data beside the checkout")
    with launcher() as made:
        yield made


def _check(journal: Path, platform: Running) -> str:
    said = check(journal, platform.url, "--appends")
    assert figure(r"tells of ([\d,]+) people", said) == _PEOPLE
    assert figure(r"walked ([\d,]+) home", said) == _PEOPLE
    return said


def _appended(platform: Running) -> int:
    with urllib.request.urlopen(platform.metrics, timeout=10) as response:
        return figure(r"^aviary_fanout_appended_entries_total ([\d.e+]+)$", response.read().decode())


def _load(starter: Launcher, folder: Path, **tiers: int) -> tuple[Running, Path, str]:
    journal = folder / "journal"
    platform = starter.up(folder / "data", limits="off", **tiers)
    seed(journal, platform.url, *_GRAPH)
    return platform, journal, _check(journal, platform)


def _tell(capsys: pytest.CaptureFixture[str], what: str, said: str, began: float) -> None:
    tweets, follows = figure(r"and ([\d,]+) tweets", said), figure(r"([\d,]+) follows", said)
    with capsys.disabled():
        print(f"Reed98, {follows} follows, {tweets} tweets, {what}: {time.monotonic() - began:.0f} s in all")


def test_every_home_is_right_also_without_its_cache_and_after_a_restart(
    starter: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    platform, journal, said = _load(starter, tmp_path)
    appended = _appended(platform)
    assert appended == figure(r"must have appended ([\d,]+) entries", said)

    dropped = run("cache", "drop", "--data-dir", tmp_path / "data")
    # Deep pages are held beside the warm lists, so there may be more lists than people.
    assert figure(r"dropped (\d+) timelines", dropped.stdout) >= _PEOPLE
    _check(journal, platform)

    assert platform.stop() == 0
    restarted = starter.up(tmp_path / "data", limits="off")
    _check(journal, restarted)
    assert restarted.stop() == 0
    _tell(capsys, f"{appended} entries appended, 0 differences in 3 checks", said, began)


def test_every_home_is_right_with_authors_of_every_tier(
    starter: Launcher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    platform, _, said = _load(starter, tmp_path, **_TIERS)
    # Mid and pull authors leave lists out on purpose, so there is no number to hold this against.
    appended = _appended(platform)
    assert 0 < appended < figure(r"must have appended ([\d,]+) entries", said)
    assert platform.stop() == 0
    _tell(capsys, f"tiers at 30 and 100, {appended} entries appended, 0 differences", said, began)
