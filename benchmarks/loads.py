"""Loads side by side: the figures of scenarios as one row a load, for people who look for one among many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, table

# Of a load, the statistics that become columns, with their headings; all else of it stays in the record's own file.
COLUMNS = (
    ("per_s", "/s"),
    ("p50", "p50, ms"),
    ("p95", "p95"),
    ("p99", "p99"),
    ("p99.9", "p99.9"),
    ("cpu.aviary", "CPU µs: Aviary"),
    ("cpu.envoy", "Envoy"),
    ("cpu.client", "driver"),
    ("delivered.per_s", "delivered/s"),
    ("backlog", "backlog, s"),
    ("visible.p50", "visible p50, ms"),
    ("visible.p99", "p99"),
)
# "delivered.per_s" ends with "per_s", too: the longer names are looked for first.
_STATISTICS = sorted((name for name, _ in COLUMNS), key=len, reverse=True)
_PREFIX = "scenario."
# Told of a scenario and of none of its loads.
_APART = ("memory", "answers", "world", "over")


@dataclass(frozen=True, slots=True)
class Load:
    """One load of a scenario and what is known of it, by statistic."""

    scenario: str
    name: str
    figures: Mapping[str, Figure]


def loads(figures: Sequence[Figure]) -> list[Load]:
    """The loads in the order in which they were measured."""
    found: dict[tuple[str, str], dict[str, Figure]] = {}
    for figure in figures:
        statistic = next((each for each in _STATISTICS if figure.name.endswith(f".{each}")), "")
        load = figure.name.removesuffix(f".{statistic}")
        if figure.name.startswith(_PREFIX) and statistic and _is_load(load):
            _, scenario, name = load.split(".", 2)
            found.setdefault((scenario, name), {})[statistic] = figure
    return [Load(scenario, name, found) for (scenario, name), found in found.items() if _is_whole(found)]


def _is_load(name: str) -> bool:
    parts = name.split(".")
    return len(parts) > 2 and parts[2] not in _APART


def _is_whole(found: Mapping[str, Figure]) -> bool:
    # One operation's percentile among others is no load of its own.
    return "per_s" in found or "visible.p50" in found


def rest(figures: Sequence[Figure]) -> list[Figure]:
    """What is said of no load: memory, answers, how the world was loaded, and ratios to others."""
    return [each for each in figures if not each.name.startswith(_PREFIX) or each.name.split(".")[2] in _APART]


def tabled(figures: list[Figure]) -> str:
    """The loads as a Markdown table, and the rest as another."""
    head = f"| scenario | load | {' | '.join(heading for _, heading in COLUMNS)} |"
    rows = [head, f"| --- | --- |{' ---: |' * len(COLUMNS)}", *map(_row, loads(figures))]
    return "\n".join([*rows, "", table(rest(figures))])


def _row(load: Load) -> str:
    cells = [_cell(load.figures.get(statistic)) for statistic, _ in COLUMNS]
    return f"| {load.scenario} | {load.name} | {' | '.join(cells)} |"


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"**{figure.text}**" if figure.is_met is False else figure.text
