"""The platform under test: `aviary up` on a folder of its own, as anybody would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes

START_S = 60.0
STOP_S = 30.0
# Limits would measure the limits. The cheapest hash: nobody logs in while the clock runs. Tokens outlast the run.
SETTINGS = {"AVIARY_LIMITS": "off", "AVIARY_BCRYPT_COST": "4", "AVIARY_ACCESS_TOKEN_TTL_S": "7200"}
_COMMAND = (sys.executable, "-c", "from aviary.cli import main; main()", "up", "--port", "0")


class SubjectFailed(Exception):
    """The platform did not start, or ended; its last lines are in the message."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A running platform: where it answers, where its fan-out's metrics are, and the process ids of each part."""

    url: str
    metrics: str
    processes: Mapping[str, Sequence[int]]
    ready_s: float
    grpc: str = ""


@contextmanager
def running(
    folder: Path, *, settings: Mapping[str, str] | None = None, tree: Path | None = None, start_s: float = START_S
) -> Iterator[Subject]:
    """The platform on `folder`, from its `ready` line until the body ends. Raises SubjectFailed.

    `tree` is another checkout of Aviary, with its core built, to run in place of this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    errors = folder / "stderr"
    began = time.perf_counter()
    with errors.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603 - this interpreter on our own command line
            [*_COMMAND, "--data-dir", str(folder / "data")],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(settings or {}, tree),
            text=True,
        )
    try:
        said = _until_ready(process, errors, start_s)
        ready_s = time.perf_counter() - began
        parts = {"aviary": [process.pid], "envoy": [envoy_of(process.pid)]}
        yield Subject(said["ready"], said.get("metrics", ""), parts, ready_s, said.get("grpc", ""))
    finally:
        _stop(process)


def environment(settings: Mapping[str, str], tree: Path | None = None) -> dict[str, str]:
    # What the operator of this machine has set must not change what is measured.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AVIARY_")}
    chosen = {"PYTHONPATH": str(tree / "services")} if tree else {}
    return {**inherited, **SETTINGS, **settings, **chosen}


def _until_ready(process: subprocess.Popen[str], errors: Path, start_s: float) -> dict[str, str]:
    """What the platform prints at its start, a name and an address a line."""
    assert process.stdout is not None
    said: dict[str, str] = {}
    # A platform that hangs says nothing, and reading would wait for it: its end ends the reading.
    watchdog = threading.Timer(start_s, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            name, _, address = line.strip().partition(" ")
            said[name] = address
            if name == "ready":
                return said
    finally:
        watchdog.cancel()
    raise SubjectFailed(f"the platform did not get ready: {errors.read_text(errors='replace')[-2000:]}")


def envoy_of(aviary: int) -> int:
    for child in processes.children(aviary):
        if processes.name(child) == "envoy":
            return child
    raise SubjectFailed("the platform runs without Envoy")


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
