"""Homes over gRPC without a gateway: Aviary's front, its handlers, and a server that has nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.crowd import Crowd
from benchmarks.figures import Target
from benchmarks.grpc_load import Client
from benchmarks.peers.pace import QUICK_ROUNDS, ROUNDS, Pace, add, add_ratio
from benchmarks.peers.running import Contender
from benchmarks.system import Run

_CONNECTIONS, _CALLS = 4, 16


def measure(run: Run, people: Crowd, folder: Path, servers: Sequence[Contender], targets: Mapping[str, Target]) -> None:
    """Add the figures of every server, and how the first of them compares with the others."""
    client, rounds = Client.of(people, folder / "tokens"), QUICK_ROUNDS if run.plan.quick else ROUNDS
    for server in servers:
        _pace(client, server, run.plan.warm_up_s)
    paces: dict[str, list[Pace]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            pace = _pace(client, server, run.plan.closed_s / 2)
            run.judge(pace.outcome.count, pace.outcome.faults)
            paces[server.name].append(pace)
    name = f"grpc.home.c{_CALLS}"
    for server in servers:
        add(run, f"{name}.{server.name}", paces[server.name])
    ours, *others = servers
    for other in others:
        # Both, because the rate of a server that has nothing to do is the client's.
        target = targets[other.name]
        add_ratio(run, f"{name}.over.{other.name}", paces[ours.name], paces[other.name], target, of_cpu=target)


def _pace(client: Client, server: Contender, duration_s: float) -> Pace:
    parts = {part: pids for part, pids in server.processes.items() if part != "envoy"}
    outcome = client.load(server.grpc, parts, calls=_CALLS, connections=_CONNECTIONS, duration_s=duration_s)
    return Pace(outcome.per_s, {part: outcome.cpu_us(part) for part in (*parts, "client")}, outcome)
