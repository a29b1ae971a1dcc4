"""`python -m benchmarks.planner`: the newest records' figures as the capacity planner ships them."""

from __future__ import annotations

import csv
import json
import operator
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Not from `records`, whose latencies need a package that only benchmarks have.
FOLDER = Path(__file__).parent / "record"
SHIPPED = Path(__file__).parent.parent / "services/aviary/planning/measured.json"
_DATED = r"\d{4}-\d\d-\d\d"
_COUNT = re.compile(r"[\d,]+")
_COUNTED = re.compile(r"count\((.+)\)")
_SIGNS = {"+": operator.add, "×": operator.mul, "÷": operator.truediv}


@dataclass(frozen=True, slots=True)
class Record:
    """One record's figures, with the cores of the machine as `machine.cores`."""

    name: str
    values: Mapping[str, float]
    notes: Mapping[str, str]

    def value(self, term: str) -> float:
        """A figure, or `count(figure)`: what its note begins with. Raises ValueError when the record lacks it."""
        counted = _COUNTED.fullmatch(term)
        name = counted[1] if counted else term
        if name not in self.values:
            raise ValueError(f"{self.name} has no figure {name}")
        if not counted:
            return self.values[name]
        found = _COUNT.match(self.notes[name])
        if found is None:
            raise ValueError(f"the note of {name} in {self.name} does not begin with a number")
        return float(found[0].replace(",", ""))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a figure of the planner comes from one record: terms and signs by turns, computed from the left."""

    name: str
    unit: str
    # What the record's name ends with, after its date.
    kind: str
    formula: str
    note: str
    # From the unit of the record to that of the planner.
    times: float = 1.0

    def value(self, record: Record) -> float:
        first, *rest = self.formula.split()
        value = record.value(first)
        for sign, term in zip(rest[::2], rest[1::2], strict=True):
            value = _SIGNS[sign](value, record.value(term))
        return value * self.times


_FLEET_PAGE, _FLEET_POST = "fleet.home.c16.max.cpu", "fleet.post.c16.max.cpu"
_ALL_SERVERS = "Cassandra, Kafka, Redis and S3 together, one of each"
_PULLED = "an author of 10,000 followers or more, read with each home; one Cassandra"
_IN_SQLITE = "in SQLite, with indices and the events of a week"
_ALONE = "with 1,000,000 tweets in it and the driver on the same cores"
RECIPES = (
    Recipe("cpu.home.gateway", "µs a page", "-fleet", f"{_FLEET_PAGE}.envoy", "a home page of twenty"),
    Recipe("cpu.home.services", "µs a page", "-fleet", f"{_FLEET_PAGE}.aviary", "a home page of twenty, all processes"),
    Recipe("cpu.home.servers", "µs a page", "-fleet", f"{_FLEET_PAGE}.servers", _ALL_SERVERS),
    Recipe("cpu.post.gateway", "µs a post", "-fleet", f"{_FLEET_POST}.envoy", "a post"),
    Recipe("cpu.post.services", "µs a post", "-fleet", f"{_FLEET_POST}.aviary", "with its fan-out, relay and counts"),
    Recipe("cpu.post.servers", "µs a post", "-fleet", f"{_FLEET_POST}.servers", _ALL_SERVERS),
    Recipe(
        "cpu.other",
        "times a home page",
        "-volume",
        "growth.user.of_1000000.cpu.aviary ÷ growth.home.of_1000000.cpu.aviary",
        "an author's page, embedded; the fleet's record has homes alone",
    ),
    Recipe("cpu.append.worker", "µs an append", "-warm", "warm.cluster.appends.cpu.worker", "a thousand homes a batch"),
    Recipe("cpu.append.cache", "µs an append", "-warm", "warm.cluster.appends.cpu.redis", "trimming included"),
    Recipe("cpu.read.cache", "µs a page", "-warm", "warm.read.cpu.redis", "a page of twenty of a list of 800"),
    Recipe("cpu.pull.services", "µs an author", "-pulls", "pulls.cpu.process", _PULLED),
    Recipe("cpu.pull.tables", "µs an author and replica", "-pulls", "pulls.cpu.tables", _PULLED),
    Recipe("size.list", "B a list", "-warm", "warm.cluster.list.used", "800 entries, every third with a reference"),
    Recipe(
        "pod.services.cores",
        "cores",
        "",
        "post.c16.max.per_s × post.c16.max.cpu.aviary",
        "what a process keeps busy at most with what one interpreter does: posts",
        1e-6,
    ),
    Recipe("memory.services", "MB a pod", "-fleet", "fleet.memory.aviary", "both processes of the fleet taken for one"),
    Recipe("memory.gateway", "MB a pod", "-fleet", "fleet.memory.envoy", "resident"),
    Recipe("disk.user", "B a person", "-volume", "volume.disk.users ÷ count(volume.load.people)", _IN_SQLITE, 1e6),
    Recipe("disk.follow", "B a follow", "-volume", "volume.disk.graph ÷ count(volume.load.follows)", _IN_SQLITE, 1e6),
    Recipe(
        "disk.write",
        "B a tweet or like",
        "-volume",
        "volume.disk.tweets ÷ count(volume.load.tweets_and_likes)",
        f"three tweets to five likes, {_IN_SQLITE}",
        1e6,
    ),
    Recipe("one.pages", "/s", "-volume", "volume.home.usual.c16.max.per_s", f"the most home pages {_ALONE}"),
    Recipe("one.posts", "/s", "-volume", "volume.post.c16.max.per_s", f"the most posts {_ALONE}"),
    Recipe("one.cores", "cores", "-volume", "machine.cores", "of the machine that the two above are of"),
    Recipe(
        "memory.one",
        "MB",
        "-volume",
        "volume.memory.aviary.at_the_end + volume.memory.envoy.at_the_end",
        "resident, with the world of 100,000 people open",
    ),
)


def newest(folder: Path, kind: str) -> Record:
    """The newest record of a kind. Raises ValueError when there is none."""
    found = sorted(file for file in folder.glob(f"*{kind}.csv") if re.fullmatch(f"{_DATED}{kind}", file.stem))
    if not found:
        raise ValueError(f"{folder} has no record DATE{kind}.csv")
    with found[-1].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    circumstances = json.loads(found[-1].with_suffix(".json").read_text(encoding="utf-8"))
    values = {row["name"]: float(row["value"]) for row in rows} | {"machine.cores": circumstances["machine"]["cores"]}
    name = f"{found[-1].stem}, a quick run" if circumstances["options"].get("quick") else found[-1].stem
    return Record(name, values, {row["name"]: row["note"] for row in rows})


def measured(folder: Path) -> str:
    """What the planner ships, as JSON. Raises ValueError when the records lack something."""
    figures = []
    for recipe in RECIPES:
        record = newest(folder, recipe.kind)
        value = float(f"{recipe.value(record):.6g}")
        figures.append(
            {
                "name": recipe.name,
                "value": value,
                "unit": recipe.unit,
                "record": record.name,
                "formula": recipe.formula,
                "note": recipe.note,
            }
        )
    return json.dumps({"figures": figures}, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file that is shipped; 1 and a sentence when the records lack something."""
    try:
        SHIPPED.write_text(measured(FOLDER), encoding="utf-8")
    except ValueError as error:
        print(f"planner: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
