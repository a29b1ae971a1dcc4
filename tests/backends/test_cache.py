"""Programs that are fetched once: whole or not at all, and by one process at a time."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.backends.cache import cached, run, tool
from tests.backends.server import NotStarted


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_what_failed_half_way_is_not_there_and_is_made_by_the_next(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "first").touch()
        raise NotStarted("the second could not be had")

    def whole(folder: Path) -> None:
        (folder / "first").touch()
        (folder / "second").touch()

    with pytest.raises(NotStarted, match="the second"):
        cached("program-1", half)

    assert {each.name for each in cached("program-1", whole).iterdir()} == {"first", "second"}


def test_several_that_need_it_at_once_wait_for_one_of_them() -> None:
    made = []

    def slow(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.2)
        (folder / "whole").touch()

    with ThreadPoolExecutor(4) as several:
        found = list(several.map(lambda _: (cached("program-1", slow) / "whole").exists(), range(4)))

    assert found == [True] * 4
    assert len(made) == 1


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(NotStarted, match="no such luck"):
        run(sys.executable, "-c", "import sys; sys.exit('no such luck')")


def test_a_tool_that_is_missing_is_named_with_the_package_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotStarted, match=r"no mvn on this machine: install it \(Debian's package is maven\)"):
        tool("mvn")
