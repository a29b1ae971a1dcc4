"""What the gateway tells of itself: one JSON line a request, and the first span of each trace."""

from __future__ import annotations

from urllib.parse import urlsplit

from aviary.errors import InvalidInput
from aviary.gateway.xds import Json, http2, socket, typed

ACCESS_LOG = "access.log"
_CLUSTER = "otlp"


def access_log(path: str = ACCESS_LOG) -> Json:
    """One line a request; its path as the template, because names and search words are in the rest."""
    return {
        "name": "access_log",
        "typed_config": typed(
            "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path=path,
            log_format={
                "json_format": {
                    "time": "%START_TIME%",
                    "event": "request",
                    "method": "%REQ(x-envoy-original-method?:METHOD)%",
                    "path": "%ROUTE_NAME%",
                    "status": "%RESPONSE_CODE%",
                    "ms": "%DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "why": "%RESPONSE_CODE_DETAILS%",
                    "request_id": "%REQ(x-request-id)%",
                    "trace_id": "%TRACE_ID%",
                }
            },
        ),
    }


def tracing(otlp_endpoint: str) -> Json:
    """Every request starts or joins a trace, whose id the logs carry; spans are sampled only if they have a way out."""
    return {
        "provider": {
            "name": "opentelemetry",
            "typed_config": typed(
                "envoy.config.trace.v3.OpenTelemetryConfig",
                service_name="aviary-gateway",
                grpc_service={"envoy_grpc": {"cluster_name": _CLUSTER}, "timeout": "1s"},
            ),
        },
        "random_sampling": {"value": 100 if otlp_endpoint else 0},
        # Envoy's own has the query.
        "custom_tags": [{"tag": "http.url", "value": "%PATH(NQ)%"}],
    }


def otlp_cluster(otlp_endpoint: str) -> Json:
    """Where spans go: nowhere without an address, yet the tracer must name a cluster."""
    url = urlsplit(otlp_endpoint)
    if otlp_endpoint and (url.scheme not in {"http", "https"} or not url.hostname):
        raise InvalidInput(f"AVIARY_OTLP_ENDPOINT is {otlp_endpoint!r}; it must look like http://127.0.0.1:4317")
    addresses = [{"endpoint": {"address": socket(url.hostname, url.port or 4317)}}] if url.hostname else []
    cluster: Json = {
        "name": _CLUSTER,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _CLUSTER, "endpoints": [{"lb_endpoints": addresses}]},
        "typed_extension_protocol_options": http2(),
    }
    if url.scheme == "https":
        tls = typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", sni=url.hostname)
        cluster["transport_socket"] = {"name": "tls", "typed_config": tls}
    return cluster
