"""What is logged comes to its file, whole and in order, without anybody waiting for it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.rpc.waiting import until

from aviary import logs

_log = logging.getLogger("aviary.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger("aviary")
    kept = root.handlers, root.level, root.propagate
    looks = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    yield
    root.handlers, root.level, root.propagate = kept
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = looks


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_all_that_was_logged_before_the_end_is_written_in_its_order(tmp_path: Path) -> None:
    pen = logs.start("info", tmp_path / "logs" / "a.log")
    for number in range(500):
        _log.info("counted", extra={"number": number, "path": tmp_path})
    _log.debug("too_fine")
    pen.stop()

    written = lines(tmp_path / "logs" / "a.log")
    assert [each["number"] for each in written] == list(range(500))
    assert {(each["event"], each["level"], each["logger"], each["path"]) for each in written} == {
        ("counted", "info", "aviary.test", str(tmp_path))
    }


async def test_lines_come_soon_and_warnings_also_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.log"
    pen = logs.start("info", file)
    _log.info("first")
    await until(lambda: len(lines(file)) == 1, what="the line was there")
    _log.warning("second", exc_info=ValueError("on purpose"))
    await until(lambda: len(lines(file)) == 2, what="the warning was there")
    pen.stop()

    assert "on purpose" in str(lines(file)[1]["traceback"])
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told == ["second"]


def test_a_file_that_has_grown_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MAX_BYTES", 1_000)
    # Longer than the lines below take.
    monkeypatch.setattr(logs, "_TOGETHER_S", 20.0)
    file = tmp_path / "a.log"
    for number in range(2):
        pen = logs.start("info", file)
        for _ in range(20):
            _log.info("counted", extra={"number": number})
        pen.stop()

    assert {each["number"] for each in lines(tmp_path / "a.log.1")} == {1}
    assert {each["number"] for each in lines(tmp_path / "a.log.2")} == {0}


def test_what_nobody_can_write_is_dropped_and_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_WAITING", 10)
    # Longer than the lines below take.
    monkeypatch.setattr(logs, "_TOGETHER_S", 20.0)
    pen = logs.start("info", tmp_path / "a.log")
    for number in range(50):
        _log.info("counted", extra={"number": number})
    pen.stop()

    assert [each["number"] for each in lines(tmp_path / "a.log")] == list(range(10))
