"""Aviary's own gateway in front of a peer: the same Envoy, filters, routes and limits, with HTTP/1.1 behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

from aviary.gateway import Envoy, envoy_config
from aviary.gateway.xds import Json
from aviary.settings import Settings


def config(behind: int, *, port: int = 0, jwks: str, settings: Settings) -> Json:
    """The bootstrap of an Envoy that serves `port` from the HTTP server at `behind`.

    What is taken out is what speaks gRPC: the transcoder, and the cluster's protocol and health check.
    """
    # Parts of it are shared by every configuration that is made.
    made = deepcopy(envoy_config(port=port, grpc_port=behind, jwks=jwks, settings=settings))
    resources = made["static_resources"]
    for cluster in resources["clusters"]:
        if cluster["name"] == "grpc":
            del cluster["typed_extension_protocol_options"]
            (check,) = cluster["health_checks"]
            del check["grpc_health_check"]
            check["http_health_check"] = {"path": "/healthz"}
    (listener,) = resources["listeners"]
    connections = listener["filter_chains"][0]["filters"][0]["typed_config"]
    connections["http_filters"] = [each for each in connections["http_filters"] if each["name"] != "transcoder"]
    for host in connections["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            route.get("typed_per_filter_config", {}).pop("transcoder", None)
    return made


@contextmanager
def running(config: Json, folder: Path) -> Iterator[Envoy]:
    """An Envoy with this bootstrap, until the body ends."""
    envoy = Envoy(config, folder=folder, drain_s=1.0)
    with asyncio.Runner() as runner:
        runner.run(envoy.start())
        try:
            yield envoy
        finally:
            runner.run(envoy.stop())
