"""A plan as one HTML page that needs nothing else: the tables, the growth drawn, every figure and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from aviary.planning.chart import Curve, draw
from aviary.planning.plan import Plan
from aviary.planning.tables import Table, appendix, overview, sentences

# Title, unit, the fleet's line and the one machine's.
_PANELS = (
    ("Cores", "of all nodes", "fleet.cores", "one.cores"),
    ("Memory", "GB of all nodes", "fleet.memory", "one.memory"),
    ("Disk", "GB of the servers", "fleet.disk", "one.disk"),
    ("Money", "a month", "cost.total", "one.cost"),
)
_LEGEND = (
    "As many people as the axis says, who do as much each as those above; a named point does what its scale says. "
    "Disk is without media."
)
_KEYS = '<span class="key fleet"></span>a fleet<span class="key one"></span>one machine, embedded, to where it ends'
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
table { border-collapse: collapse; margin: 0 0 1.5rem; font-size: 14px }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
td, th { border-bottom: 1px solid #8885; padding: .15rem .7rem .15rem 0; text-align: right; vertical-align: top }
.word { text-align: left; white-space: nowrap }
.word:last-child { white-space: normal; overflow-wrap: anywhere }
.tables { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: start }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem }
svg { width: 100%; font: 11px system-ui, sans-serif; fill: currentColor }
svg .title { font-size: 14px; font-weight: 600 }
svg .grid { stroke: #8884 }
svg polyline { fill: none; stroke-width: 2.5 }
.fleet { stroke: #1d76d2 } .one { stroke: #d9822b } .end { fill: #d9822b } .scale { fill: #c2185b }
.key { display: inline-block; width: 1.6rem; height: .3rem; vertical-align: middle; margin: 0 .3rem 0 1rem }
.key.fleet { background: #1d76d2 } .key.one { background: #d9822b }
"""


def render(plan: Plan, grown: Sequence[Plan], marks: Mapping[str, Plan]) -> str:
    """The page; `grown` are plans by rising number of people, `marks` those to point out, by name."""
    body = [f"<p>{escape(sentence)}</p>" for sentence in sentences(plan)]
    body += ['<div class="tables">', *(_table(table) for table in overview(plan)), "</div>"]
    body += ["<h2>Growth</h2>", f"<p>{escape(_LEGEND)}{_KEYS}</p>"]
    body += ['<div class="charts">', *_charts(grown, marks), "</div>", _table(_steps_of_growth(grown))]
    body += ["<h2>Every figure and step</h2>", *(_table(table) for table in appendix(plan))]
    title = f"Aviary for {plan.figures['workload.dau'].value:,.0f} people a day"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>{title}</h1>{"".join(body)}</body></html>\n'


def _charts(grown: Sequence[Plan], marks: Mapping[str, Plan]) -> list[str]:
    """A chart for each panel that has anything above 0: what is free is not drawn."""
    panels = [(title, unit, _curves(grown, marks, fleet, one)) for title, unit, fleet, one in _PANELS]
    return [draw(title, unit, curves) for title, unit, curves in panels if any(each.points for each in curves)]


def _curves(grown: Sequence[Plan], marks: Mapping[str, Plan], fleet: str, one: str) -> list[Curve]:
    curves = [Curve("a fleet", "fleet", _points(grown, fleet))]
    alone = _points([each for each in grown if _is_one_enough(each)], one)
    if alone:
        curves += [Curve("one machine", "one", alone), Curve("embedded ends", "end", alone[-1:])]
    return curves + [Curve(name, "scale", _points([each], fleet)) for name, each in marks.items()]


def _is_one_enough(plan: Plan) -> bool:
    # The last is planned for at the limit itself.
    return plan.figures["workload.dau"].value <= plan["one.limit"] * (1 + 1e-9)


def _points(plans: Sequence[Plan], name: str) -> list[tuple[float, float]]:
    """What a line says by people a day; logarithms know nothing of 0."""
    found = [(each.figures["workload.dau"].value, each.sheet[name].value) for each in plans]
    return [(people, value) for people, value in found if value > 0]


def _steps_of_growth(grown: Sequence[Plan]) -> Table:
    columns = (
        "people a day",
        "a fleet's cores",
        "memory, GB",
        "disk, GB",
        "media, GB",
        "money a month",
        "on one machine",
    )
    names = ("fleet.cores", "fleet.memory", "fleet.disk", "media.disk", "cost.total")
    rows = [
        (
            f"{each.figures['workload.dau'].value:,.0f}",
            *(f"{each[name]:,.0f}" for name in names),
            f"{each['one.cost']:,.0f}" if _is_one_enough(each) else "",
        )
        for each in grown
    ]
    return Table("The same as numbers", columns, rows, words=frozenset())


def _table(table: Table) -> str:
    head = "".join(_cell("th", at, text, table) for at, text in enumerate(table.columns))
    rows = "".join(
        f"<tr>{''.join(_cell('td', at, text, table) for at, text in enumerate(row))}</tr>" for row in table.rows
    )
    return f"<table><caption>{escape(table.title)}</caption><tr>{head}</tr>{rows}</table>"


def _cell(tag: str, at: int, text: str, table: Table) -> str:
    kind = ' class="word"' if at in table.words else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
