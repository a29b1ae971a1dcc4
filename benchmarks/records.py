"""A record: a run's figures as CSV, their circumstances and distributions as JSON, and the plot of the latter."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, table
from benchmarks.latency import Latencies
from benchmarks.machine import Machine

FOLDER = Path(__file__).parent / "record"
README = Path(__file__).parent / "README.md"
_COLUMNS = ("name", "value", "unit", "target", "met", "note")
PERCENTILES = (0, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 100)


def write_figures(file: Path, figures: Sequence[Figure]) -> None:
    """One row a figure, with all its digits."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(_COLUMNS)
        rows.writerows(_row(figure) for figure in figures)


def _row(figure: Figure) -> tuple[str, ...]:
    met = "" if figure.is_met is None else "yes" if figure.is_met else "no"
    return (figure.name, f"{figure.value:.6g}", figure.unit, str(figure.target or ""), met, figure.note)


def write_circumstances(
    file: Path, machine: Machine, world: str, options: Mapping[str, object], curves: Mapping[str, Latencies]
) -> None:
    """The machine, what was loaded, how the run was called, and each load's latencies in milliseconds."""
    content = {
        "machine": machine.as_dict(),
        "world": world,
        "options": dict(options),
        "latency_ms": {
            name: {"count": each.count} | {f"p{percentile:g}": each.ms(percentile) for percentile in PERCENTILES}
            for name, each in curves.items()
        },
    }
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_latest(
    readme: Path,
    title: str,
    figures: list[Figure],
    *,
    place: str = "latest record",
    tabled: Callable[[list[Figure]], str] = table,
) -> None:
    """Put the figures into the README between the two marks of `place`. Raises ValueError when it has none."""
    text = readme.read_text(encoding="utf-8")
    opening, closing = f"<!-- {place} -->\n", f"<!-- end of the {place} -->"
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{readme.name} has no place for the {place}, between {opening.strip()} and {closing}")
    readme.write_text(f"{before}{begin}{title}\n\n{tabled(figures)}\n{end}{after}", encoding="utf-8")
