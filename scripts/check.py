#!/usr/bin/env python3
"""Run every check that needs no running product: two lanes side by side, a line a step, output of the failing ones."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    command: tuple[str, ...]


def venv(name: str, program: str, *arguments: str) -> Step:
    return Step(name, (str(BIN / program), *arguments))


def cargo(name: str, subcommand: str, *arguments: str) -> Step:
    return Step(name, ("cargo", subcommand, "--manifest-path", "native/Cargo.toml", *arguments))


PYTHON = (
    venv("basedpyright", "basedpyright"),
    venv("mypy", "mypy"),
    venv("stubtest", "stubtest", "aviary._native", "--mypy-config-file", "pyproject.toml"),
    venv("layers", "lint-imports", "--no-logo"),
    venv("ruff format", "ruff", "format", "--check"),
    venv("ruff", "ruff", "check"),
    venv("proto fresh", "python", "scripts/proto.py", "--check"),
    venv("proto lint", "buf", "lint", "services/aviary/api/descriptors.binpb", "--config", "buf.yaml"),
)
# One after the other: cargo locks its target folder, so a second one would only wait.
RUST = (
    cargo("rustfmt", "fmt", "--check"),
    cargo("clippy", "clippy", "--locked", "--quiet", "--all-targets", "--features", "python", "--", "-D", "warnings"),
    cargo("cargo test", "test", "--locked", "--quiet", "--no-default-features"),
)


class Report:
    """Counts and prints outcomes as they come, from both lanes."""

    def __init__(self) -> None:
        self._printing = threading.Lock()
        self.failed: list[str] = []
        self.passed = 0

    def add(self, step: Step, *, seconds: float, run: subprocess.CompletedProcess[str]) -> None:
        with self._printing:
            print(f"{'FAIL' if run.returncode else 'ok':5}{step.name:14}{seconds:6.1f} s", flush=True)
            if run.returncode:
                self.failed.append(step.name)
                print(run.stdout, flush=True)
            else:
                self.passed += 1


def run_lane(steps: Sequence[Step], report: Report) -> None:
    for step in steps:
        start = time.monotonic()
        run = subprocess.run(
            step.command,
            check=False,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        report.add(step, seconds=time.monotonic() - start, run=run)


def environment() -> dict[str, str]:
    return os.environ | {
        "MYPYPATH": "services",  # stubtest reads no mypy_path
        "PYO3_PYTHON": str(BIN / "python"),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }


def main() -> None:
    names = [step.name for step in (*PYTHON, *RUST)]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", metavar="step", help=f"of: {', '.join(names)} (default: all)")
    wanted: list[str] = parser.parse_args().only or names
    if unknown := set(wanted) - set(names):
        parser.error(f"no step called {', '.join(sorted(unknown))}; there are {', '.join(names)}")

    report = Report()
    with ThreadPoolExecutor(max_workers=2) as lanes:
        runs = [lanes.submit(run_lane, [s for s in lane if s.name in wanted], report) for lane in (RUST, PYTHON)]
    for run in runs:
        run.result()
    print(f"{report.passed} passed, {len(report.failed)} failed")
    sys.exit(bool(report.failed))


if __name__ == "__main__":
    main()
