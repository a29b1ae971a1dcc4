"""The description says what is: every path, every field, and nothing that is not so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.gateway.echo import Platform

from aviary.gateway.bindings import bindings, methods, read_descriptors
from aviary.gateway.openapi import openapi
from aviary.gateway.xds import Json
from aviary.rpc.method import PUBLIC, SERVICE

DESCRIBED = read_descriptors()
DOCUMENT = openapi(DESCRIBED)
SYSTEM = {"/", "/docs", "/healthz", "/openapi.json"}


def _operations() -> Iterator[tuple[str, str, Json]]:
    for path, verbs in DOCUMENT["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _references(value: Any) -> set[str]:
    text = json.dumps(value)
    return set(re.findall(r'"\$ref": "([^"]+)"', text))


def _resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Any = DOCUMENT
    for key in schema["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return dict(found)


def _parameters(operation: Json) -> list[Json]:
    return [_resolved(parameter) for parameter in operation.get("parameters", [])]


def test_every_binding_is_described_and_nothing_else() -> None:
    bound = {(binding.template, binding.verb.lower()) for binding in bindings(methods(DESCRIBED))}
    described = {(path, verb) for path, verb, _ in _operations() if path not in SYSTEM}

    assert described == bound
    assert DOCUMENT["paths"].keys() >= SYSTEM


def test_no_call_of_a_service_is_described() -> None:
    internal = {method.name for method in methods(DESCRIBED) if method.access == SERVICE}

    assert internal
    assert not internal & {operation["operationId"] for _, _, operation in _operations()}


def test_the_same_protos_give_the_same_document() -> None:
    assert json.dumps(openapi(read_descriptors())) == json.dumps(DOCUMENT)


def test_every_reference_leads_somewhere_and_every_schema_is_referred_to() -> None:
    references = _references(DOCUMENT)
    for reference in references:
        assert _resolved({"$ref": reference})

    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert schemas <= references


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in _operations()]
    assert len(names) == len(set(names))
    assert {"CreateTweet", "CreateTweetReply", "GetUserTimeline", "GetUserTimelineTweets"} <= set(names)


def test_every_operation_says_what_it_does_and_how_it_fails() -> None:
    for path, verb, operation in _operations():
        assert operation["summary"], f"{verb} {path}"
        if path not in SYSTEM:
            assert {"200", "400", "429", "500", "503", "504"} <= operation["responses"].keys()


def test_every_variable_of_a_path_is_a_required_parameter() -> None:
    for path, _, operation in _operations():
        said = {parameter["name"] for parameter in _parameters(operation) if parameter["in"] == "path"}
        assert said == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert all(one["required"] for one in _parameters(operation) if one["in"] == "path")


def test_public_calls_need_no_token_and_say_nothing_of_401_for_want_of_one() -> None:
    public = {method.name for method in methods(DESCRIBED) if method.access == PUBLIC}
    for path, _, operation in _operations():
        assert (operation.get("security") == []) == (path in SYSTEM or operation["operationId"] in public)
    assert "401" not in DOCUMENT["paths"]["/.well-known/jwks.json"]["get"]["responses"]
    assert "401" in DOCUMENT["paths"]["/api/v1/auth/login"]["post"]["responses"]


def test_calls_with_a_key_take_the_header() -> None:
    for path, verb, operation in _operations():
        takes = any(parameter["name"] == "Idempotency-Key" for parameter in _parameters(operation))
        assert takes == (verb == "post"), f"{verb} {path}"


@pytest.mark.parametrize(
    ("schema", "field", "expected"),
    [
        ("Tweet", "id", {"type": "string", "format": "int64"}),
        ("Tweet", "like_count", {"type": "integer", "format": "int32"}),
        ("Tweet", "created_at", {"type": "string", "format": "date-time"}),
        ("Tweet", "is_liked", {"type": "boolean"}),
        ("Tweet", "type", {"type": "string", "enum": ["original", "reply", "quote", "retweet"]}),
        ("UpdateSettingsRequest", "muted_words", {}),
        ("Session", "current", {"type": "boolean"}),
        ("Geo", "latitude", {"type": "number", "format": "double"}),
        ("TweetList", "tweets", {"type": "array", "items": {"$ref": "#/components/schemas/Tweet"}}),
        ("RegisterRequest", "username", {"type": "string", "pattern": "^[A-Za-z0-9_]{1,15}$"}),
        ("RegisterRequest", "password", {"type": "string", "minLength": 8, "maxLength": 128}),
        ("RegisterRequest", "display_name", {"type": "string", "minLength": 0, "maxLength": 50}),
    ],
)
def test_a_field_has_the_type_that_json_has_and_the_limits_of_its_comment(
    schema: str, field: str, expected: Json
) -> None:
    said = dict(DOCUMENT["components"]["schemas"][schema]["properties"][field])
    said.pop("description", None)
    assert said == expected


def test_lists_are_paged_alike() -> None:
    paged = [
        operation for _, _, operation in _operations() if any(p["name"] == "cursor" for p in _parameters(operation))
    ]
    assert len(paged) >= 5
    for operation in paged:
        limit = next(one for one in _parameters(operation) if one["name"] == "limit")
        assert limit["schema"] == {"type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 20}


def test_what_is_no_json_is_described_as_bytes() -> None:
    download = DOCUMENT["paths"]["/api/v1/users/me/export/download"]["get"]
    assert download["responses"]["200"]["content"] == {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    assert not {"HttpBody", "Any", "ListValue", "Value", "Struct"} & DOCUMENT["components"]["schemas"].keys()


def test_what_is_in_the_path_is_not_asked_for_in_the_body() -> None:
    reply = DOCUMENT["paths"]["/api/v1/tweets/{reply_to_id}/reply"]["post"]
    assert "reply_to_id" not in reply["requestBody"]["content"]["application/json"]["schema"]["properties"]


KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}


def _check(value: Any, schema: Json, at: str = "$") -> None:
    """Hold an answer against its schema; strict, so that no field is undescribed."""
    schema = _resolved(schema)
    kind = schema["type"]
    assert isinstance(value, KINDS[kind]), f"{at} is {value!r}"
    items: Any = value
    if kind == "array":
        for index, item in enumerate(items):
            _check(item, schema["items"], f"{at}[{index}]")
    elif "properties" in schema:
        assert set(schema.get("required", [])) <= items.keys() <= schema["properties"].keys(), at
        for key, below in items.items():
            _check(below, schema["properties"][key], f"{at}.{key}")


@pytest.mark.asyncio(loop_scope="session")
async def test_the_answers_of_every_call_are_as_described(gateway: Platform) -> None:
    checked = 0
    for path, verb, operation in _operations():
        if path in SYSTEM:
            continue
        answer = await gateway.call(verb.upper(), _with_ids(path))
        assert answer.status == 200, f"{verb} {path}: {answer.content!r}"
        content = operation["responses"]["200"]["content"]
        if "*/*" in content:
            assert answer.headers["content-type"] != "application/json"
        else:
            _check(answer.json, content["application/json"]["schema"])
        checked += 1
    assert checked == sum(path not in SYSTEM for path, _, _ in _operations())


def _with_ids(path: str) -> str:
    return "/".join("7" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.asyncio(loop_scope="session")
async def test_an_error_is_as_described(gateway: Platform) -> None:
    for path in ("/api/v1/tweets/400", "/api/v1/tweets/429", "/nope"):
        _check((await gateway.call("GET", path)).json, {"$ref": "#/components/schemas/Error"})


@pytest.mark.asyncio(loop_scope="session")
async def test_the_document_is_served_to_anybody(gateway: Platform) -> None:
    answer = await gateway.call("GET", "/openapi.json", signed_in=False)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == DOCUMENT
