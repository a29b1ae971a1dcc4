"""`python -m benchmarks`: measure, print, record."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aviary.seed.progress import Lines
from benchmarks import (
    curves,
    fleet,
    footprint,
    loads,
    machine,
    plot,
    ratios,
    records,
    report,
    scenario,
    staging,
    system,
    versus,
    volume,
)
from benchmarks.crowd import world
from benchmarks.figures import missed, table
from benchmarks.peers import contest
from benchmarks.plans import FULL, QUICK, QUICK_VOLUME, VOLUME, Plan
from benchmarks.scenario import InvalidScenario
from benchmarks.subject import SubjectFailed

# Of a load average; a machine that only runs this has next to none.
_QUIET = 0.5
PARTS = ("core", "start", "home", "post", "visible")
VOLUME_PARTS = ("volume", "growth", "celebrity")
FLEET_PARTS = ("home", "post", "visible")
PEERS_PARTS = ("grpc", "home", "post")
_ALL_PARTS = sorted({*PARTS, *VOLUME_PARTS, *FLEET_PARTS, *PEERS_PARTS, *curves.PARTS})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 when an answer was wrong, else 0, targets missed or not."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    wanted = tuple(options.scenario or options.only or parts)
    if unknown := set(wanted) - set(parts):
        raise SystemExit(f"{', '.join(sorted(unknown))}: no part of this; choose from {', '.join(parts)}")
    here = machine.this()
    if here.load > _QUIET:
        print(f"the machine is busy, load {here.load:g}: latencies will be too high", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="aviary-bench-") as folder, system.driving(_plan(options)) as run:
        name = _measure(run, options, wanted, Path(folder))
    print(table(run.figures))
    print("\n".join(f"missed: {each.name} {each.text} {each.unit}, {each.target}" for each in missed(run.figures)))
    is_whole = wanted == parts and not (options.quick or options.against or options.scenario or options.at)
    out = options.out or (records.FOLDER if is_whole else None)
    if out:
        _record(out, run, here, name, vars(options))
    return 1 if run.faults else 0


def _parts(options: argparse.Namespace) -> Sequence[str]:
    if _is_scenarios(options):
        whole = [scenario.named(name, quick=options.quick) for name in scenario.names()]
        # What can't be asked of a platform that runs is left out, unless somebody asks for it by name.
        is_visit = options.at and not options.scenario
        return tuple(each.name for each in whole if not (is_visit and each.cold))
    if options.volume:
        return VOLUME_PARTS
    if options.growth:
        return curves.PARTS
    return FLEET_PARTS if options.fleet else PEERS_PARTS if options.peers else PARTS


def _is_scenarios(options: argparse.Namespace) -> bool:
    return bool(options.scenarios or options.scenario or options.at)


def _measure(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    if _is_scenarios(options):
        chosen = [scenario.named(name, quick=options.quick) for name in wanted]
        if options.at:
            return staging.visit(run, chosen, options.at, Lines(sys.stderr))
        return staging.measure(run, chosen, folder, Lines(sys.stderr))
    if options.against:
        place, name = world(quick=options.quick)
        versus.measure(run, place, folder, options.against.resolve(), Lines(sys.stderr))
        return name
    if options.fleet or options.peers:
        place, name = world(quick=options.quick)
        (fleet if options.fleet else contest).measure(run, place, folder, wanted, Lines(sys.stderr))
        return name
    if options.growth:
        return _growth(run, options, wanted, folder)
    return (_volume if options.volume else _system)(run, options, wanted, folder)


def _system(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    """Measure the ordinary parts; returns what was loaded."""
    place, name = world(quick=options.quick)
    if "core" in wanted:
        run.figures += [*ratios.measure(quick=options.quick), *footprint.measure()]
    system.measure(run, place, folder, wanted, Lines(sys.stderr))
    return name


def _volume(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    """Measure the parts of the volume; returns what was loaded."""
    plan = QUICK_VOLUME if options.quick else VOLUME
    volume.measure(run, plan, folder, frozenset(wanted))
    return f"made-up world of {plan.large.people:,} people"


def _growth(run: system.Run, options: argparse.Namespace, wanted: Sequence[str], folder: Path) -> str:
    """Measure the wanted curves; returns what was loaded."""
    plan = curves.QUICK_CURVES if options.quick else curves.CURVES
    curves.measure(run, plan, folder, wanted)
    return f"made-up worlds of up to {plan.sizes[-1].people:,} people"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small world and short loads, to see that all works")
    parser.add_argument("--volume", action="store_true", help="a platform with much in it, in place of the rest")
    parser.add_argument("--growth", action="store_true", help="how a home page's cost grows, and of one built anew")
    parser.add_argument("--fleet", action="store_true", help="the embedded platform, then a fleet on real servers")
    parser.add_argument("--peers", action="store_true", help="Aviary beside other ways to serve the same, in turn")
    parser.add_argument("--against", type=Path, help="another checkout, core built: home and post of both, in turn")
    parser.add_argument("--scenarios", action="store_true", help="every scenario of benchmarks/scenarios, in turn")
    parser.add_argument("--scenario", action="append", metavar="NAME", help="one of them; may be repeated")
    parser.add_argument("--at", metavar="URL", help="scenarios against a platform that runs; its world is made there")
    parser.add_argument("--only", action="append", choices=_ALL_PARTS, help="a part; may be repeated")
    parser.add_argument("--out", type=Path, help="where to record; a full run records by itself, others only so")
    return parser


def _plan(options: argparse.Namespace) -> Plan:
    return QUICK if options.quick else FULL


def _record(out: Path, run: system.Run, here: machine.Machine, name: str, options: dict[str, object]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    date = dt.datetime.now(dt.UTC).date().isoformat()
    title = f"{date}, {name}: {here}"
    told = {key: value for key, value in options.items() if key not in {"out", "against", "at"}}
    kind = next((each for each in ("volume", "growth", "fleet", "peers", "scenarios") if options[each]), "")
    kind = kind or ("scenarios" if options["scenario"] or options["at"] else "")
    file = f"{date}-{kind}" if kind else date
    records.write_figures(out / f"{file}.csv", run.figures)
    records.write_circumstances(out / f"{file}.json", here, name, told, run.curves)
    if not kind:
        plot.draw(out / f"{file}.png", run.curves, title)
    if out.resolve() == records.FOLDER:
        place = f"latest {kind} record" if kind else "latest record"
        tabled = loads.tabled if kind == "scenarios" else table
        records.write_latest(records.README, title, run.figures, place=place, tabled=tabled)
        report.write(out, report.OUT)
    print(f"recorded into {out}", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (SubjectFailed, InvalidScenario) as error:
        sys.exit(f"benchmarks: {error}")
