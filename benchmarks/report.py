"""`python -m benchmarks.report`: the newest records as one page of HTML that needs nothing else."""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from pathlib import Path

from benchmarks import published, svg
from benchmarks.archive import FOLDER, Record, newest
from benchmarks.figures import Figure
from benchmarks.loads import COLUMNS, loads
from benchmarks.svg import Bar, Line

OUT = FOLDER / "report.html"
_KINDS = {"": "core and platform", "scenarios": "scenarios", "peers": "peers in the same run", "growth": "growth"}
_KINDS |= {"volume": "much in it", "fleet": "a fleet on real servers", "warm": "timelines in Redis"}
_KINDS |= {"pulls": "authors that are pulled"}
_OPEN = re.compile(r"(.+)\.(?:load|rate)[\d.]+")
_SIZED = re.compile(r"(?:growth|curve)\.(.+)\.of_(\d+)\.(p50|cpu\.aviary)")
_SEEN = re.compile(r"(.+)\.(?:all|visible)\.p50")
_PEER = re.compile(r"peers\.((?:grpc\.)?\w+\.c\d+)\..+\.per_s")
_COSTS = ("aviary", "envoy", "servers", "peer", "redis", "empty", "client")
_PERCENTILES = ("p50", "p95", "p99", "p99.9")
_STYLE = """
:root { color-scheme: light dark; --bad: #c62828; --good: #2e7d32; --faint: #8885 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #81c784 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 1rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--faint); padding-top: 1rem }
.scroll { overflow-x: auto } .missed { color: var(--bad); font-weight: 600 } .met { color: var(--good) }
table { border-collapse: collapse; font-size: 14px }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
td, th { border-bottom: 1px solid var(--faint); padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
.number { text-align: right; white-space: nowrap }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem }
figure { margin: 0 } figcaption { font-size: 14px; min-height: 3rem }
.key { margin-right: .8rem; white-space: nowrap } .swatch { width: 18px; height: 10px; margin-right: .25rem }
figure svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: currentColor; overflow: visible }
figure .swatch { width: 18px; display: inline }
.grid { stroke: var(--faint) } .line { fill: none; stroke-width: 2 } .dashed { stroke-dasharray: 5 3 }
.c0 { --c: #1f77d4 } .c1 { --c: #e08214 } .c2 { --c: #2ca25f } .c3 { --c: #d6336c } .c4 { --c: #8e6bd8 }
.c5 { --c: #8a8d91 } .line { stroke: var(--c) } .dot, .box { fill: var(--c) }
.apart { border: 2px dashed var(--faint); padding: 0 1rem 1rem }
summary { cursor: pointer; font-weight: 600; padding: .4rem 0 }
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page; 1 and a sentence when there is no record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--record", type=Path, default=FOLDER, help="the folder with the records")
    parser.add_argument("--out", type=Path, default=OUT, help="the page")
    options = parser.parse_args(arguments)
    try:
        write(options.record, options.out)
    except (ValueError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 1
    print(f"wrote {options.out}", file=sys.stderr)
    return 0


def write(record: Path, out: Path) -> None:
    """The page of a folder's newest records. Raises ValueError when it holds none."""
    out.write_text(page(newest(record)), encoding="utf-8")


def page(records: Mapping[str, Record]) -> str:
    """All of it; the same records give the same page."""
    title = "Aviary, measured"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    ordered = sorted(records.values(), key=lambda each: list(_KINDS).index(each.kind) if each.kind in _KINDS else 99)
    parts = chain.from_iterable(section(ordered) for section in _SECTIONS)
    body = f"<h1>{title}</h1>{''.join(parts)}"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def _records(records: Sequence[Record]) -> Iterator[str]:
    rows = [
        (
            f"{escape(_KINDS.get(each.kind, each.kind))}{' <b>(a quick run)</b>' if each.is_quick else ''}",
            escape(each.date),
            escape(each.circumstances["world"]),
            escape(_machine(each)),
            escape(each.circumstances["machine"]["describe"] or "unknown"),
            f"{each.circumstances['machine']['load']:g}",
        )
        for each in records
    ]
    yield "<p>From the newest record of each kind. Method and bias stand in benchmarks/README.md.</p>"
    yield _table("", ("record", "date", "world", "machine", "commit", "load before"), rows)


def _machine(record: Record) -> str:
    machine = record.circumstances["machine"]
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']:.0f} GB, Python {machine['python']}"


def _targets(records: Sequence[Record]) -> Iterator[str]:
    aimed = [(record, figure) for record in records for figure in record.figures if figure.target]
    missed, met = (
        [
            (_verdict(figure), escape(_KINDS.get(record.kind, record.kind)), *_cells(figure))
            for record, figure in aimed
            if figure.is_met is wanted
        ]
        for wanted in (False, True)
    )
    columns = ("", "record", "figure", "#value", "target", "note")
    yield f"<h2>Targets</h2><p>{len(met)} of {len(aimed)} are met.</p>"
    yield _table("", columns, missed) if missed else ""
    yield f"<details><summary>Those that are met</summary>{_table('', columns, met)}</details>"


def _verdict(figure: Figure) -> str:
    if figure.is_met is None:
        return ""
    return '<span class="met">met</span>' if figure.is_met else '<span class="missed">missed</span>'


def _cells(figure: Figure) -> tuple[str, ...]:
    value = f"{figure.text} {figure.unit}".strip()
    return tuple(map(escape, (figure.name, value, str(figure.target or ""), figure.note)))


def _by_rate(records: Sequence[Record]) -> Iterator[str]:
    charts = [chart for record in records for chart in _rates(record)]
    if charts:
        yield "<h2>Latency by rate</h2><p>Open loops: from when a request was due.</p>"
        yield _charts(charts)


def _rates(record: Record) -> Iterator[str]:
    """A chart for everything that was put under more than one rate."""
    values = {each.name: each.value for each in record.figures}
    groups = defaultdict[str, list[str]](list)
    for name in values:
        if name.endswith(".per_s") and (found := _OPEN.fullmatch(name.removesuffix(".per_s"))):
            groups[found[1]].append(name.removesuffix(".per_s"))
    for group, names in groups.items():
        if len(names) > 1:
            ordered = sorted(names, key=lambda each: values[f"{each}.per_s"])
            drawn = [
                Line(
                    p, [(values[f"{each}.per_s"], values[f"{each}.{p}"]) for each in ordered if f"{each}.{p}" in values]
                )
                for p in _PERCENTILES
            ]
            yield svg.lines(_plain(group), [each for each in drawn if each.points], across="requests/s", up="ms")


def _plain(name: str) -> str:
    return name.removeprefix("scenario.").removeprefix("peers.").replace(".", " ").replace("_", " ")


def _scenarios(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        if found := loads(record.figures):
            rows = [
                (
                    escape(load.scenario),
                    escape(load.name),
                    *(_number(load.figures.get(statistic)) for statistic, _ in COLUMNS),
                )
                for load in found
            ]
            yield "<h2>Scenarios</h2>"
            yield _table("", ("scenario", "load", *(f"#{heading}" for _, heading in COLUMNS)), rows)
            yield _charts(list(_days(record)))


def _number(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f'<span class="missed">{figure.text}</span>' if figure.is_met is False else figure.text


def _days(record: Record) -> Iterator[str]:
    """A load that follows a day: what was asked and how it was answered, step by step."""
    steps = defaultdict[str, list[Mapping[str, float]]](list)
    for name in record.circumstances["latency_ms"]:
        if found := re.fullmatch(r"(.+)\.step\d+", name):
            steps[found[1]].append(record.latencies(name))
    for name, hours in steps.items():
        busy = [(float(hour), each) for hour, each in enumerate(hours) if each["count"]]
        drawn = [Line(p, [(hour, each[p]) for hour, each in busy]) for p in ("p50", "p95", "p99")]
        asked = Line("requests", [(hour, each["count"]) for hour, each in busy])
        yield svg.lines(f"{_plain(name)}, latency", drawn, across="hour", up="ms")
        yield svg.lines(f"{_plain(name)}, requests", [asked], across="hour", up="in the hour")


def _visible(records: Sequence[Record]) -> Iterator[str]:
    charts = []
    for record in records:
        values = {each.name: each.value for each in record.figures}
        found = [name.removesuffix(".p50") for name in values if _SEEN.fullmatch(name) and ".over." not in name]
        bars = [
            Bar(_plain(name), (p50, max(0.0, p99 - p50)), f"p50 {svg.number(p50)}, p99 {svg.number(p99)}")
            for name in found
            for p50, p99 in [(values[f"{name}.p50"], values[f"{name}.p99"])]
        ]
        if bars:
            title = f"Time to visible, {_KINDS.get(record.kind, record.kind)}"
            charts.append(svg.bars(title, bars, unit="ms", legend=("p50", "to p99")))
    if charts:
        yield "<h2>Time to visible</h2><p>From a tweet's acknowledgement until all followers who look have read it.</p>"
        yield _charts(charts)


def _growth(records: Sequence[Record]) -> Iterator[str]:
    charts = []
    for record in records:
        points = defaultdict[str, dict[str, list[tuple[float, float]]]](lambda: defaultdict(list))
        for figure in record.figures:
            if found := _SIZED.fullmatch(figure.name):
                points[found[3]][found[1]].append((float(found[2]), figure.value))
        for statistic, surfaces in points.items():
            drawn = [Line(_plain(name), sorted(each)) for name, each in surfaces.items() if len(each) > 1]
            if drawn:
                what, unit = ("Latency, p50", "ms") if statistic == "p50" else ("CPU of Aviary", "µs a page")
                title = f"{what}, {_KINDS.get(record.kind, record.kind)}"
                charts.append(svg.lines(title, drawn, across="how many there are", up=unit, is_log=True))
    if charts:
        yield "<h2>Growth</h2><p>The same page where there is much more of the rest.</p>"
        yield _charts(charts)


def _peers(records: Sequence[Record]) -> Iterator[str]:
    for record in records:
        groups = defaultdict[str, list[Figure]](list)
        for figure in record.figures:
            if found := _PEER.fullmatch(figure.name):
                groups[found[1]].append(figure)
        if groups:
            yield "<h2>Peers in the same run</h2>"
            yield _charts([_peer_bars(load, each) for load, each in groups.items()])


def _peer_bars(load: str, figures: Sequence[Figure]) -> str:
    bars = [
        Bar(figure.name.removeprefix(f"peers.{load}.").removesuffix(".per_s"), (figure.value,), figure.text)
        for figure in figures
    ]
    return svg.bars(_plain(load), bars, unit="requests/s")


def _cpu(records: Sequence[Record]) -> Iterator[str]:
    charts = []
    for record in records:
        costs = defaultdict[str, dict[str, float]](dict)
        for figure in record.figures:
            load, mark, process = figure.name.rpartition(".cpu.")
            if mark and process in _COSTS and figure.unit == "µs" and not _SIZED.fullmatch(figure.name):
                costs[load][process] = figure.value
        shown = [process for process in _COSTS if any(process in each for each in costs.values())]
        bars = [Bar(_plain(load), [each.get(process, 0.0) for process in shown]) for load, each in costs.items()]
        if bars:
            title = f"CPU by process, {_KINDS.get(record.kind, record.kind)}"
            charts.append(svg.bars(title, bars, unit="µs a request, an append", legend=shown))
    if charts:
        yield "<h2>CPU by process</h2><p>User and kernel time; a post's includes its fan-out.</p>"
        yield _charts(charts)


def _published(records: Sequence[Record]) -> Iterator[str]:
    figures = {each.name: each for record in records for each in record.figures}
    rows = []
    for system in published.systems():
        named = escape(system.name)
        link = f'<a href="{escape(system.source)}">{named}</a>' if system.source else named
        for at, quoted in enumerate(system.figures):
            # There is a ratio only of a run on the same graph.
            ratio = figures.get(f"{published.BESIDE}over.{system.slug}.{quoted.name}")
            mine = figures.get(f"{published.BESIDE}{quoted.ours}") if ratio else None
            rows.append(
                (
                    f"{link}<br>{escape(system.about)}" if not at else "",
                    escape(quoted.name),
                    f"{quoted.value:,g} {escape(quoted.unit)}",
                    escape(quoted.note),
                    f"{mine.text} {escape(mine.unit)}" if mine else "",
                    f"{ratio.text} times {_verdict(ratio)}" if ratio else "",
                )
            )
    yield '<h2>What others publish</h2><div class="apart"><p><b>Not of the same run, and on other hardware</b> where'
    yield " that is said: quoted so that orders of magnitude can be seen, each with its source.</p>"
    yield _table("", ("system", "figure", "#value", "", "#Aviary's", "how many times better"), rows)
    yield "</div>"


def _everything(records: Sequence[Record]) -> Iterator[str]:
    yield "<h2>Every figure</h2>"
    for record in records:
        rows = [(*_cells(each), _verdict(each)) for each in record.figures]
        table = _table("", ("figure", "#value", "target", "note", ""), rows)
        summary = f"{_KINDS.get(record.kind, record.kind)}, {record.date}: {len(rows)} figures"
        yield f"<details><summary>{escape(summary)}</summary>{table}</details>"


_SECTIONS = (_records, _targets, _by_rate, _scenarios, _visible, _growth, _peers, _cpu, _published, _everything)


def _charts(charts: Sequence[str]) -> str:
    return f'<div class="charts">{"".join(charts)}</div>' if charts else ""


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML already; a column whose name begins with # holds numbers."""
    kinds = [' class="number"' if name.startswith("#") else "" for name in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name.removeprefix("#"))}</th>'
        for kind, name in zip(kinds, columns, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for kind, cell in zip(kinds, row, strict=True))}</tr>" for row in rows
    )
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{named}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


if __name__ == "__main__":
    sys.exit(main())
