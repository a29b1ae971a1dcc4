"""Envoy's configuration language, as far as plain dicts need help with it."""

from __future__ import annotations

from typing import Any

# A JSON object in the shape of one of Envoy's messages; `envoy --mode validate` is its type checker.
Json = dict[str, Any]

_FILTERS = "envoy.extensions.filters.http"


def typed(message: str, /, **fields: Any) -> Json:  # noqa: ANN401 - see Json
    """A message that names its own type."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def http_filter(name: str, message: str, /, **fields: Any) -> Json:  # noqa: ANN401 - see Json
    """One element of the HTTP filter chain; `message` is relative to the HTTP filters' package."""
    return {"name": name, "typed_config": typed(f"{_FILTERS}.{message}", **fields)}


def per_route(name: str, message: str, /, **fields: Any) -> Json:  # noqa: ANN401 - see Json
    """What one route changes of the filter `name`."""
    return {name: typed(f"{_FILTERS}.{message}", **fields)}


def header(key: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Json:
    """A header that Envoy sets; `value` may hold Envoy's %COMMANDS%."""
    return {"header": {"key": key, "value": value}, "append_action": action}


def seconds(value: float) -> str:
    """A duration as JSON writes it."""
    return f"{value:.3f}".rstrip("0").rstrip(".") + "s"


def socket(address: str, port: int) -> Json:
    return {"socket_address": {"address": address, "port_value": port}}


def http2() -> Json:
    """The options of a cluster that is spoken to in HTTP/2, as gRPC is."""
    kind = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {kind: typed(kind, explicit_http_config={"http2_protocol_options": {}})}
