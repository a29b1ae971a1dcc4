"""The `aviary plan` command."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import rich.table
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.text import Text

from aviary.errors import Unavailable
from aviary.planning import figures, scales
from aviary.planning.figures import Figure, Origin
from aviary.planning.page import render
from aviary.planning.plan import Plan, growth
from aviary.planning.plan import plan as planned
from aviary.planning.tables import Table, appendix, extrapolation, overview, sentences

_PIPED_WIDTH = 120
# The least and the most people a day that growth is drawn for.
_DRAWN = (1e3, 500e6)


def plan(
    *,
    scale: Annotated[str, typer.Option(help="What people do, by name: design or larger.")] = "design",
    dau: Annotated[
        str, typer.Option(help="People a day, such as 200M; all below follows in proportion where it is not given.")
    ] = "",
    accounts: Annotated[str, typer.Option(help="Accounts in all.")] = "",
    posts: Annotated[str, typer.Option(help="Tweets a day.")] = "",
    home_reads: Annotated[str, typer.Option(help="Pages of home timelines a day.")] = "",
    other_reads: Annotated[str, typer.Option(help="Pages of other timelines a day.")] = "",
    likes: Annotated[str, typer.Option(help="Likes and retweets a day.")] = "",
    searches: Annotated[str, typer.Option(help="Searches a day.")] = "",
    follows: Annotated[str, typer.Option(help="How many an account follows, on average.")] = "",
    media_share: Annotated[str, typer.Option(help="Of tweets, those with media: 30% or 0.3.")] = "",
    media_mb: Annotated[str, typer.Option(help="What such a tweet uploads, in MB.")] = "",
    retention_days: Annotated[str, typer.Option(help="How many days of content are stored.")] = "",
    peak_factor: Annotated[str, typer.Option(help="The busiest second over the mean.")] = "",
    assumptions: Annotated[Path | None, typer.Option(help="Figures of your own, TOML: price.core = 12.5")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print every figure with its source and every step.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it for machines.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write a page with the growth drawn, such as plan.html.")
    ] = None,
) -> None:
    """Turn measured figures into a fleet and what it costs: pods, nodes, memory, disk, bandwidth, money."""
    given = {
        "dau": dau,
        "accounts": accounts,
        "posts": posts,
        "home-reads": home_reads,
        "other-reads": other_reads,
        "likes": likes,
        "searches": searches,
        "follows": follows,
        "media-share": media_share,
        "media-mb": media_mb,
        "retention-days": retention_days,
        "peak-factor": peak_factor,
    }
    asked = {name: scales.amount(name, text) for name, text in given.items() if text}
    known = figures.shipped() if assumptions is None else figures.overridden(figures.shipped(), assumptions)
    made = planned({**scales.workload(scale, asked), **known})
    if out is not None:
        _write(out, made, known)
    if as_json:
        typer.echo(json.dumps(_for_machines(made), indent=1, ensure_ascii=False))
    else:
        _print(made, explain=explain)
        if out is not None:
            typer.echo(f"wrote {out}")


def _print(made: Plan, *, explain: bool) -> None:
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    for table in [*overview(made), *(appendix(made) if explain else [])]:
        console.print(_shown(table))
    for sentence in sentences(made):
        console.print(sentence, markup=False, end="\n\n")
    if not explain:
        console.print("--explain prints every figure with its source and every step.", markup=False)


def _shown(table: Table) -> rich.table.Table:
    shown = rich.table.Table(title=Text(table.title, "bold"), title_justify="left", box=SIMPLE)
    for at, name in enumerate(table.columns):
        # Names and numbers stay whole; only what explains them is folded.
        is_long = at in table.words and at > 1
        shown.add_column(name, justify="left" if at in table.words else "right", no_wrap=not is_long, overflow="fold")
    for row in table.rows:
        shown.add_row(*map(Text, row))
    return shown


def _for_machines(made: Plan) -> dict[str, object]:
    return {
        "note": extrapolation(made),
        "figures": [
            {
                "name": each.name,
                "value": each.value,
                "unit": each.unit,
                "origin": each.origin.value,
                "source": each.source,
            }
            for each in made.figures.values()
        ],
        "lines": [
            {"name": each.name, "value": each.value, "unit": each.unit, "formula": each.formula}
            for each in made.lines.values()
        ],
    }


def _write(out: Path, made: Plan, known: Mapping[str, Figure]) -> None:
    """Draw the growth of these people, with each scale as a point."""
    named = {f"{name} scale": planned({**scales.workload(name, {}), **known}) for name in scales.SCALES}
    is_named = any(_does(each) == _does(made) for each in named.values())
    marks = named if is_named else {**named, "this plan": made}
    dau = made.figures["workload.dau"].value
    grown = growth(made, least=min(dau, _DRAWN[0]), most=max(dau, _DRAWN[1]))
    try:
        out.write_text(render(made, grown, marks), encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"the page cannot be written: {error}") from None


def _does(made: Plan) -> dict[str, float]:
    """What its people do."""
    return {name: each.value for name, each in made.figures.items() if each.origin is Origin.WORKLOAD}
