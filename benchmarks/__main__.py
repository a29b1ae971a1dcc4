"""`python -m benchmarks`: measure, print, record."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aviary.seed.progress import Lines
from benchmarks import fleet, machine, plot, ratios, records, system, versus, volume
from benchmarks.crowd import world
from benchmarks.figures import missed, table
from benchmarks.peers import contest
from benchmarks.plans import FULL, QUICK, QUICK_VOLUME, VOLUME, Plan
from benchmarks.subject import SubjectFailed

# Of a load average; a machine that only runs this has next to none.
_QUIET = 0.5
PARTS = ("core", "start", "home", "post", "visible")
VOLUME_PARTS = ("volume", "growth", "celebrity")
FLEET_PARTS = ("home", "post", "visible")
PEERS_PARTS = ("home", "post")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when an answer was wrong, else 0, targets missed or not."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    wanted = tuple(options.only or parts)
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"{', '.join(sorted(unknown))}: no part of this; choose from {', '.join(parts)}")
    here = machine.this()
    if here.load > _QUIET:
        print(f"the machine is busy, load {here.load:g}: latencies will be too high", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="aviary-bench-") as folder, system.driving(_plan(options)) as run:
        name = _measure(run, options, wanted, Path(folder))
    print(table(run.figures))
    print("\n".join(f"missed: {each.name} {each.text} {each.unit}, {each.target}" for each in missed(run.figures)))
    out = options.out or (records.FOLDER if wanted == parts and not options.quick and not options.against else None)
    if out:
        _record(out, run, here, name, vars(options))
    return 1 if run.faults else 0


def _parts(options: argparse.Namespace) -> Sequence[str]:
    if options.volume:
        return VOLUME_PARTS
    return FLEET_PARTS if options.fleet else PEERS_PARTS if options.peers else PARTS


def _measure(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    if options.against:
        place, name = world(quick=options.quick)
        versus.measure(run, place, folder, options.against.resolve(), Lines(sys.stderr))
        return name
    if options.fleet or options.peers:
        place, name = world(quick=options.quick)
        (fleet if options.fleet else contest).measure(run, place, folder, wanted, Lines(sys.stderr))
        return name
    return (_volume if options.volume else _system)(run, options, wanted, folder)


def _system(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    """Measure the ordinary parts; returns what was loaded."""
    place, name = world(quick=options.quick)
    if "core" in wanted:
        run.figures += ratios.measure(quick=options.quick)
    system.measure(run, place, folder, wanted, Lines(sys.stderr))
    return name


def _volume(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    """Measure the parts of the volume; returns what was loaded."""
    plan = QUICK_VOLUME if options.quick else VOLUME
    volume.measure(run, plan, folder, frozenset(wanted))
    return f"made-up world of {plan.large.people:,} people"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small world and short loads, to see that all works")
    parser.add_argument("--volume", action="store_true", help="a platform with much in it, in place of the rest")
    parser.add_argument("--fleet", action="store_true", help="the embedded platform, then a fleet on real servers")
    parser.add_argument("--peers", action="store_true", help="Aviary beside other ways to serve the same, in turn")
    parser.add_argument("--against", type=Path, help="another checkout, core built: home and post of both, in turn")
    parser.add_argument("--only", action="append", choices=PARTS + VOLUME_PARTS, help="a part; may be repeated")
    parser.add_argument("--out", type=Path, help="where to record; a full run records by itself, others only so")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    return QUICK if options.quick else FULL


def _record(out: Path, run: system.Run, here: machine.Machine, name: str, options: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    date = dt.datetime.now(dt.UTC).date().isoformat()
    title = f"{date}, {name}: {here}"
    told = {key: value for key, value in options.items() if key not in {"out", "against"}}
    kind = next((each for each in ("volume", "fleet", "peers") if options[each]), "")
    file = f"{date}-{kind}" if kind else date
    records.write_figures(out / f"{file}.csv", run.figures)
    records.write_circumstances(out / f"{file}.json", here, name, told, run.curves)
    if not kind:
        plot.draw(out / f"{file}.png", run.curves, title)
    if out == records.FOLDER:
        place = f"latest {kind} record" if kind else "latest record"
        records.write_latest(records.README, title, run.figures, place=place)
    print(f"recorded into {out}", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SubjectFailed as error:
        sys.exit(f"benchmarks: {error}")
