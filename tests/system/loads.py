"""The platform's own `seed` and `check` as an operator runs them: a journalled load, and its oracle."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.process import COMMAND, environment, run

# Far beyond what either takes alone on a small machine; a busy one is no failure.
_CHECK_S = 900.0
_SEED_S = 1_800.0


def seed(journal: Path, url: str, *options: object) -> str:
    """Load to the end; what the command said."""
    done = run("seed", "--journal", journal, "--url", url, *options, timeout_s=_SEED_S)
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout


@contextmanager
def seeding(journal: Path, url: str, *options: object) -> Iterator[subprocess.Popen[bytes]]:
    """Load while the body runs; on the way out the loader dies where it stands."""
    loader = subprocess.Popen(
        [*COMMAND, "seed", "--journal", str(journal), "--url", url, *map(str, options)],
        env=environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield loader
    finally:
        loader.kill()
        loader.wait()


def check(journal: Path, url: str, *options: object) -> str:
    """Compare what people see with the journal; what the command said. Fails on any difference."""
    done = run("check", "--journal", journal, "--url", url, *options, timeout_s=_CHECK_S)
    assert done.returncode == 0, f"{done.stdout[-3_000:]}\n{done.stderr[-1_000:]}"
    assert "0 differences" in done.stdout
    return done.stdout


def figure(pattern: str, text: str) -> int:
    """The number that a command said in the words of the pattern."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found is not None, f"no {pattern} in {text}"
    return int(float(found[1].replace(",", "")))


def lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
