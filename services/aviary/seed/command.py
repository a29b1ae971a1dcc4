"""The `aviary seed` command."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from aviary.seed.invention import invent, invent_texts
from aviary.seed.loader import Summary, load
from aviary.seed.patience import LoadStopped
from aviary.seed.progress import Bars, Lines
from aviary.seed.texts import read_texts
from aviary.seed.world import World, read_edges

_INTERRUPTED = 130


def seed(
    *,
    journal: Annotated[
        Path, typer.Option(help="Where each call and its outcome are written, passwords too. Go on by naming it again.")
    ],
    graph: Annotated[Path | None, typer.Option(help='Who follows whom: lines "a b". Made up when left out.')] = None,
    texts: Annotated[Path | None, typer.Option(help="What they say: a text a line. Made up when left out.")] = None,
    directed: Annotated[bool, typer.Option("--directed", help='"a b" says that a follows b, not both ways.')] = False,
    people: Annotated[int, typer.Option(help="How many people to make up when no graph is given.", min=2)] = 200,
    tweets_per_user: Annotated[int, typer.Option(help="Originals by each person; all else comes on top.", min=0)] = 20,
    url: Annotated[str, typer.Option(help="Where the platform answers.")] = "http://127.0.0.1:8080",
    concurrency: Annotated[int, typer.Option(help="Calls under way at once.", min=1)] = 32,
    patience: Annotated[float, typer.Option(help="Seconds to ask again for one outcome before stopping.")] = 60.0,
    random_seed: Annotated[int, typer.Option("--seed", help="The same number gives the same calls.")] = 1,
) -> None:
    """Load people, follows and tweets through the public API, with replies, retweets, likes, deletions and all."""
    try:
        world = _world(graph, texts, directed=directed, people=people, seed=random_seed)
        with Bars(sys.stderr) if sys.stderr.isatty() else nullcontext(Lines(sys.stderr)) as progress:
            summary = asyncio.run(
                load(
                    world,
                    url,
                    journal,
                    tweets_per_user=tweets_per_user,
                    seed=random_seed,
                    concurrency=concurrency,
                    patience_s=patience,
                    progress=progress,
                )
            )
    except (LoadStopped, ValueError, OSError) as error:
        typer.echo(f"seed: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("seed: stopped; run again with the same journal to go on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    typer.echo(report(summary))


def _world(graph: Path | None, texts: Path | None, *, directed: bool, people: int, seed: int) -> World:
    if graph is None:
        world = invent(people, seed=seed)
        return World(world.people, world.follows, read_texts(texts)) if texts else world
    number, follows = read_edges(graph, directed=directed)
    return World(number, follows, read_texts(texts) if texts else invent_texts(number, 2_000, Random(seed)))


def report(summary: Summary) -> str:
    """A few lines that say what was done and at what pace."""
    done = summary.acknowledged.total()
    pace = done / summary.elapsed_s if summary.elapsed_s else 0.0
    lines = [f"{done:,} calls acknowledged in {summary.elapsed_s:.1f} s, {pace:,.0f}/s"]
    lines += [f"  {count:>8,} {op.value}" for op, count in summary.acknowledged.items()]
    if summary.settled_before:
        lines.append(f"{summary.settled_before:,} were settled by earlier runs")
    if summary.refused:
        refused = ", ".join(f"{what} × {count:,}" for what, count in sorted(summary.refused.items()))
        lines.append(f"refused: {refused}; {summary.skipped:,} left out because of that")
    if summary.unseen:
        lines.append(f"{summary.unseen:,} people did not see the newest tweet within 30 s")
    return "\n".join(lines)
