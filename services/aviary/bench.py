"""The `aviary bench` command: the scenarios of the benchmark suite, beside the package in the source tree."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from aviary.errors import InvalidInput, Unavailable

_CHECKOUT = Path(__file__).parents[2]


def bench(
    scenarios: Annotated[list[str] | None, typer.Argument(help="Names of scenarios; all when left out.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small worlds and short loads.")] = False,
    at: Annotated[
        str, typer.Option(metavar="URL", help="A platform that runs already; a world of new accounts is made there.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="The folder that takes the record; without it, it is printed.")
    ] = None,
) -> None:
    """Measure scenarios on this machine, or a platform that runs elsewhere, and check every answer."""
    raise typer.Exit(run(_CHECKOUT, scenarios or [], quick=quick, at=at, out=out))


def run(checkout: Path, scenarios: list[str], *, quick: bool, at: str, out: Path | None) -> int:
    """The suite's own exit status: 1 when an answer was wrong. Raises Unavailable where there is no suite."""
    suite = checkout / "benchmarks"
    if not (suite / "__main__.py").is_file():
        raise Unavailable("the benchmarks are in Aviary's source tree and not in the package; run this from a checkout")
    if not is_equipped():
        raise Unavailable("the benchmarks need packages of their own, which `make bench` installs")
    if at and not at.startswith(("http://", "https://")):
        raise InvalidInput(f"--at is {at!r}; it must be a URL such as http://127.0.0.1:8080")
    # A platform that runs is asked for all that can be asked of it; the suite knows what that is.
    known = [] if at else sorted(file.stem for file in (suite / "scenarios").glob("*.toml"))
    chosen = [word for name in scenarios or known for word in ("--scenario", name)]
    switches = [*(["--quick"] if quick else []), *(["--at", at] if at else [])]
    kept = ["--out", str(out.absolute())] if out else []
    command = [sys.executable, "-m", "benchmarks", *chosen, *switches, *kept]
    return subprocess.run(command, cwd=checkout, check=False).returncode  # noqa: S603 - this interpreter on our own files


def is_equipped() -> bool:
    """Whether what only the suite needs is installed."""
    return importlib.util.find_spec("hdrh") is not None
