"""The core's micro-benchmarks, run by pytest-benchmark, and the ratios that have targets."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, Target

_ROOT = Path(__file__).parents[1]
_CORE = "benchmarks/core"
# What quick runs leave out has no target.
_QUICK = ("test_ids.py", "test_merge.py", "test_sketch.py")


def measure(*, quick: bool) -> list[Figure]:
    """Run the benchmarks in one pytest and compare sides by their fastest rounds.

    The fastest round is what the code costs while nothing else ran; the same is taken of both sides.
    """
    fastest = _run([f"{_CORE}/{file}" for file in _QUICK] if quick else [_CORE])
    return [*_ratios(fastest), *_times(fastest)]


def _ratios(fastest: dict[str, float]) -> list[Figure]:
    ids, merge, sketch = Target(30, at_least=True), Target(8, at_least=True), Target(4, at_least=True)
    side = fastest.__getitem__
    return [
        _ratio("core.ids.ratio", side("test_ids[python]"), side("test_ids[core_list]"), ids, "1,000 ids a batch"),
        _ratio(
            "core.merge.ratio", side("test_heapq_over_lists"), side("test_held_store"), merge, "against heapq.merge"
        ),
        _ratio("core.sketch.ratio", side("test_bounter"), side("test_core"), sketch, "10,000 keys, against bounter"),
    ]


def _ratio(name: str, slow_s: float, fast_s: float, target: Target, note: str) -> Figure:
    return Figure(name, slow_s / fast_s, "times", target, note)


def _times(fastest: dict[str, float]) -> list[Figure]:
    return [Figure(f"core.{name.removeprefix('test_')}", took_s * 1e6, "µs") for name, took_s in fastest.items()]


def _run(paths: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "core.json"
        subprocess.run(  # noqa: S603 - this interpreter on our own files
            [
                *(sys.executable, "-m", "pytest", *paths, "--benchmark-only", "--benchmark-disable-gc", "-q"),
                *("-p", "no:cacheprovider", "--benchmark-max-time=1.0", f"--benchmark-json={report}"),
            ],
            check=True,
            cwd=_ROOT,
            stdout=subprocess.DEVNULL,
        )
        content = json.loads(report.read_text(encoding="utf-8"))
    return {each["name"]: each["stats"]["min"] for each in content["benchmarks"]}
