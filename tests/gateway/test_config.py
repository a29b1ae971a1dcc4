"""The configuration as a function: the same in, the same out, and no call that the protos don't bind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aviary.errors import InvalidInput
from aviary.gateway import envoy_config
from aviary.gateway.xds import Json
from aviary.settings import Settings


def _config(settings: Settings | None = None, **changed: Any) -> Json:
    return envoy_config(port=8080, grpc_port=50051, jwks="{}", settings=settings or Settings(), **changed)


def _connections(config: Json) -> Json:
    listener = config["static_resources"]["listeners"][0]
    return dict(listener["filter_chains"][0]["filters"][0]["typed_config"])


def _calls(config: Json) -> list[Json]:
    routes = _connections(config)["route_config"]["virtual_hosts"][0]["routes"]
    return [route for route in routes if "route" in route]


def _verb(route: Json) -> str:
    matcher = next(header for header in route["match"]["headers"] if header["name"] == ":method")
    return str(matcher["string_match"]["exact"])


def test_the_same_input_gives_the_same_configuration() -> None:
    assert json.dumps(_config()) == json.dumps(_config())


def test_only_reads_are_retried() -> None:
    calls = _calls(_config())

    assert {_verb(route) for route in calls if "retry_policy" in route["route"]} == {"GET"}
    assert {"POST", "PUT", "DELETE"} <= {_verb(route) for route in calls if "retry_policy" not in route["route"]}


def test_a_call_is_given_its_own_deadline_and_a_grace() -> None:
    timeouts = {route["match"].get("path"): route["route"]["timeout"] for route in _calls(_config())}

    assert timeouts["/api/v1/auth/register"] == "15.5s"
    assert timeouts["/api/v1/timeline/home"] == "5.5s"
    later = _calls(_config(Settings(deadline_ms=250)))
    assert {route["route"]["timeout"] for route in later if route["match"].get("path") == "/api/tweets"} == {"0.75s"}


def test_no_path_is_matched_by_its_beginning() -> None:
    assert all(route["match"].keys() & {"path", "safe_regex"} for route in _calls(_config()))


def test_no_call_of_a_service_has_a_route() -> None:
    operations = {route["decorator"]["operation"] for route in _calls(_config())}

    assert "/aviary.api.tweets.v1.TweetService/GetTweet" in operations
    assert "/aviary.api.tweets.v1.TweetService/Hydrate" not in operations


def test_spans_are_exported_only_where_there_is_an_address() -> None:
    def exported(endpoint: str) -> tuple[int, Json]:
        config = _config(Settings(otlp_endpoint=endpoint))
        cluster = next(one for one in config["static_resources"]["clusters"] if one["name"] == "otlp")
        return _connections(config)["tracing"]["random_sampling"]["value"], cluster

    sampled, cluster = exported("")
    assert (sampled, cluster["load_assignment"]["endpoints"]) == (0, [{"lb_endpoints": []}])
    sampled, cluster = exported("https://collector.example:4317")
    assert sampled == 100
    assert "collector.example" in json.dumps(cluster["load_assignment"])
    assert cluster["transport_socket"]["typed_config"]["sni"] == "collector.example"


@pytest.mark.parametrize("endpoint", ["collector:4317", "ftp://collector", "http://"])
def test_an_export_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="AVIARY_OTLP_ENDPOINT"):
        _config(Settings(otlp_endpoint=endpoint))


def test_a_body_limit_above_that_of_grpc_is_refused() -> None:
    with pytest.raises(InvalidInput, match="AVIARY_MAX_BODY_BYTES is 9000000"):
        _config(replace(Settings(), max_body_bytes=9_000_000))


def test_missing_descriptors_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="make proto"):
        _config(descriptors=tmp_path / "descriptors.binpb")
