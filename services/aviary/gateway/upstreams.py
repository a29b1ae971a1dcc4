"""Where Envoy sends calls: to the one process that serves everything, or to each service's own replicas."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aviary.errors import InvalidInput
from aviary.gateway.tls import transport
from aviary.gateway.xds import Json, http2, socket
from aviary.rpc.addresses import Address, addresses
from aviary.rpc.method import Method
from aviary.settings import Settings

BUFFER_BYTES = 4 * 1024 * 1024
_ONE = "grpc"
# Whose reads go to one replica for each user, which then holds that user's timelines and what they choose not to see.
_HELD_BY_USER = "timelines"
# Each replica refuses what is too much for it, and only it knows; this bounds what waits in one gateway.
_MOST_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Envoy's clusters, and which of them has a method."""

    clusters: Sequence[Json]
    is_fleet: bool

    def cluster_of(self, method: Method) -> str:
        return method.group if self.is_fleet else _ONE

    def is_by_user(self, method: Method) -> bool:
        """Whether calls of one user belong to one replica."""
        return self.is_fleet and method.group == _HELD_BY_USER

    def least_healthy(self) -> Mapping[str, Json]:
        """What share of each cluster must be healthy for the whole to be."""
        # Of a fleet some replica always restarts.
        return {cluster["name"]: {"value": 1 if self.is_fleet else 100} for cluster in self.clusters}


def one(port: int, settings: Settings) -> Upstreams:
    """The process on this machine that serves everything."""
    assigned = _assigned(_ONE, [Address("127.0.0.1", port)])
    cluster = {
        "name": _ONE,
        "type": "STATIC",
        "circuit_breakers": _limits(settings.max_concurrent_calls),
        # Below half of them healthy all are asked again: a late check must not end all calls of an only one.
        **_spoken_to(assigned),
    }
    return Upstreams([cluster], is_fleet=False)


def fleet(settings: Settings, groups: Collection[str]) -> Upstreams:
    """The replicas of each of these services, by the addresses in the settings."""
    known = addresses(settings.services)
    for group in sorted(groups - known.keys()):
        raise InvalidInput(f"AVIARY_SERVICES has no address of {group}, to which the gateway passes calls on")
    return Upstreams([_replicas(group, known[group], settings) for group in sorted(groups)], is_fleet=True)


def _replicas(group: str, known: Sequence[Address], settings: Settings) -> Json:
    cluster: Json = {
        "name": group,
        "type": "STRICT_DNS",
        "lb_policy": "RING_HASH" if group == _HELD_BY_USER else "ROUND_ROBIN",
        "circuit_breakers": _limits(_MOST_REQUESTS),
        "outlier_detection": _outliers(),
        **_spoken_to(_assigned(group, known)),
    }
    if group == _HELD_BY_USER:
        # However few people read how much: no replica gets over half more than its share.
        cluster["common_lb_config"] = {"consistent_hashing_lb_config": {"hash_balance_factor": 150}}
    if settings.tls_dir:
        cluster["transport_socket"] = transport(group)
    return cluster


def _spoken_to(assigned: Json) -> Json:
    return {
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "load_assignment": assigned,
        "typed_extension_protocol_options": http2(),
        "health_checks": [
            {
                "timeout": "2s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_interval": "0.25s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
    }


def _assigned(name: str, known: Sequence[Address]) -> Json:
    endpoints = [{"endpoint": {"address": socket(each.host, each.port)}} for each in known]
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]}


def _limits(requests: int) -> Json:
    budget = {"budget_percent": {"value": 20}, "min_retry_concurrency": 3}
    limits = {"max_connections": 1_024, "max_pending_requests": requests, "max_requests": requests}
    return {"thresholds": [{**limits, "retry_budget": budget}]}


def _outliers() -> Json:
    """Leave a replica out for a while that answers several times in a row that it can't, whatever its health says."""
    return {
        "consecutive_gateway_failure": 5,
        "enforcing_consecutive_gateway_failure": 100,
        # An internal error is a bug, and all replicas have it.
        "enforcing_consecutive_5xx": 0,
        "enforcing_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "2s",
        "max_ejection_time": "30s",
        "max_ejection_percent": 50,
    }
