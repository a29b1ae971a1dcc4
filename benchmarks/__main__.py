"""`python -m benchmarks`: measure, print, record."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aviary.seed.progress import Lines
from benchmarks import machine, plot, ratios, records, system
from benchmarks.crowd import world
from benchmarks.figures import missed, table
from benchmarks.plans import FULL, QUICK, Plan
from benchmarks.subject import SubjectFailed

# Of a load average; a machine that only runs this has next to none.
_QUIET = 0.5
PARTS = ("core", "start", "home", "post", "visible")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when an answer was wrong, else 0, targets missed or not."""
    options = _parser().parse_args(arguments)
    wanted = options.only or PARTS
    here = machine.this()
    if here.load > _QUIET:
        print(f"the machine is busy, load {here.load:g}: latencies will be too high", file=sys.stderr)
    place, name = world(quick=options.quick)
    with tempfile.TemporaryDirectory(prefix="aviary-bench-") as folder, system.driving(_plan(options)) as run:
        if "core" in wanted:
            run.figures += ratios.measure(quick=options.quick)
        system.measure(run, place, Path(folder), wanted, Lines(sys.stderr))
    print(table(run.figures))
    print("\n".join(f"missed: {each.name} {each.text} {each.unit}, {each.target}" for each in missed(run.figures)))
    out = options.out or (records.FOLDER if wanted == PARTS and not options.quick else None)
    if out:
        _record(out, run, here, name, vars(options))
    return 1 if run.faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small world and short loads, to see that all works")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part of it; may be repeated")
    parser.add_argument("--out", type=Path, help="where to record; a full run records by itself, others only so")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    return QUICK if options.quick else FULL


def _record(out: Path, run: system.Run, here: machine.Machine, name: str, options: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    date = dt.datetime.now(dt.UTC).date().isoformat()
    title = f"{date}, {name}: {here}"
    told = {key: value for key, value in options.items() if key != "out"}
    records.write_figures(out / f"{date}.csv", run.figures)
    records.write_circumstances(out / f"{date}.json", here, name, told, run.curves)
    plot.draw(out / f"{date}.png", run.curves, title)
    if out == records.FOLDER:
        records.write_latest(records.README, title, run.figures)
    print(f"recorded into {out}", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SubjectFailed as error:
        sys.exit(f"benchmarks: {error}")
