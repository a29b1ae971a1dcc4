"""The HTTP filter chain: what a request passes on its way in, and an answer, in reverse, on its way out."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from aviary.gateway.bindings import with_unversioned_paths
from aviary.gateway.replies import HEALTH, LIVENESS, path_of
from aviary.gateway.routes import SIGNED_IN, USER_HEADER
from aviary.gateway.upstreams import Upstreams
from aviary.gateway.xds import Json, header, http_filter, seconds, typed
from aviary.rpc.identity import AUDIENCE, ISSUER
from aviary.settings import Settings

ADDRESS_HEADER = "x-aviary-address"
LIMIT_HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
# What a client may not say: who it is, how to run the call, and what our own hops say to each other.
_INTERNAL_HEADERS = ("x-aviary-", "x-user-", "x-envoy-", "x-forwarded-client-cert", "grpc-")
_CACHED_TOKENS = 10_000
# Addresses whose use is remembered at once; the longest unused is forgotten first.
_COUNTED_ADDRESSES = 100_000
_COMPRESSED_FROM_BYTES = 1_024
_COMPRESSED = {"safe_regex": {"regex": "(application/json|text/html)(;.*)?"}}
_ALWAYS = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}


def filters(
    *, jwks: str, settings: Settings, descriptors: FileDescriptorSet, services: Sequence[str], upstreams: Upstreams
) -> list[Json]:
    """The chain, outermost first; gateway/README.md says why in this order."""
    return [
        _headers(),
        _health(HEALTH, cluster_min_healthy_percentages=upstreams.least_healthy()),
        # Balancers in front of several gateways: one that is alive must not be left out for a service's sake.
        *([_health(LIVENESS)] if upstreams.is_fleet else []),
        _compressor("br", "brotli.compressor.v3.Brotli", quality=3),
        _compressor("gzip", "gzip.compressor.v3.Gzip", compression_level="COMPRESSION_LEVEL_1"),
        *([_address_limit(settings)] if settings.limits_on else []),
        _tokens(jwks, tells_user=upstreams.is_fleet),
        http_filter("buffer", "buffer.v3.Buffer", max_request_bytes=settings.max_body_bytes),
        _transcoder(descriptors, services),
        http_filter("router", "router.v3.Router", suppress_envoy_headers=True),
    ]


def _headers() -> Json:
    """First in, last out: strips what clients may not say, and what they need not hear."""
    incoming = [{"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in _INTERNAL_HEADERS]
    # Where the service and the gateway both counted, the service's figures come first and are the tighter ones.
    counted_once = [{"append": header(name, f"%RESP({name})%", "OVERWRITE_IF_EXISTS")} for name in LIMIT_HEADERS]
    return http_filter(
        "headers",
        "header_mutation.v3.HeaderMutation",
        mutations={
            "request_mutations": [
                *incoming,
                {"append": header(ADDRESS_HEADER, "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%")},
            ],
            "response_mutations": [
                {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
                *counted_once,
                # Any page may call: tokens travel in a header that only the page itself can set, never in a cookie.
                {"append": header("access-control-allow-origin", "*")},
                {
                    "append": header(
                        "access-control-expose-headers",
                        f"content-disposition, retry-after, x-request-id, {', '.join(LIMIT_HEADERS)}",
                    )
                },
                {"append": header("x-content-type-options", "nosniff")},
                {"append": header("cache-control", "no-store", "ADD_IF_ABSENT")},
            ],
        },
    )


def _health(path: str, **conditions: object) -> Json:
    return http_filter(
        path.removeprefix("/"),
        "health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[path_of(path)],
        **conditions,
    )


def _compressor(name: str, library: str, **options: int | str) -> Json:
    return http_filter(
        name,
        "compressor.v3.Compressor",
        response_direction_config={
            "common_config": {"min_content_length": _COMPRESSED_FROM_BYTES, "content_type_matcher": [_COMPRESSED]}
        },
        compressor_library={
            "name": name,
            "typed_config": typed(f"envoy.extensions.compression.{library}", **options),
        },
        choose_first=name == "br",
    )


def _address_limit(settings: Settings) -> Json:
    """A token bucket for each client address, and for each /64 of IPv6, which is what one client holds."""
    count = settings.limit_address_requests
    bucket = {
        "max_tokens": count,
        "tokens_per_fill": count,
        "fill_interval": seconds(settings.limit_address_requests_window_s),
    }
    by_address = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
    return http_filter(
        "address_limit",
        "local_ratelimit.v3.LocalRateLimit",
        stat_prefix="address_limit",
        token_bucket=bucket,
        always_consume_default_token_bucket=False,
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        rate_limits=[{"actions": [by_address]}],
        # No value: each address that appears gets a bucket of its own.
        descriptors=[{"entries": [{"key": "masked_remote_address"}], "token_bucket": bucket}],
        max_dynamic_descriptors=_COUNTED_ADDRESSES,
        enable_x_ratelimit_headers="DRAFT_VERSION_03",
        enable_retry_after_header=True,
    )


def _tokens(jwks: str, *, tells_user: bool) -> Json:
    """Verify the token where the route asks for one; the service verifies it again and knows who has logged out."""
    provider: Json = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": jwks},
        "from_headers": [{"name": "authorization", "value_prefix": scheme} for scheme in ("Bearer ", "bearer ")],
        "forward": True,
        "require_expiration": True,
        # 0 would mean Envoy's default, a minute.
        "clock_skew_seconds": 1,
        "jwt_cache_config": {"jwt_cache_size": _CACHED_TOKENS},
    }
    if tells_user:
        provider["claim_to_headers"] = [{"claim_name": "sub", "header_name": USER_HEADER}]
    return http_filter(
        "jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        providers={"aviary": provider},
        requirement_map={SIGNED_IN: {"provider_name": "aviary"}},
    )


def _transcoder(descriptors: FileDescriptorSet, services: Sequence[str]) -> Json:
    described = with_unversioned_paths(descriptors).SerializeToString(deterministic=True)
    return http_filter(
        "transcoder",
        "grpc_json_transcoder.v3.GrpcJsonTranscoder",
        proto_descriptor_bin=base64.b64encode(described).decode(),
        services=list(services),
        print_options={"always_print_primitive_fields": True, "preserve_proto_field_names": True},
        convert_grpc_status=True,
        # Routes know the public paths; without this the route is chosen anew by the gRPC path.
        match_incoming_request_route=True,
        request_validation_options={
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        query_param_unescape_plus=True,
    )
