"""The newest record of every kind, read back; without the packages that only measuring needs."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Target

# Not from `records`, whose latencies need such a package.
FOLDER = Path(__file__).parent / "record"
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:-([a-z]+))?")


@dataclass(frozen=True, slots=True)
class Record:
    """One record; `kind` is what its name ends with after the date, "" for the ordinary parts."""

    kind: str
    date: str
    figures: tuple[Figure, ...]
    # JSON, as `records.write_circumstances` leaves it.
    circumstances: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.date}-{self.kind}" if self.kind else self.date

    @property
    def is_quick(self) -> bool:
        return bool(self.circumstances["options"].get("quick"))

    def latencies(self, load: str) -> Mapping[str, float]:
        """A load's count and percentiles in milliseconds; nothing when the record has no such load."""
        found: Mapping[str, float] = self.circumstances["latency_ms"].get(load, {})
        return found


def newest(folder: Path) -> dict[str, Record]:
    """The newest record of each kind, by kind. Raises ValueError for a folder without any."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.csv")):
        if named := _NAME.fullmatch(file.stem):
            found[named[2] or ""] = file
    if not found:
        raise ValueError(f"{folder} holds no record")
    return {kind: _read(kind, found[kind]) for kind in sorted(found)}


def _read(kind: str, file: Path) -> Record:
    with file.open(encoding="utf-8", newline="") as stream:
        figures = tuple(_figure(row) for row in csv.DictReader(stream))
    circumstances = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return Record(kind, file.stem[:10], figures, circumstances)


def _figure(row: Mapping[str, str]) -> Figure:
    sign, _, bound = row["target"].partition(" ")
    target = Target(float(bound), at_least=sign == ">=") if bound else None
    return Figure(row["name"], float(row["value"]), row["unit"], target, row["note"])
