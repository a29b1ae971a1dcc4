"""The servers that all tests of a run share, whichever process asks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Never

import pytest
from tests.backends import shared as module
from tests.backends.server import NotStarted
from tests.backends.shared import Remote, Shared

pytestmark = pytest.mark.cluster


class Broken:
    """What does not start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> Never:
        raise NotStarted("it said why")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    monkeypatch.delenv("AVIARY_TEST_REDIS", raising=False)
    opened = Shared()
    yield opened
    opened.close()


def test_all_processes_are_told_of_one_server(shared: Shared) -> None:
    door = shared.door()
    with ThreadPoolExecutor(4) as workers:
        told = list(workers.map(lambda _: Remote(door).url("redis"), range(4)))

    assert {*told, shared.url("redis")} == {told[0]}


def test_several_kinds_start_side_by_side(shared: Shared) -> None:
    worker = Remote(shared.door())
    worker.begin("redis")
    worker.begin("redis_cluster")

    assert worker.url("redis").startswith("redis://")
    assert worker.url("redis_cluster").startswith("redis+cluster://")


def test_everybody_who_asks_is_told_why_one_did_not_start(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVERS", {"redis": "tests.backends.test_shared:Broken"})
    worker = Remote(shared.door())
    worker.begin("redis")
    for _ in range(2):
        with pytest.raises(NotStarted, match="it said why"):
            worker.url("redis")


def test_one_that_runs_already_is_not_started_again(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVERS", {"redis": "tests.backends.test_shared:Broken"})
    monkeypatch.setenv("AVIARY_TEST_REDIS", "redis://127.0.0.1:1")
    worker = Remote(shared.door())
    worker.begin("redis")

    assert worker.url("redis") == "redis://127.0.0.1:1"
