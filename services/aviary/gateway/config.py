"""Envoy's whole configuration as one pure function of the protos and the settings."""

from __future__ import annotations

import json
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from aviary.errors import InvalidInput
from aviary.gateway import filters, replies
from aviary.gateway.bindings import DESCRIPTORS, bindings, methods, read_descriptors, with_ready_json
from aviary.gateway.docs import docs_page
from aviary.gateway.openapi import openapi
from aviary.gateway.routes import page, redirect, routes
from aviary.gateway.telemetry import access_log, otlp_cluster, tracing
from aviary.gateway.upstreams import BUFFER_BYTES, Upstreams, fleet, one
from aviary.gateway.xds import Json, socket, typed
from aviary.rpc.method import Method
from aviary.rpc.server import MAX_MESSAGE_BYTES
from aviary.settings import Settings

# In the folder that Envoy runs in.
ADMIN_SOCKET = "admin.sock"
_CONNECTIONS = 10_000
_METRICS = "metrics"
_PAGE_BYTES = 4 * 1024 * 1024
# The one regular expression over the default of 100 is UTF-8's grammar; RE2 is linear in the path whatever its size.
_RUNTIME = {"re2.max_program_size.error_level": 500}
_HTTP2 = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 65_536,
    "initial_connection_window_size": 1_048_576,
}


def envoy_config(
    *,
    port: int,
    grpc_port: int,
    metrics_port: int = 0,
    jwks: str,
    settings: Settings,
    descriptors: Path = DESCRIPTORS,
    address: str = "127.0.0.1",
    trusted_hops: int = 0,
) -> Json:
    """The bootstrap of an Envoy that serves `port` from the gRPC server at `grpc_port`.

    With a `metrics_port`, `/metrics` is passed on to it; a fleet scrapes each
    process on its own port instead. `jwks` is the JSON that `/.well-known/jwks.json` answers. `trusted_hops` is
    the number of proxies in front whose X-Forwarded-For is believed. Port 0
    picks a free one. Raises InvalidInput when a setting can't work.
    """
    described = read_descriptors(descriptors)
    return _bootstrap(
        settings,
        one(grpc_port, settings),
        described,
        _called(described),
        jwks=jwks,
        listener=_listener(address, port),
        passed_on={_METRICS: metrics_port} if metrics_port else {},
        trusted_hops=trusted_hops,
    )


def fleet_config(settings: Settings, *, jwks: str, descriptors: Path = DESCRIPTORS, trusted_hops: int = 0) -> Json:
    """The bootstrap of an Envoy in front of a fleet, whose services answer where the settings say.

    Raises InvalidInput when a service that people call has no address there.
    """
    described = read_descriptors(descriptors)
    called = _called(described)
    return _bootstrap(
        settings,
        fleet(settings, {method.group for method in called}),
        described,
        called,
        jwks=jwks,
        listener=_listener(settings.listen, settings.port),
        passed_on={},
        trusted_hops=trusted_hops,
    )


def _called(described: FileDescriptorSet) -> list[Method]:
    return [method for method in methods(described) if method.http]


def _spoken_by(method: Method, settings: Settings) -> str:
    return method.ready_service if method.ready_json and settings.front_on else method.service


def _bootstrap(
    settings: Settings,
    upstreams: Upstreams,
    described: FileDescriptorSet,
    called: list[Method],
    *,
    jwks: str,
    listener: Json,
    passed_on: dict[str, int],
    trusted_hops: int,
) -> Json:
    if settings.max_body_bytes > MAX_MESSAGE_BYTES:
        raise InvalidInput(
            f"AVIARY_MAX_BODY_BYTES is {settings.max_body_bytes}; the services take at most {MAX_MESSAGE_BYTES}"
        )
    chain = filters.filters(
        jwks=jwks,
        settings=settings,
        descriptors=with_ready_json(described) if settings.front_on else described,
        services=sorted({_spoken_by(method, settings) for method in called}),
        upstreams=upstreams,
    )
    virtual_host = {
        "name": "aviary",
        "domains": ["*"],
        "routes": routes(bindings(called), _pages(described) | _passed_on(passed_on), settings, upstreams),
    }
    listener["filter_chains"] = [{"filters": [_connections(virtual_host, chain, settings, trusted_hops)]}]
    return {
        "node": {"id": "gateway", "cluster": "aviary"},
        "admin": _admin(),
        "static_resources": {
            "listeners": [listener],
            "clusters": [
                *upstreams.clusters,
                otlp_cluster(settings.otlp_endpoint),
                *(_http(name, port) for name, port in passed_on.items()),
            ],
        },
        "overload_manager": _connection_limit(),
        "layered_runtime": {"layers": [{"name": "static", "static_layer": _RUNTIME}]},
    }


def _pages(described: FileDescriptorSet) -> dict[str, Json]:
    docs = docs_page()
    return {
        "/": redirect("/docs"),
        "/docs": page(docs.html, "text/html; charset=utf-8", content_security_policy=docs.security_policy),
        "/openapi.json": page(json.dumps(openapi(described), separators=(",", ":")), "application/json"),
    }


def _passed_on(ports: dict[str, int]) -> dict[str, Json]:
    return {f"/{name}": {"route": {"cluster": name, "timeout": "5s"}} for name in ports}


def _http(name: str, port: int) -> Json:
    endpoint = {"endpoint": {"address": socket("127.0.0.1", port)}}
    assigned = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "connect_timeout": "1s", "load_assignment": assigned}


def _admin() -> Json:
    # A socket of the owner's alone: loopback is open to every account of the machine, and this one stops Envoy.
    return {"address": {"pipe": {"path": ADMIN_SOCKET, "mode": 0o600}}}


def _listener(address: str, port: int) -> Json:
    return {
        "name": "public",
        "address": socket(address, port),
        # With reuse_port a second gateway would share the port in silence instead of finding it busy.
        "enable_reuse_port": False,
        "connection_balance_config": {"exact_balance": {}},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
    }


def _connections(virtual_host: Json, chain: list[Json], settings: Settings, trusted_hops: int) -> Json:
    return {
        "name": "http",
        "typed_config": typed(
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            stat_prefix="gateway",
            server_name="aviary",
            route_config={
                "name": "public",
                "virtual_hosts": [virtual_host],
                "max_direct_response_body_size_bytes": _PAGE_BYTES,
            },
            http_filters=chain,
            local_reply_config=replies.local_replies(settings),
            tracing=tracing(settings.otlp_endpoint),
            access_log=[access_log()],
            use_remote_address=True,
            xff_num_trusted_hops=trusted_hops,
            # Nobody's address makes them one of us; an empty list would mean the private networks.
            internal_address_config={"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
            normalize_path=True,
            merge_slashes=True,
            path_with_escaped_slashes_action="KEEP_UNCHANGED",
            always_set_request_id_in_response=True,
            stream_error_on_invalid_http_message=True,
            max_request_headers_kb=replies.MAX_HEADERS_KB,
            common_http_protocol_options={
                "idle_timeout": "300s",
                "headers_with_underscores_action": "DROP_HEADER",
            },
            http_protocol_options={"ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}]},
            http2_protocol_options=_HTTP2,
            request_headers_timeout="10s",
            request_timeout="30s",
            stream_idle_timeout="60s",
        ),
    }


def _connection_limit() -> Json:
    monitor = "envoy.resource_monitors.global_downstream_max_connections"
    return {
        "resource_monitors": [
            {
                "name": monitor,
                "typed_config": typed(
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=_CONNECTIONS,
                ),
            }
        ]
    }
