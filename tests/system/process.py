"""The platform as an operator has it: a process started by its command line, known by what it prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.switches import FRONT

COMMAND = (sys.executable, "-c", "from aviary.cli import main; main()")
_START_S = 180.0
_STOP_S = 30.0


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """What a command sees: these settings and none of the developer's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVIARY_")}
    return (
        kept
        | {"AVIARY_BCRYPT_COST": "4", "AVIARY_FRONT": FRONT}
        | {f"AVIARY_{name.upper()}": str(value) for name, value in settings.items()}
    )


def run(*arguments: object, timeout_s: float = _START_S, **settings: object) -> subprocess.CompletedProcess[str]:
    """Run a command of the platform to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@dataclass(slots=True)
class Running:
    """A platform that said that it is ready."""

    process: subprocess.Popen[str]
    data_dir: Path
    lines: list[str]
    errors: Path

    @property
    def url(self) -> str:
        return self._said("ready")

    @property
    def grpc(self) -> str:
        return self._said("grpc")

    @property
    def metrics(self) -> str:
        return self._said("metrics")

    @property
    def said_on_stderr(self) -> str:
        return self.errors.read_text()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(_STOP_S)

    def stop(self) -> int:
        """Ask it to end, as an operator does; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)

    def _said(self, what: str) -> str:
        return next(line.split(maxsplit=1)[1] for line in self.lines if line.startswith(f"{what} "))


class NotStarted(AssertionError):
    """The process ended, or its patience did, before the ready line."""


class Launcher:
    """Starts platforms, and ends at the latest on its own way out those that still run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(_STOP_S)
            if process.stdout is not None:
                process.stdout.close()

    def up(self, data_dir: Path, *options: str, port: int = 0, **settings: object) -> Running:
        """Start a platform and wait until it serves."""
        return self._start(data_dir, ("up", "--port", str(port), *options), settings)

    def serve(self, data_dir: Path, *parts: str, **settings: object) -> Running:
        """Start one more process of a fleet, with the secrets that are in its folder, and wait until it serves."""
        return self._start(data_dir, ("serve", *parts), settings)

    def _start(self, data_dir: Path, arguments: Sequence[str], settings: Mapping[str, object]) -> Running:
        with tempfile.NamedTemporaryFile("w", dir=self._folder, prefix="stderr", delete=False) as errors:
            process = subprocess.Popen(
                [*COMMAND, *arguments, "--data-dir", str(data_dir)],
                env=environment(settings),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._processes.append(process)
        lines = _lines_until_ready(process)
        if not lines or not lines[-1].startswith("ready "):
            raise NotStarted(f"no ready line: {lines} {Path(errors.name).read_text()[-2_000:]}")
        return Running(process, data_dir, lines, Path(errors.name))


def _lines_until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    impatience = threading.Timer(_START_S, process.kill)
    impatience.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("ready "):
                break
    finally:
        impatience.cancel()
    return lines


@contextmanager
def launcher() -> Iterator[Launcher]:
    with tempfile.TemporaryDirectory(prefix="aviary-system-") as folder, Launcher(Path(folder)) as starter:
        yield starter
