"""What other systems reach, quoted with its source, and how many times better ours is; never of the same run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, Target

FILE = Path(__file__).parent / "published.toml"
# What figures that stand beside those of others begin with.
BESIDE = "scenario.dense."


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """One number of another system; `ours` is the figure of scenario `dense` beside which it stands, if any."""

    name: str
    value: float
    unit: str
    ours: str = ""
    # How many times better ours is to be; 0: no target.
    times: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A system, what it was and ran on, and where that stands; a source of nobody's page is empty."""

    name: str
    slug: str
    about: str
    figures: tuple[Quoted, ...]
    source: str = ""


def systems() -> tuple[Published, ...]:
    content = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return tuple(
        Published(**{**each, "figures": tuple(Quoted(**figure) for figure in each["figures"])})
        for each in content["systems"]
    )


def ratios(values: Mapping[str, float]) -> list[Figure]:
    """How many times better ours is than each quoted figure that has one of ours in `values` beside it."""
    return [
        _ratio(system, quoted, values[f"{BESIDE}{quoted.ours}"])
        for system in systems()
        for quoted in system.figures
        if f"{BESIDE}{quoted.ours}" in values
    ]


def _ratio(system: Published, quoted: Quoted, ours: float) -> Figure:
    is_more_better = quoted.unit == "/s"
    value = ours / quoted.value if is_more_better else quoted.value / ours
    said = f"{Figure('', ours, quoted.unit).text} {quoted.unit} beside {quoted.value:,g}"
    note = f"{said}, {'more' if is_more_better else 'less'} is better; {system.name}, not of the same run"
    target = Target(quoted.times, at_least=True) if quoted.times else None
    return Figure(f"{BESIDE}over.{system.slug}.{quoted.name}", value, "times", target, note)
