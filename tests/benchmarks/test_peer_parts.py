"""What the peers are made of: limits, tokens' limits of time, texts, and how their pages are compared."""

from __future__ import annotations

import json

import pytest
from benchmarks.peers import gateway, moments, sameness, text
from benchmarks.peers.access import Limit
from fastapi import HTTPException, Response

from aviary.gateway import envoy_config
from aviary.settings import Settings


def test_a_limit_lets_so_many_pass_for_each_user() -> None:
    limit = Limit("requests", 2, 60)
    for _ in range(2):
        limit.spend(1, Response())
    with pytest.raises(HTTPException, match="the limit of 2 requests in 60 s is used up"):
        limit.spend(1, Response())
    limit.spend(2, Response())


def test_a_window_that_is_over_counts_from_nothing() -> None:
    limit = Limit("requests", 1, 0)
    for _ in range(3):
        limit.spend(1, Response())


def test_what_a_text_refers_to_is_found_by_code_points() -> None:
    found = text.entities("😀 @Ada see https://example.com/a#b, #übung $ABC", {"ada": 7})

    assert [(each.username, each.user_id, each.start, each.end) for each in found.mentions] == [("Ada", "7", 2, 6)]
    assert [(each.url, each.start, each.end) for each in found.urls] == [("https://example.com/a#b", 11, 34)]
    assert [(each.tag, each.start, each.end) for each in found.hashtags] == [("übung", 36, 42)]
    assert [(each.symbol, each.start, each.end) for each in found.cashtags] == [("ABC", 43, 47)]


def test_addresses_weigh_23_and_ideographs_two() -> None:
    assert text.read("https://example.com/" + "a" * 300 + " " + "字" * 128)
    with pytest.raises(HTTPException, match="weighs 282"):
        text.read("https://example.com/" + "a" * 300 + " " + "字" * 129)


def test_ids_rise_also_within_a_millisecond() -> None:
    first = moments.next_id(0)
    far = first + (1 << 40)

    assert moments.next_id(far) == far + 1
    assert moments.next_id(first - 1) >= first


def test_pages_that_differ_in_a_field_or_its_order_are_not_the_same() -> None:
    def page(tweet: dict[str, str], cursor: str = "") -> str:
        return sameness.comparable(json.dumps({"tweets": [tweet], "pagination": {"next_cursor": cursor}}).encode())

    assert page({"id": "1", "type": "reply"}) != page({"type": "reply", "id": "1"})
    assert page({"id": "1"}, "here") != page({"id": "1"})
    assert page({"id": "1"}, "here") == page({"id": "1"}, "there")


def test_a_peers_gateway_is_aviarys_without_what_speaks_grpc() -> None:
    made = json.dumps(gateway.config(1234, jwks='{"keys": []}', settings=Settings()))

    assert "grpc_json_transcoder" not in made
    assert '"http_health_check"' in made
    assert all(name in made for name in ("jwt_authn", "local_ratelimit", "FileAccessLog", "/api/v1/timeline/home"))


def test_the_gateway_of_a_peer_leaves_that_of_aviary_as_it_is() -> None:
    gateway.config(1234, jwks='{"keys": []}', settings=Settings())
    made = json.dumps(envoy_config(port=0, grpc_port=1234, jwks='{"keys": []}', settings=Settings()))

    # The pages that Envoy serves itself are none of the transcoder's.
    assert '"transcoder": {' in made
