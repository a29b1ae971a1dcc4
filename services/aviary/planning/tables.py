"""What a plan says, as tables and sentences that a terminal and a page show alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aviary.planning.cost import ITEMS
from aviary.planning.demand import KINDS
from aviary.planning.figures import Figure
from aviary.planning.fleet import PODS
from aviary.planning.plan import Plan, weights

_CALLS = {
    "posts": "posts",
    "retweets": "retweets",
    "likes": "likes",
    "home": "home pages",
    "other": "other pages",
    "searches": "searches",
}
_PARTS = {
    "gateway": "gateway (Envoy)",
    "services": "services, relay, counting",
    "fanout": "fan-out",
    "apps": "nodes of these pods",
    "tables": "tables",
    "cache": "cache (warm timelines)",
    "log": "log",
    "search": "search, all of it assumed",
}
_BORDERS = {
    "in": "clients to gateway",
    "out": "gateway to clients",
    "stores": "tables and cache to services",
    "fanout": "fan-out to cache",
    "log": "into the log, with copies",
    "media-in": "uploads",
    "media-out": "pictures from the edge",
}
_ITEMS = {
    "apps": "nodes of pods",
    "tables": "nodes of tables",
    "cache": "nodes of the cache",
    "log": "nodes of the log",
    "search": "nodes of search",
    "disks": "disks",
    "traffic-out": "pages out",
    "traffic-zones": "between zones",
    "media-kept": "media kept",
    "media-out": "media out",
}
_HEAVIEST = 8
_PREFIXES = ("GB", "TB", "PB", "EB")
NOT_COUNTED = (
    "Not counted: building lists that are cold, TLS and the network between processes, compressing, transcoding of "
    "media, backups, other regions, notifications, messages, the people who run it, and a reserve for growth."
)
PRICES = "Prices are round placeholders; put your own, and better figures of any kind, in a file for --assumptions."


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; all but the first column are numbers, unless said otherwise."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    # Columns of words, from 0.
    words: frozenset[int] = frozenset({0})


def short(value: float) -> str:
    """Three digits that count, and all of those of large numbers."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def exact(value: float) -> str:
    """Six digits that count, and all of those of large numbers."""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"


def size(gigabytes: float) -> str:
    """Gigabytes in the prefix that suits them."""
    for prefix in _PREFIXES[:-1]:
        if gigabytes < 1_000:
            return f"{short(gigabytes)} {prefix}"
        gigabytes /= 1_000
    return f"{short(gigabytes)} {_PREFIXES[-1]}"


def overview(plan: Plan) -> list[Table]:
    """What is asked for, what carries it and what that costs."""
    return [_calls(plan), _fleet(plan), _traffic(plan), _money(plan), _heaviest(plan)]


def _calls(plan: Plan) -> Table:
    rows = [(_CALLS[kind], short(plan[f"mean.{kind}"]), short(plan[f"peak.{kind}"])) for kind in KINDS]
    pushed, pulled = plan["audience.pushed"], plan["audience.pulled"]
    rows.append(("deliveries to timelines", short(plan["mean.deliveries"]), short(plan["peak.deliveries"])))
    title = f"Calls a second; a post is pushed to {short(pushed)} timelines, a home pulls {short(pulled)} authors"
    return Table(title, ("", "mean", "peak"), rows)


def _fleet(plan: Plan) -> Table:
    rows = [_part(plan, part, "busy", "cores", "pods", "", "", "", "") for part in PODS]
    rows.append(_part(plan, "apps", "", "cores", "", "nodes", "each", "memory", ""))
    rows.append(_part(plan, "tables", "busy", "cores", "", "nodes", "each", "", "disk"))
    rows.append(_part(plan, "cache", "busy", "cores", "", "nodes", "each", "memory", ""))
    rows.append(_part(plan, "log", "", "", "", "nodes", "each", "", "disk"))
    rows.append(_part(plan, "search", "busy", "cores", "", "nodes", "each", "", "disk"))
    rows.append(("objects (media)", "", "", "", "", "", "", size(plan["media.disk"])))
    whole = (
        short(plan["fleet.cores"]),
        "",
        short(plan["fleet.nodes"]),
        "",
        size(plan["fleet.memory"]),
        size(plan["fleet.disk"]),
    )
    rows.append(("all nodes as bought", "", *whole))
    lost, zones = (short(plan.figures[name].value) for name in ("zones.lost", "zones.all"))
    title = f"Fleet: carries the peak with {lost} of {zones} zones lost"
    return Table(title, ("", "busy", "cores", "pods", "nodes", "cores each", "memory", "disk"), rows)


def _part(plan: Plan, part: str, *columns: str) -> tuple[str, ...]:
    return (_PARTS[part], *(_cell(plan, part, column) for column in columns))


def _cell(plan: Plan, part: str, column: str) -> str:
    if not column:
        return ""
    if column == "each":
        nodes = plan[f"{part}.nodes"]
        return short(plan[f"{part}.full"] * plan.figures[f"node.{part}.cores"].value / nodes) if nodes else ""
    value = plan[f"{part}.{column}"]
    return size(value) if column in {"memory", "disk"} else short(value)


def _traffic(plan: Plan) -> Table:
    rows = [
        (words, short(plan[f"traffic.{border}.mean"]), short(plan[f"traffic.{border}.peak"]))
        for border, words in _BORDERS.items()
    ]
    return Table("Traffic in Gbit/s", ("", "mean", "peak"), rows)


def _money(plan: Plan) -> Table:
    total = plan["cost.total"]
    rows = [
        (_ITEMS[item.removeprefix("cost.")], short(plan[item]), f"{plan[item] / total:.1%}" if total else "")
        for item in ITEMS
    ]
    rows += [("total", short(total), ""), ("for 1,000 people a day", short(plan["cost.thousand"]), "")]
    return Table("Money a month, with the storage full", ("", "money", "share"), rows)


def _heaviest(plan: Plan) -> Table:
    rows = [
        (
            each.figure.name,
            f"{short(each.figure.value)} {each.figure.unit}",
            each.figure.origin.value,
            f"{each.change:+.1%}",
        )
        for each in weights(plan)[:_HEAVIEST]
    ]
    title = "What the total hangs on most: its change with a tenth more of a figure"
    return Table(title, ("figure", "value", "origin", "total"), rows, words=frozenset({0, 1, 2}))


def sentences(plan: Plan) -> list[str]:
    """What to know before believing it."""
    return [extrapolation(plan), single(plan), NOT_COUNTED, PRICES]


def extrapolation(plan: Plan) -> str:
    """How far from the records it goes."""
    cores = plan.figures["one.cores"].value
    return (
        f"This is an extrapolation: linear from records of a machine with {short(cores)} cores, on which the platform, "
        f"its servers and the driver ran together, to {short(plan['fleet.cores'] / cores)} times as many cores. "
        "Measure a tenth of it before you buy all of it."
    )


def single(plan: Plan) -> str:
    """Where the embedded profile ends."""
    figures = plan.figures
    machine = (
        f"One machine like the measured one ({short(figures['one.cores'].value)} cores, embedded profile, at most "
        f"{short(figures['one.pages'].value)} home pages/s or {short(figures['one.posts'].value)} posts/s) "
    )
    carries = f"carries {short(plan['one.limit'])} such people a day at {figures['use.cpu'].value:.0%} of that"
    if figures["workload.dau"].value > plan["one.limit"]:
        return f"{machine}{carries}; beyond, it takes a fleet."
    return (
        f"{machine}{carries}, so it carries these, with {size(plan['one.memory'])} of memory and "
        f"{size(plan['one.disk'])} of disk for {short(plan['one.cost'])} money a month."
    )


def appendix(plan: Plan) -> list[Table]:
    """Every figure with its source, and every step."""
    return [_figures(plan.figures.values()), _steps(plan)]


def _figures(figures: Iterable[Figure]) -> Table:
    rows = [(each.name, exact(each.value), each.unit, each.origin.value, each.source) for each in figures]
    return Table("Figures", ("name", "value", "unit", "origin", "source"), rows, words=frozenset({0, 2, 3, 4}))


def _steps(plan: Plan) -> Table:
    rows = [(line.name, exact(line.value), line.unit, line.formula) for line in plan.lines.values()]
    return Table("Steps", ("name", "value", "unit", "formula"), rows, words=frozenset({0, 2, 3}))
