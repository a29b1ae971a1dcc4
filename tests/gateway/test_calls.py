"""What passes the gateway: how JSON and errors are translated, which headers travel, and which never do."""

from __future__ import annotations

import gzip
import json
from typing import Any

import aiohttp
import pytest
from tests.gateway.echo import EXPORT, FAILURES, HANGS, RAISES, USER_ID, Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _metadata(gateway: Platform, **headers: str) -> dict[str, str]:
    """What the service was told besides the message."""
    answer = await gateway.call(
        "GET", "/api/v1/users/me", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    metadata: dict[str, str] = json.loads(answer.json["bio"])
    return metadata


async def test_fields_are_in_snake_case_always_there_and_ids_are_strings(gateway: Platform) -> None:
    tweet = (await gateway.call("GET", "/api/v1/tweets/7312000000000000003")).json

    assert tweet["id"] == "7312000000000000003"
    assert tweet["impression_count"] == "9223372036854775807"
    assert (tweet["like_count"], tweet["is_liked"], tweet["media"]) == (0, False, [])
    assert "reply_to_id" not in tweet
    assert "poll" not in tweet


async def test_the_version_may_be_left_out(gateway: Platform) -> None:
    for path in ("/users/me", "/users/5", "/tweets?ids=1&ids=2", "/users/5/follows/6", "/timeline/home?limit=2"):
        versioned = await gateway.call("GET", f"/api/v1{path}")
        unversioned = await gateway.call("GET", f"/api{path}")
        assert versioned.status == unversioned.status == 200
        # Who asked and when differs in what /users/me echoes.
        assert [*versioned.json] == [*unversioned.json]

    assert (await gateway.call("POST", "/api/tweets/9/reply", json={"content": "x"})).json["reply_to_id"] == "9"


async def test_a_literal_path_wins_over_one_with_an_id(gateway: Platform) -> None:
    assert (await gateway.call("GET", "/api/v1/users/me")).json["id"] == str(USER_ID)


async def test_repeated_parameters_arrive_in_order(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/api/v1/tweets?ids=3&ids=1&ids=2")
    assert [tweet["id"] for tweet in answer.json["tweets"]] == ["3", "1", "2"]


@pytest.mark.parametrize(
    ("escaped", "name"), [("a%2Fb", "a/b"), ("a:b", "a:b"), ("c%C3%A9", "cé"), ("a%20b", "a b"), ("%F0%9F%90%A6", "🐦")]
)
async def test_an_escaped_path_arrives_as_it_was_meant(gateway: Platform, escaped: str, name: str) -> None:
    assert (await gateway.call("GET", f"/api/v1/users/by/username/{escaped}")).json["username"] == name


async def test_dots_in_a_path_are_resolved_before_it_is_looked_up(gateway: Platform) -> None:
    assert (await gateway.call("GET", "/api/v1/tweets/%2e%2e/users/me")).json["id"] == str(USER_ID)


@pytest.mark.parametrize(
    ("failure", "status", "code", "reason"),
    [
        (400, 400, 3, "INVALID_INPUT"),
        (401, 401, 16, "UNAUTHENTICATED"),
        (403, 403, 7, "FORBIDDEN"),
        (404, 404, 5, "NOT_FOUND"),
        (409, 409, 6, "CONFLICT"),
        (410, 400, 9, "FAILED_PRECONDITION"),
        (429, 429, 8, "RATE_LIMITED"),
        (503, 503, 14, "UNAVAILABLE"),
    ],
)
async def test_an_error_of_the_service_keeps_its_words(
    gateway: Platform, failure: int, status: int, code: int, reason: str
) -> None:
    refused = await gateway.call("GET", f"/api/v1/tweets/{failure}")

    assert refused.refusal == (status, code, reason)
    assert refused.json["message"] == FAILURES[failure].message


async def test_an_error_keeps_its_details(gateway: Platform) -> None:
    def detail(answer: Any, kind: str) -> Any:
        return next(one for one in answer.json["details"] if one["@type"].endswith(kind))

    invalid = await gateway.call("GET", "/api/v1/tweets/400")
    assert detail(invalid, "BadRequest")["field_violations"][0]["field"] == "limit"
    limited = await gateway.call("GET", "/api/v1/tweets/429")
    assert detail(limited, "RetryInfo")["retry_delay"] == "1s"


async def test_no_text_of_the_implementation_leaks(gateway: Platform) -> None:
    refused = await gateway.call("GET", f"/api/v1/tweets/{RAISES}")

    assert refused.refusal == (500, 13, "INTERNAL")
    assert refused.json["message"] == "internal error"


async def test_a_service_that_hangs_is_given_up(gateway: Platform) -> None:
    refused = await gateway.call("GET", f"/api/v1/tweets/{HANGS}")
    assert refused.refusal == (504, 4, "DEADLINE_EXCEEDED")


async def test_identity_headers_from_outside_never_arrive(gateway: Platform) -> None:
    told = await _metadata(
        gateway,
        x_aviary_address="6.6.6.6",
        x_aviary_peer="tweets",
        x_user_id="1",
        x_envoy_original_path="/x",
        x_envoy_upstream_rq_timeout_ms="1",
        x_forwarded_client_cert="Subject=tweets",
        grpc_timeout="1n",
    )

    assert told["x-aviary-address"] == "127.0.0.1"
    assert not told.keys() & {"x-aviary-peer", "x-user-id", "x-forwarded-client-cert", "grpc-timeout"}
    assert not any(name.startswith("x-envoy-upstream") for name in told)


async def test_headers_with_underscores_cannot_pose_as_others(gateway: Platform) -> None:
    head, _, body = (
        await gateway.raw(
            b"GET /api/v1/users/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx_aviary_address: 6.6.6.6\r\n"
            b"authorization: Bearer " + gateway.token.encode() + b"\r\n\r\n"
        )
    ).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    assert b"6.6.6.6" not in body


async def test_the_service_hears_the_address_of_the_connection(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/api/v1/users/me", headers={"x-forwarded-for": "6.6.6.6"})
    assert answer.json["username"] == "127.0.0.1"


async def test_the_key_and_the_token_travel_on(gateway: Platform) -> None:
    answer = await gateway.call("POST", "/api/v1/tweets", json={"content": "x"}, headers={"idempotency-key": "k-1"})
    assert answer.json["source"] == "k-1"
    assert (await _metadata(gateway))["authorization"] == f"Bearer {gateway.token}"


async def test_a_trace_is_joined_or_started(gateway: Platform) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"

    joined = await _metadata(gateway, traceparent=f"00-{trace_id}-b7ad6b7169203331-01")
    assert joined["traceparent"].split("-")[1] == trace_id
    started = await _metadata(gateway)
    assert len(started["traceparent"].split("-")[1]) == 32


async def test_each_answer_names_its_request(gateway: Platform) -> None:
    answers = [await gateway.call("GET", path) for path in ("/api/v1/users/me", "/nope", "/docs", "/healthz")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_a_client_cannot_name_its_request(gateway: Platform) -> None:
    # The name is what logs are searched by: one that is chosen could be another's.
    answer = await gateway.call("GET", "/api/v1/users/me", headers={"x-request-id": "chosen"})
    assert answer.headers["x-request-id"] != "chosen"


async def test_answers_tell_nothing_of_the_inside(gateway: Platform) -> None:
    for path in ("/api/v1/users/me", "/api/v1/tweets/404", "/nope", "/docs", "/healthz"):
        answer = await gateway.call("GET", path)
        assert answer.headers["server"] == "aviary"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not [name for name in answer.headers if name.lower().startswith(("grpc-", "x-envoy-", "trailer"))]


async def test_no_answer_of_a_call_is_cached(gateway: Platform) -> None:
    for path in ("/api/v1/users/me", "/api/v1/tweets/404", "/nope"):
        assert (await gateway.call("GET", path)).headers["cache-control"] == "no-store"


async def test_any_page_may_call_and_read_the_limits(gateway: Platform) -> None:
    asks = {"origin": "https://client.example", "access-control-request-method": "DELETE"}
    preflight = await gateway.call("OPTIONS", "/api/v1/tweets/5", signed_in=False, headers=asks)
    assert preflight.status == 204
    assert "DELETE" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"]

    for path in ("/api/v1/users/me", "/api/v1/tweets/404", "/nope"):
        answer = await gateway.call("GET", path, headers={"origin": "https://client.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-ratelimit-remaining" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_page_of_tweets_is_compressed_and_a_small_answer_is_not(gateway: Platform, coding: str) -> None:
    url = f"{gateway.url}/api/v1/timeline/home"
    headers = {"authorization": f"Bearer {gateway.token}", "accept-encoding": coding}
    async with aiohttp.ClientSession(auto_decompress=False, headers=headers) as http:
        async with http.get(f"{url}?limit=20") as page:
            assert page.headers["content-encoding"] == coding
            content = await page.read()
        async with http.get(f"{url}?limit=1") as small:
            assert "content-encoding" not in small.headers

    assert len(content) < 2_000
    if coding == "gzip":
        assert len(json.loads(gzip.decompress(content))["tweets"]) == 20


async def test_an_upgrade_is_not_mistaken_for_a_websocket(gateway: Platform) -> None:
    upgrade = {"upgrade": "websocket", "connection": "upgrade"}
    assert (await gateway.call("GET", "/api/v1/users/me", headers=upgrade)).status == 200


async def test_a_repeated_header_cannot_smuggle_a_second_length(gateway: Platform) -> None:
    answer = await gateway.raw(
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 400")


async def test_a_stream_of_bytes_comes_as_the_service_sent_it(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/api/v1/users/me/export/download")

    assert answer.status == 200
    assert answer.content == b"".join(EXPORT)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == "attachment"
    assert "content-disposition" in answer.headers["access-control-expose-headers"]
    assert "grpc-status" not in answer.headers


@pytest.mark.parametrize(
    ("body", "words", "is_sent"),
    [({"muted_words": ["a", "é"]}, ["a", "é"], "True"), ({"muted_words": []}, [], "True"), ({}, [], "False")],
)
async def test_an_empty_array_is_told_from_none(
    gateway: Platform, body: dict[str, object], words: list[str], is_sent: str
) -> None:
    answer = await gateway.call("PUT", "/api/v1/users/me/settings", json=body)

    assert (answer.json["muted_words"], answer.json["dm_from"]) == (words, is_sent)


async def test_a_client_may_name_itself(gateway: Platform) -> None:
    told = await gateway.call("GET", "/api/v1/users/me", headers={"x-client-name": "a client"})
    assert json.loads(told.json["bio"])["x-client-name"] == "a client"
