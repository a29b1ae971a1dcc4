"""The cluster profile beside the embedded one: the same world and the same loads on both, one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aviary.seed.progress import Progress
from aviary.seed.world import World
from benchmarks import processes, subject
from benchmarks.crowd import crowd, settle
from benchmarks.subject import Subject, SubjectFailed
from benchmarks.system import Run, exercise, loads, warm_up

EMBEDDED, FLEET = "embedded.", "fleet."
_CONNECTIONS = (16,)
_START_S = 200.0
_STOP_S = 60.0
_EXERCISE_S = 20.0
_SERVERS = (sys.executable, "-m", "tests.backends", "up", "--folder")
# Few processes for few cores: what calls each other together, what works behind the log together.
LAYOUT = "users+graph+tweets+timelines+fanout,relay+counting"
_MIGRATE = (sys.executable, "-m", "aviary", "migrate")


def measure(run: Run, place: World, folder: Path, wanted: Collection[str], progress: Progress) -> None:
    """Add the figures of the wanted parts, home, post and visible, of both profiles."""
    run.of = EMBEDDED
    with subject.running(folder / "embedded") as platform:
        _load(run, platform, place, folder / "embedded.journal", wanted=wanted, progress=progress)
    run.of = FLEET
    with _fleet(folder) as platform:
        _load(run, platform, place, folder / "fleet.journal", wanted=wanted, progress=progress)
    run.of = ""
    run.add_answers()


def _load(
    run: Run, platform: Subject, place: World, journal: Path, *, wanted: Collection[str], progress: Progress
) -> None:
    summary = settle(place, platform.url, journal, progress)
    run.add("load.per_s", summary.acknowledged.total() / summary.elapsed_s, "/s", note="calls of the load, mixed")
    people = warm_up(run, platform, crowd(place, journal))
    exercise(run, platform, people, duration_s=_EXERCISE_S)
    loads(run, platform, people, wanted, connections=_CONNECTIONS)
    for part, pids in platform.processes.items():
        run.add(f"memory.{part}", processes.rss_mb(pids), "MB", note="resident, at the end")


@contextmanager
def _fleet(folder: Path) -> Iterator[Subject]:
    """One server of each kind and the processes of a fleet on them, all on this machine."""
    with _servers(folder / "servers") as (settings, servers):
        chosen = {**settings, "AVIARY_PROFILE": "cluster", "AVIARY_FLEET": LAYOUT}
        subprocess.run(_MIGRATE, env=subject.environment(chosen), check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
        with subject.running(folder / "fleet", settings=chosen, start_s=_START_S) as platform:
            members = json.loads((folder / "fleet" / "data" / "fleet.json").read_text(encoding="utf-8"))
            parts = {
                "aviary": [each["pid"] for each in members.values()],
                "envoy": platform.processes["envoy"],
                "servers": servers,
            }
            # Of all processes only the fan-out's knows what was delivered.
            (delivering,) = (each for name, each in members.items() if "fanout" in name)
            metrics = f"http://127.0.0.1:{delivering['metrics']}/metrics"
            yield replace(platform, metrics=metrics, processes=parts)


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[Mapping[str, str], list[int]]]:
    """The settings that name them, and their process ids."""
    folder.mkdir(parents=True)
    process = subprocess.Popen([*_SERVERS, str(folder)], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        settings: dict[str, str] = {}
        for line in lines:
            if line.strip() == "ready":
                break
            name, _, value = line.strip().partition("=")
            settings[name] = value
        else:
            raise SubjectFailed("the servers did not start")
        yield settings, processes.children(process.pid)
    finally:
        process.terminate()
        process.wait(_STOP_S)
        if process.stdout is not None:
            process.stdout.close()
