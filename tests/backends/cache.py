"""Programs of the servers, kept outside the tree: fetched once by their own package clients, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.backends.server import NotStarted

# Java that is compiled less is sooner there: Cassandra serves after two thirds of the work.
SOON = ("-XX:TieredStopAtLevel=1",)
_FETCH_S = 900.0
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
# What Debian calls the package that brings a tool.
_PACKAGES = {"go": "golang-go", "java": "openjdk-17-jre-headless", "mvn": "maven", "redis-server": "redis-server"}
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>aviary</groupId><artifactId>backend</artifactId><version>1</version>
  <dependencies>{}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def jars(name: str, *artifacts: str) -> Path:
    """Return the folder with `artifacts`, each group:name:version, and all that they need to run."""

    def fetch(folder: Path) -> None:
        pom = folder / "pom.xml"
        pom.write_text(_POM.format("".join(_DEPENDENCY.format(*each.split(":")) for each in artifacts)))
        run(tool("mvn"), "-q", "-B", "-f", str(pom), _COPY, f"-DoutputDirectory={folder}", "-DincludeScope=runtime")

    return cached(name, fetch)


def go_program(name: str, package: str) -> Path:
    """Return the program that `go install` makes of `package`, a path with its version."""
    program = package.partition("@")[0].rpartition("/")[2]
    return cached(name, lambda folder: run(tool("go"), "install", package, GOBIN=str(folder))) / program


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of that name, which `make` fills when it isn't there yet; runs beside this one wait for it."""
    place = _root() / name
    if not place.is_dir():
        with _alone(name):
            if not place.is_dir():
                _fill(place, make)
    return place


def tool(name: str) -> str:
    """Return the path of a program of the machine; as root on Debian, installed when it is missing."""
    if (found := shutil.which(name)) is None:
        with _alone("apt"):
            _install(name)
        found = shutil.which(name)
    if found is None:
        raise NotStarted(f"there is no {name} on this machine: install it (Debian's package is {_PACKAGES[name]})")
    return found


def run(*command: str, **environment: str) -> None:
    """Run a command to its end. Raises NotStarted with its last words when it fails."""
    ended = subprocess.run(
        command,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_FETCH_S,
        check=False,
    )
    if ended.returncode:
        raise NotStarted(f"{' '.join(command)} failed:\n{ended.stdout[-2_000:]}")


def _root() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aviary" / "backends"
    root.mkdir(parents=True, exist_ok=True)
    return root


@contextmanager
def _alone(name: str) -> Iterator[None]:
    with (_root() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(place: Path, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-", ignore_cleanup_errors=True) as made:
        whole = Path(made) / place.name
        whole.mkdir()
        make(whole)
        whole.rename(place)


def _install(name: str) -> None:
    if shutil.which(name) is None and shutil.which("apt-get") is not None and os.geteuid() == 0:
        run("apt-get", "update", "-qq")
        run(
            "apt-get",
            "install",
            "-qq",
            "-y",
            "--no-install-recommends",
            _PACKAGES[name],
            DEBIAN_FRONTEND="noninteractive",
        )
