"""The command line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aviary import backups, operations, settings
from aviary.bench import bench
from aviary.check.command import check
from aviary.doctor import examine
from aviary.errors import AviaryError, InvalidInput
from aviary.planning.command import plan
from aviary.rpc import reflect
from aviary.seed.command import seed

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Aviary, a microblogging platform.")
app.command()(seed)
app.command()(check)
app.command()(plan)
app.command()(bench)
cache = typer.Typer(no_args_is_help=True, help="What is held in memory.")
app.add_typer(cache, name="cache")
admin = typer.Typer(no_args_is_help=True, help="What operators do to accounts of the running platform.")
app.add_typer(admin, name="admin")
events = typer.Typer(no_args_is_help=True, help="What the services of a cluster told each other.")
app.add_typer(events, name="events")

DataDir = Annotated[Path, typer.Option(envvar="AVIARY_DATA_DIR", help="Where everything is kept.")]
Username = Annotated[str, typer.Argument(help="Whose account; in any case.")]
_DEFAULT_DIR = Path(".aviary")


@app.command()
def up(
    port: Annotated[int, typer.Option(envvar="AVIARY_PORT", help="Where clients connect; 0 picks one.")] = 8080,
    data_dir: DataDir = _DEFAULT_DIR,
    demo: Annotated[bool, typer.Option("--demo", help="Fill a fresh data folder with a small made-up world.")] = False,
) -> None:
    """Run every service with Envoy in front until Ctrl-C; with AVIARY_PROFILE=cluster, each in a process of its own."""
    chosen = settings.load(port=port, data_dir=data_dir)
    asyncio.run(_up_fleet(chosen) if chosen.profile == "cluster" else _up(chosen, demo=demo))


@app.command()
def serve(
    services: Annotated[list[str], typer.Argument(help="users, graph, tweets, fanout, timelines, relay, counting.")],
    data_dir: DataDir = _DEFAULT_DIR,
    profile: Annotated[str, typer.Option(envvar="AVIARY_PROFILE", help="Where everything is kept.")] = "cluster",
) -> None:
    """Run some of the services in a process of a fleet until Ctrl-C; the others are found at AVIARY_SERVICES."""
    asyncio.run(_serve(settings.load(data_dir=data_dir, profile=profile), services))


@app.command()
def gateway(data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Print the configuration of an Envoy in front of the fleet at AVIARY_SERVICES, as JSON."""
    from aviary import secrets
    from aviary.gateway import fleet_config

    chosen = settings.load(data_dir=data_dir, profile="cluster")
    typer.echo(json.dumps(fleet_config(chosen, jwks=secrets.jwks(secrets.load(data_dir))), indent=1))


@app.command()
def migrate() -> None:
    """Bring the tables' keyspaces and Kafka's topics up to date; safe to repeat, and while an older version serves."""
    from aviary.app import cluster

    for line in asyncio.run(cluster.migrate(settings.load(profile="cluster"))):
        typer.echo(line)


@app.command()
def load(
    *,
    data_dir: DataDir = _DEFAULT_DIR,
    people: Annotated[int, typer.Option(help="Accounts to make.")] = 1_000,
    follows: Annotated[int, typer.Option(help="Follows between them.")] = 100_000,
    tweets: Annotated[int, typer.Option(help="Tweets of every kind; two likes each come on top.")] = 10_000,
    password: Annotated[str, typer.Option(envvar="PASSWORD", help="Everybody's; drawn and printed if left out.")] = "",
    random_seed: Annotated[int, typer.Option("--seed", help="The same number gives the same world.")] = 1,
) -> None:
    """Fill an empty data folder with a made-up world of any size, straight into the stores; nothing may run on it."""
    from aviary import bulk

    chosen = settings.load(data_dir=data_dir)
    typer.echo(bulk.load(chosen, (people, follows, tweets), password=password, seed=random_seed))


@cache.command("drop")
def drop(data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Forget every warm timeline of the running platform; readers see no difference."""
    dropped = asyncio.run(operations.drop_cache(settings.load(data_dir=data_dir)))
    typer.echo(f"dropped {dropped} timelines")


@admin.command()
def suspend(username: Username, data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Hide an account and all it wrote, and end its sessions, until it is lifted."""
    asyncio.run(operations.suspend(settings.load(data_dir=data_dir), username))
    typer.echo(f"suspended {username}")


@admin.command()
def unsuspend(username: Username, data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Lift a suspension."""
    asyncio.run(operations.unsuspend(settings.load(data_dir=data_dir), username))
    typer.echo(f"unsuspended {username}")


@admin.command()
def verify(username: Username, data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Give an account the verified mark."""
    asyncio.run(operations.set_verified(settings.load(data_dir=data_dir), username, verified=True))
    typer.echo(f"verified {username}")


@admin.command()
def unverify(username: Username, data_dir: DataDir = _DEFAULT_DIR) -> None:
    """Take the verified mark from an account."""
    asyncio.run(operations.set_verified(settings.load(data_dir=data_dir), username, verified=False))
    typer.echo(f"unverified {username}")


@events.command()
def replay(
    dead: Annotated[bool, typer.Option("--dead", help="The events whose effect was given up, of every log.")] = False,
    log: Annotated[str, typer.Option(help="With --from: whose events.")] = "tweets",
    since: Annotated[
        datetime | None, typer.Option("--from", help="All events of the log since then, in this machine's time.")
    ] = None,
) -> None:
    """Put events into their log once more; their consumers have the effects again, which changes nothing twice."""
    from aviary.app.replaying import replay_events

    if dead == (since is not None):
        raise InvalidInput("say either --dead or --from, the time to begin at")
    since_ms = None if since is None else round(since.timestamp() * 1000)
    replayed = asyncio.run(replay_events(settings.load(), log=log, since_ms=since_ms))
    typer.echo(f"replayed {replayed} events")


@app.command()
def reconcile(
    data_dir: DataDir = _DEFAULT_DIR,
    repair: Annotated[bool, typer.Option("--repair", help="Correct what has drifted.")] = False,
) -> None:
    """Recount every counter of the running platform from what it counts; exit 1 if any is left wrong."""
    if asyncio.run(_reconcile(data_dir, repair=repair)):
        raise typer.Exit(1)


@app.command()
def backup(
    to: Annotated[Path, typer.Option(help="The new folder that takes the copy.")], data_dir: DataDir = _DEFAULT_DIR
) -> None:
    """Copy the stores into a new folder, also while the platform runs."""
    backups.backup(data_dir, to)
    typer.echo(f"backed up to {to}")


@app.command()
def restore(
    source: Annotated[Path, typer.Option("--from", help="The folder that `aviary backup` made.")],
    data_dir: DataDir = _DEFAULT_DIR,
) -> None:
    """Copy a backup into an empty data folder."""
    backups.restore(source, data_dir)
    typer.echo(f"restored into {data_dir}")


@app.command()
def certs(
    to: Annotated[Path, typer.Option(help="The folder that takes them; what is there is never replaced.")],
    days: Annotated[int, typer.Option(min=1, help="How long they are good for.")] = 365,
) -> None:
    """Make an authority and a certificate for each service, to try mutual TLS out: AVIARY_TLS_DIR takes the folder."""
    from aviary import certs as making

    written = making.make(to, days=days)
    typer.echo(f"wrote {len(written)} files to {to}; keep ca.key off the machines of a fleet")


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
    findings = examine(chosen)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.is_good else 'FAIL'} {finding.sentence}")
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(1)


async def _reconcile(data_dir: Path, *, repair: bool) -> int:
    """Print each drift and the sum; returns how many are left."""
    drifted = repaired = examined = 0
    async for found in operations.reconcile(settings.load(data_dir=data_dir), repair=repair):
        if found.counter:
            ending = ", repaired" if found.repaired else ""
            typer.echo(f"{found.counter} of {found.entity_id} is {found.stored}, counted {found.counted}{ending}")
            drifted, repaired = drifted + 1, repaired + found.repaired
        else:
            examined = found.examined
    typer.echo(f"examined {examined} counters: {drifted} drifted, {repaired} repaired")
    return drifted - repaired


def _asked_to_stop() -> asyncio.Event:
    """The event that Ctrl-C and SIGTERM set."""
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    return asked


async def _serve(chosen: settings.Settings, services: Sequence[str]) -> None:
    from aviary import lifecycle

    asked_to_stop = _asked_to_stop()
    async with lifecycle.serve(chosen, services) as running:
        typer.echo(f"metrics {running.metrics}")
        typer.echo(f"ready {running.grpc}")
        sys.stdout.flush()
        await asked_to_stop.wait()
        typer.echo("draining", err=True)


async def _up_fleet(chosen: settings.Settings) -> None:
    from aviary import fleet

    asked_to_stop = _asked_to_stop()
    async with fleet.run(chosen) as running:
        operations.publish_address(chosen.data_dir, running.addresses)
        for member in running.members:
            typer.echo(f"{member.name} grpc 127.0.0.1:{member.grpc_port} metrics 127.0.0.1:{member.metrics_port}")
        typer.echo(f"ready {running.http}")
        sys.stdout.flush()
        await asked_to_stop.wait()
        typer.echo("draining", err=True)


async def _up(chosen: settings.Settings, *, demo: bool) -> None:
    # Imported here: the other commands need neither the stores nor the gateway.
    from aviary import lifecycle

    asked_to_stop = _asked_to_stop()
    is_fresh = not (chosen.data_dir / "tweets.db").exists()
    async with lifecycle.run(chosen) as running:
        operations.publish_address(chosen.data_dir, operations.everywhere(running.grpc))
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
