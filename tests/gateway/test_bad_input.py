"""Malformed requests, each refused by the gateway in the one error shape; `Platform.call` checks the shape."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
from tests.gateway.echo import Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

INVALID = (400, 3, "INVALID_INPUT")
UNKNOWN = (404, 5, "NOT_FOUND")
TOO_LARGE = (413, 3, "INVALID_INPUT")
UNREADABLE = (415, 3, "INVALID_INPUT")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"content": "a"', id="cut off"),
        pytest.param(b'{"content": "a"}}', id="one brace too many"),
        pytest.param(b'{"content": "a"} {"content": "b"}', id="two values"),
        pytest.param(b"[1]", id="top-level array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b"\x00\x01", id="binary"),
        pytest.param(b'{"content": "\xff\xfe"}', id="bad UTF-8"),
        pytest.param(b'{"content": "\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'{"content": 5}', id="number for a string"),
        pytest.param(b'{"content": {"a": 1}}', id="object for a string"),
        pytest.param(b'{"is_sensitive": "perhaps"}', id="word for a boolean"),
        pytest.param(b'{"media_ids": "x"}', id="word for a list"),
        pytest.param(b'{"poll": 7}', id="number for an object"),
        pytest.param(b'{"reply_to_id": 1.5}', id="fraction for an id"),
        pytest.param(b'{"reply_to_id": "9223372036854775808"}', id="id above int64"),
        pytest.param(b'{"reply_to_id": 99999999999999999999}', id="id above int64, as a number"),
        pytest.param(b'{"poll":' * 100_000 + b"1" + b"}" * 100_000, id="100,000 objects deep"),
        pytest.param(b'{"content":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="100,000 arrays deep"),
    ],
)
async def test_a_body_that_is_no_such_message_is_invalid(gateway: Platform, body: bytes) -> None:
    assert (await gateway.post("/api/v1/tweets", body)).refusal == INVALID


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/tweets?nope=1",
        "/api/v1/tweets?nope",
        "/api/v1/tweets?ids=1&nope&ids=2",
        "/api/v1/tweets?=1",
        "/api/timeline/home?limit=1&offset",
        "/api/v1/timeline/home?offset=20",
        "/api/v1/timeline/home?limit=ten",
        "/api/v1/timeline/home?limit=",
        "/api/v1/timeline/home?limit=1e1",
        "/api/v1/timeline/home?limit=99999999999",
        "/api/v1/tweets?ids=1,2",
        "/api/v1/tweets?ids=9223372036854775808",
        "/api/v1/tweets/abc",
        "/api/v1/tweets/9223372036854775808",
        "/api/v1/users/by/username/%ff%fe",
        "/api/v1/users/by/username/%c3",
        "/api/v1/users/by/username/%ed%a0%80",
        "/api/v1/users/by/username/%c0%80",
        "/api/v1/users/by/username/%zz",
        "/api/v1/timeline/home?cursor=%ff",
    ],
)
async def test_a_path_or_query_that_fits_no_field_is_invalid(gateway: Platform, path: str) -> None:
    assert (await gateway.call("GET", path)).refusal == INVALID


@pytest.mark.parametrize("query", ["", "&", "limit=1&", "&limit=1", "limit=1&&cursor="])
async def test_nothing_between_two_parameters_is_no_parameter(gateway: Platform, query: str) -> None:
    answer = await gateway.call("GET", f"/api/v1/timeline/home?{query}")
    assert answer.status == 200, answer


@pytest.mark.parametrize("query", ["content=x", "nope=x", "request_id=x"])
async def test_a_call_with_a_body_takes_no_query(gateway: Platform, query: str) -> None:
    assert (await gateway.call("POST", f"/api/v1/tweets?{query}", json={})).refusal == INVALID


async def test_a_body_that_contradicts_the_path_is_invalid(gateway: Platform) -> None:
    refused = await gateway.call("POST", "/api/v1/tweets/9/reply", json={"content": "x", "reply_to_id": "7"})
    assert refused.refusal == INVALID

    agreed = await gateway.call("POST", "/api/v1/tweets/9/reply", json={"content": "x", "reply_to_id": "9"})
    assert agreed.json["reply_to_id"] == "9"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/nope"),
        ("GET", "/api/v1/nope"),
        ("GET", "/api/v2/users/me"),
        ("GET", "/api/v1/users/me/"),
        ("GET", "/api/v1/users/meow/followers/x"),
        ("POST", "/aviary.api.users.v1.UserService/GetMe"),
        # A service's own call is on no path at all.
        ("POST", "/aviary.api.tweets.v1.TweetService/Hydrate"),
        # Known paths, wrong verbs.
        ("PATCH", "/api/v1/tweets/5"),
        ("PUT", "/api/v1/tweets/5/like"),
        ("DELETE", "/api/v1/users/me"),
        ("OPTIONS", "/api/v1/tweets/5"),
        ("POST", "/docs"),
    ],
)
async def test_an_unknown_path_or_verb_is_not_found(gateway: Platform, verb: str, path: str) -> None:
    refused = await gateway.call(verb, path)
    assert refused.refusal == UNKNOWN
    assert f"{verb} {path}" in refused.json["message"]


async def test_head_of_a_call_is_not_found(gateway: Platform) -> None:
    assert (await gateway.call("HEAD", "/api/v1/tweets/5")).status == 404


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/jsonp",
        "application/json-patch+json",
        None,
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_refused(gateway: Platform, kind: str | None) -> None:
    assert (await gateway.post("/api/v1/tweets", b'{"content": "x"}', kind=kind)).refusal == UNREADABLE


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON ;x=y"])
async def test_json_may_be_declared_with_parameters(gateway: Platform, kind: str) -> None:
    assert (await gateway.post("/api/v1/tweets", b'{"content": "x"}', kind=kind)).json["content"] == "x"


async def test_a_chunked_body_needs_its_type_too(gateway: Platform) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"content": "x"}'

    for kind, status in (("text/plain", 415), ("application/json", 200)):
        answer = await gateway.call("POST", "/api/v1/tweets", data=chunks(), headers={"content-type": kind})
        assert answer.status == status


async def test_a_wrong_type_without_a_length_is_refused(gateway: Platform) -> None:
    # Over HTTP/2 this is how a body may come; only HTTP/1 says by these headers that there is none.
    answer = await gateway.raw(
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 415")


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_no_body_needs_no_type(gateway: Platform, verb: str) -> None:
    assert (await gateway.call(verb, "/api/v1/users/9/follow")).json == {"following": False, "requested": False}


async def test_a_body_up_to_the_limit_arrives(gateway: Platform) -> None:
    content = "x" * (1_000_000 - len('{"content": ""}'))

    assert (await gateway.call("POST", "/api/v1/tweets", json={"content": content})).json["content"] == content
    assert (await gateway.call("POST", "/api/v1/tweets", json={"content": content + "x"})).refusal == TOO_LARGE


async def test_a_body_far_above_the_limit_is_refused_while_it_is_still_sent(gateway: Platform) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 100_000

    json_type = {"content-type": "application/json"}
    assert (
        await gateway.call("POST", "/api/v1/tweets", data=io.BytesIO(b"x" * 30_000_000), headers=json_type)
    ).refusal == TOO_LARGE
    assert (await gateway.call("POST", "/api/v1/tweets", data=chunks(), headers=json_type)).refusal == TOO_LARGE


async def test_a_body_that_grows_in_protobuf_is_too_large_rather_than_too_often(gateway: Platform) -> None:
    # Three bytes of JSON become ten: gRPC would say RESOURCE_EXHAUSTED, which a client reads as 429.
    ids = b'{"media_ids":[' + b"-1," * 333_000 + b"-1]}"

    assert (await gateway.post("/api/v1/tweets", ids)).refusal == TOO_LARGE


async def test_headers_above_their_limit_are_refused(gateway: Platform) -> None:
    refused = await gateway.call("GET", "/api/v1/users/me", headers={"x-large": "y" * 70_000})
    assert refused.refusal == (431, 3, "INVALID_INPUT")


@pytest.mark.parametrize("request_line", [b"GET / HTTP/9", b"nonsense", b"GET /\x00 HTTP/1.1", b"GET / HTTP/1.0"])
async def test_what_is_not_http_gets_the_one_shape(gateway: Platform, request_line: bytes) -> None:
    head, _, body = (await gateway.raw(request_line + b"\r\n\r\n")).partition(b"\r\n\r\n")

    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 426"))
    assert b"content-type: application/json" in head
    assert body.startswith(b'{"code":3,')


@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_grpc_is_refused_in_grpc(gateway: Platform, verb: str) -> None:
    refused = await gateway.call(verb, "/api/v1/users/me", headers={"content-type": "application/grpc"})

    assert refused.headers["content-type"] == "application/grpc"
    assert refused.headers["grpc-status"] not in {"", "0"}
