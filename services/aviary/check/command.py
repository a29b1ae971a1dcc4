"""The `aviary check` command."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from aviary.check.appends import expected_appends
from aviary.check.client import Reader, Unreadable
from aviary.check.inspection import Findings, Surface, inspect
from aviary.check.journal import Journal, read_journal

_MOST_PRINTED = 100


def check(
    *,
    journal: Annotated[Path, typer.Option(help="The journal that `aviary seed` wrote.")],
    url: Annotated[str | None, typer.Option(help="Where the platform answers; the journal knows where it did.")] = None,
    sample: Annotated[str, typer.Option(help='How many people\'s homes to walk, or "all".')] = "all",
    concurrency: Annotated[int, typer.Option(help="Walks under way at once.", min=1)] = 16,
    limit: Annotated[int, typer.Option(help="Entries a page.", min=1, max=100)] = 100,
    settle: Annotated[
        float, typer.Option(help="Seconds that a difference, or no answer, has to last to count.", min=0)
    ] = 10.0,
    appends: Annotated[bool, typer.Option("--appends", help="Print also how much the fan-out must have done.")] = False,
) -> None:
    """Compare what everybody sees with what the journal says that they must see; exit 1 when anything differs."""
    began = time.monotonic()
    try:
        book = read_journal(journal)
        count = _sample(sample)
        findings = asyncio.run(
            _inspect(book, url or book.url, sample=count, settle_s=settle, workers=concurrency, limit=limit)
        )
    except (ValueError, OSError, Unreadable) as error:
        typer.echo(f"check: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(report(findings, elapsed_s=time.monotonic() - began))
    if appends:
        typer.echo(f"the fan-out must have appended {expected_appends(book)} entries")
    if findings.differences:
        raise typer.Exit(1)


def _sample(value: str) -> int | None:
    if value == "all":
        return None
    if not value.isdecimal() or not int(value):
        raise ValueError(f'--sample {value} is neither a number of people nor "all"')
    return int(value)


async def _inspect(
    journal: Journal, url: str, *, sample: int | None, settle_s: float, workers: int, limit: int
) -> Findings:
    async with Reader(url, journal.tokens, connections=workers, limit=limit, patience_s=settle_s) as reader:
        return await inspect(journal, reader, sample=sample, settle_s=settle_s, workers=workers)


def report(findings: Findings, *, elapsed_s: float) -> str:
    """What was walked, then each difference, then how many of each kind."""
    world = findings.world
    follows = sum(map(len, world.following.values()))
    walked = ", ".join(f"{findings.walked[surface]:,} {surface}" for surface in Surface)
    lines = [
        f"the journal tells of {len(world.people):,} people, {follows:,} follows and {len(world.tweets):,} tweets",
        f"{findings.doubts:,} calls had no known outcome, which was settled by asking",
        f"walked {walked}: {findings.entries.total():,} entries in {elapsed_s:.1f} s",
    ]
    lines += [str(difference) for difference in findings.differences[:_MOST_PRINTED]]
    if len(findings.differences) > _MOST_PRINTED:
        lines.append(f"… and {len(findings.differences) - _MOST_PRINTED:,} more")
    kinds = Counter(difference.kind for difference in findings.differences)
    summary = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    lines.append(f"{len(findings.differences):,} differences" + (f": {summary}" if summary else ""))
    return "\n".join(lines)
