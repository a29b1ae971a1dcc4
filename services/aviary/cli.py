"""The command line."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from aviary import operations, settings
from aviary.check.command import check
from aviary.errors import AviaryError
from aviary.rpc import reflect
from aviary.seed.command import seed

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Aviary, a microblogging platform.")
app.command()(seed)
app.command()(check)
cache = typer.Typer(no_args_is_help=True, help="What is held in memory.")
app.add_typer(cache, name="cache")

DataDir = Annotated[Path, typer.Option(envvar="AVIARY_DATA_DIR", help="Where everything is kept.")]
_DEFAULT_DIR = Path(".aviary")


@app.command()
def up(
    port: Annotated[int, typer.Option(envvar="AVIARY_PORT", help="Where clients connect; 0 picks one.")] = 8080,
    data_dir: DataDir = _DEFAULT_DIR,
    demo: Annotated[bool, typer.Option("--demo", help="Fill a fresh data folder with a small made-up world.")] = False,
) -> None:
    """Run every service with Envoy in front until Ctrl-C."""
    chosen = settings.load(port=port, data_dir=data_dir)
    asyncio.run(_up(chosen, demo=demo))


@cache.command("drop")
def drop(data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Forget every warm timeline of the running platform; readers see no difference."""
    dropped = asyncio.run(operations.drop_cache(data_dir))
    typer.echo(f"dropped {dropped} timelines")


@app.command()
def backup(
    to: Annotated[Path, typer.Option(help="The new folder that takes the copy.")], data_dir: DataDir = _DEFAULT_DIR
) -> None:
    """Copy the stores into a new folder, also while the platform runs."""
    operations.backup(data_dir, to)
    typer.echo(f"backed up to {to}")


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", help="The folder that `aviary backup` made.")],
    data_dir: DataDir = _DEFAULT_DIR,
) -> None:
    """Copy a backup into an empty data folder."""
    operations.restore(source, data_dir)
    typer.echo(f"restored into {data_dir}")


@app.command()
def call(
    address: Annotated[str, typer.Argument(help="The gRPC address that `aviary up` printed.")],
    method: Annotated[str, typer.Argument(help="package.Service/Method.")],
    body: Annotated[str, typer.Argument(help="The request as JSON.")] = "{}",
    token: Annotated[str, typer.Option(envvar="TOKEN", help="An access token.")] = "",
) -> None:
    """Make one gRPC call by reflection and print its answer as JSON."""
    typer.echo(reflect.call(address, method, body, token=token))


@app.command()
def doctor(
    data_dir: DataDir = _DEFAULT_DIR,
    settings_: Annotated[bool, typer.Option("--settings", help="Print every setting with its value.")] = False,
) -> None:
    """Say in a sentence each what would keep the platform from starting; exit 1 if anything would."""
    chosen = settings.load(data_dir=data_dir)
    if settings_:
        typer.echo("\n".join(settings.table(chosen)))
        return
    findings = operations.examine(chosen)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_good else 'FAIL'} {finding.sentence}")
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)


async def _up(chosen: settings.Settings, *, demo: bool) -> None:
    # Imported here: the other commands need neither the stores nor the gateway.
    from aviary import lifecycle

    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop.set)
    is_fresh = not (chosen.data_dir / "tweets.db").exists()
    async with lifecycle.run(chosen) as running:
        operations.publish_address(chosen.data_dir, running.grpc)
        if not chosen.limits_on:
            typer.echo("LIMITS ARE OFF: anybody may do anything as often as they like (AVIARY_LIMITS=off)", err=True)
        if demo and is_fresh:
            await operations.fill_with_demo(running.http, chosen.data_dir / "demo.journal")
        typer.echo(f"metrics {running.metrics}")
        typer.echo(f"grpc {running.grpc}")
        typer.echo(f"ready {running.http}")
        sys.stdout.flush()
        await asked_to_stop.wait()
        typer.echo("draining", err=True)


def main() -> None:
    """Run a command; what is wrong is said in one sentence and exit status 1."""
    try:
        app()
    except* AviaryError as group:
        typer.echo(f"aviary: {_first(group).message}", err=True)
        sys.exit(1)


def _first(group: BaseExceptionGroup[AviaryError]) -> AviaryError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
