"""Every call of the API, as the protos declare it, against every kind of request that no client should send.

Driven by the descriptors: a new call is swept as soon as it is declared, and
asks in tests/system/calls.py for an example that succeeds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from tests.system.calls import CALLS, NOBODY, NOTHING, example, is_public, leaves, over, replaced, with_field
from tests.system.client import Answer, Client, Person, register
from tests.system.conditions import eventually
from tests.system.conftest import GENEROUS
from tests.system.process import Running, launcher
from tests.system.refusals import faults, is_refused
from tests.system.shapes import departures

from aviary.gateway.bindings import Binding

LONG = 100_000
_FIELD = FieldDescriptor


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One for this file, whose log holds what the sweep did and nothing else."""
    with launcher() as starter:
        lenient = GENEROUS | {"limit_login_failures": 1_000_000, "limit_likes": 100_000, "limit_follows": 100_000}
        running = starter.up(tmp_path_factory.mktemp("sweep") / "data", **lenient)
        yield running
        assert running.stop() == 0
        assert _faults_logged(running) == []


def _faults_logged(platform: Running) -> list[str]:
    logs = list((platform.data_dir / "logs").glob("aviary.log*"))
    assert logs
    lines = [line for log in logs for line in log.read_text().splitlines()]
    assert any('"event": "call"' in line for line in lines)
    lines += platform.said_on_stderr.splitlines()
    return [line for line in lines if "raceback" in line or '"level": "error"' in line or '"level": "warning"' in line]


@pytest.fixture(scope="module")
def anybody(platform: Running) -> Client:
    return Client(platform.url)


@pytest.fixture(scope="module")
def bob(anybody: Client) -> Person:
    """Somebody whom every call may be about."""
    return register(anybody)


GUARDED = [call for call in CALLS if not is_public(call)]
WITH_PATH = [call for call in CALLS if call.variables]
READING = [call for call in CALLS if call.verb == "GET"]
UNDER_API = [call for call in CALLS if call.template.startswith("/api/")]
BODIED = [call for call in CALLS if call.body]
PAGED = [call for call in CALLS if with_field(call, "limit")]


@over(*CALLS)
def test_a_call_succeeds_and_its_answer_is_as_declared(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    if call.method.name == "DownloadExport":
        eventually(lambda: ada.get("/users/me/export").body["state"] == "ready")
    answer = made.send()
    assert answer.status == 200, answer.text
    is_zip = answer.headers["content-type"] == "application/zip" and answer.text.startswith("PK")
    assert is_zip or departures(answer.body, call.response) == ""


# A signature that is none, and a token that says of itself that it has none.
_UNSIGNED = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
_TOKENS = ["", "garbage", "a.b.c", f"{_UNSIGNED}.{base64.urlsafe_b64encode(b'{}').decode().rstrip('=')}.", "x" * 50_000]


@over(*GUARDED)
def test_without_a_good_token_nothing_is_answered(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    tokens = [*_TOKENS, ada.client.token[:-2], ada.refresh_token]
    answers = {token: made.send(token=token) for token in tokens}
    assert faults(answers, 401, reason="UNAUTHENTICATED") == []


@over(*(call for call in CALLS if is_public(call)))
def test_a_public_call_ignores_a_token(call: Binding, ada: Person, bob: Person) -> None:
    for token in (*_TOKENS, ada.client.token):
        assert example(call, register(ada.client.as_token("")), bob).send(token=token).status == 200, token[:20]


# What is documented of something that isn't there, where it is not "not found"; by call and by what isn't there.
_UNKNOWN: Mapping[tuple[str, str], int] = {
    # Somebody else's, whoever that is.
    ("UpdateUser", "id"): 403,
    # Taken back also from what is gone.
    ("RemoveBookmark", "id"): 200,
    ("Unpin", "id"): 200,
    # Nobody is on a list who doesn't exist.
    ("RemoveListMember", "user_id"): 200,
    # A tag is nobody's.
    ("GetHashtagTimeline", "tag"): 200,
}
_NO_IDS = ["abc", "1.5", "1e2", "0x10", "%201", "%2B", "%EF%BC%91", "-", "1,2", "true", "null", "%00", "me.", "1%2F2"]
_OUT_OF_RANGE = [str(2**63), str(2**64), str(-(2**63) - 1), "9" * 400]
_NOT_POSITIVE = ["0", "-1", str(-(2**63))]


@over(*WITH_PATH)
def test_what_does_not_exist_is_not_found(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    for name in call.variables:
        answer = made.to(**{name: NOBODY if name in {"username", "tag"} else NOTHING}).send()
        expected = _UNKNOWN.get((call.method.name, name), 404)
        assert answer.status == expected, f"{name}: {answer.text}"
        assert expected == 200 or is_refused(answer, expected) == "", name


@over(*WITH_PATH)
def test_an_id_that_can_be_nobodys_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    for name in set(call.variables) - {"username", "tag"}:
        answers = {value[:30]: made.to(**{name: value}).send() for value in [*_NO_IDS, *_OUT_OF_RANGE]}
        assert faults(answers, 400, 404) == [], name
        answers = {value: made.to(**{name: value}).send() for value in _NOT_POSITIVE}
        assert faults(answers, 400, 404, _UNKNOWN.get((call.method.name, name), 404)) == [], name


_NO_TEXTS = ["%00", "a%00b", "%C3", "%ED%A0%80", "%F4%90%80%80", "%FF", "%zz"]


@over(*(call for call in CALLS if {"username", "tag"} & set(call.variables)))
def test_a_name_that_can_be_nobodys_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    (name,) = call.variables
    answers = {text[:20]: made.to(**{name: text}).send() for text in [*_NO_TEXTS, "x" * 5_000]}
    assert faults(answers, 400, 404) == []
    assert is_refused(made.to(**{name: "x" * LONG}).send(), 431, "INVALID_INPUT") == ""


_BAD_LIMITS = ["0", "101", "-1", "x", "", "1.5", "1e1", "2147483648", "%00", "%EF%BC%91"]
_BAD_CURSORS = ["damaged", "AAAA", "A" * 32, "%00", "%F0%9F%90%A6", "=", "A" * 3_000, "..%2F..", "%20"]
_BAD_SINCE = ["-1", "x", "1.5", str(2**63)]


@over(*PAGED)
def test_a_page_that_cannot_be_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    stranger = _cursor_of(bob, f"/timeline/user/{bob.id}", bob)
    queries = [f"limit={value}" for value in _BAD_LIMITS] + [f"cursor={value}" for value in _BAD_CURSORS]
    queries += [f"cursor={stranger}", f"cursor={stranger[:-1]}", f"cursor={stranger}x"]
    queries += ["offset=0", "offset=1", "page=2", "limit[]=1", "Limit=1"]
    if with_field(call, "since_id"):
        queries += [f"since_id={value}" for value in _BAD_SINCE]
    assert faults({query: made.send(query=f"?{query}") for query in queries}, 400, reason="INVALID_INPUT") == []


def _cursor_of(person: Person, path: str, author: Person) -> str:
    while not (found := str(person.get(f"{path}?limit=1").body["pagination"]["next_cursor"])):
        author.tweet()
    return found


@over(*UNDER_API)
def test_a_query_parameter_that_is_not_known_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    queries = ["unknown=1", "unknown", "id.x=1", "=1", "access_token=x", "%F0%9F%90%A6=1", f"{'x' * 5_000}=1"]
    assert faults({query: made.send(query=f"?{query}") for query in queries}, 400, reason="INVALID_INPUT") == []


@over(*READING)
def test_a_query_parameter_of_another_type_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    # Of many tweets asked for, those that are not there are left out.
    known = {*call.variables, "limit", "cursor", "ids"}
    asked = [each for each in call.request.fields if each.name not in known]
    answers: dict[str, Answer] = {}
    for each in asked:
        values = ["sideways", "%00", "x" * 5_000] if each.type == _FIELD.TYPE_STRING else ["x", "-1", "1.5", "9" * 19]
        answers |= {f"{each.name}={value[:9]}": made.send(query=f"?{each.name}={value}") for value in values}
    assert faults(answers, 400, 404) == []


_FOREIGN = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/json-patch+json",
    "",
]


@over(*UNDER_API)
def test_a_body_of_another_content_type_is_not_understood(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    raw = json.dumps(dict(made.body)).encode()
    answers = {kind: made.send(raw=raw, headers={"content-type": kind}) for kind in _FOREIGN}
    assert faults(answers, 415, reason="INVALID_INPUT") == []


_MALFORMED = [b"{", b'{"', b"{]", b"[]", b'"text"', b"7", b"{}{}", b"nope", b"\xff\xfe", b"\0"]
_DEEP = [b'{"x":' * 20_000, b"[" * 20_000]


@over(*BODIED)
def test_a_body_that_is_not_json_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    answers = {repr(raw[:9]): made.send(raw=raw) for raw in [*_MALFORMED, *_DEEP]}
    assert faults(answers, 400, reason="INVALID_INPUT") == []


@pytest.mark.xfail(strict=True, reason="the transcoder's parser takes single quotes and a comma too many")
@pytest.mark.parametrize("raw", [b"{'content': 'x'}", b'{"content": "x",}', b'{content: "x"}'])
def test_a_body_that_is_only_nearly_json_is_refused(ada: Person, raw: bytes) -> None:
    assert is_refused(ada.client.send("POST", "/tweets", raw=raw), 400, "INVALID_INPUT") == ""


_WRONG_TYPES: Mapping[int, list[Any]] = {
    _FIELD.CPPTYPE_STRING: [5, True, ["x"], {}, {"x": 1}],
    _FIELD.CPPTYPE_INT32: ["abc", 1.5, True, [1], {}, 2**31, "", -(2**31) - 1],
    _FIELD.CPPTYPE_INT64: ["abc", 1.5, True, [1], {}, 2**63, "", str(2**63), str(-(2**63) - 1)],
    _FIELD.CPPTYPE_BOOL: ["perhaps", 5, [True], {}, ""],
    _FIELD.CPPTYPE_DOUBLE: ["abc", True, [1.0], {}, "", "NaN", "Infinity"],
    _FIELD.CPPTYPE_MESSAGE: [5, "x", True, [5], [[]]],
}


@over(*BODIED)
def test_a_field_of_another_type_is_refused(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    answers = {}
    for path, each in leaves(call):
        values = _WRONG_TYPES[each.cpp_type]
        for value in [*values, [values[0]]] if each.is_repeated else values:
            said = f"{'.'.join(path)} {json.dumps(value)}"
            answers[said] = made.but(**replaced(made.body, path, value)).send()
    kept = {said for said, answer in answers.items() if _is_kept(call, said) and answer.status == 200}
    refused = {said: answer for said, answer in answers.items() if said not in kept}
    assert faults(refused, 400, reason="INVALID_INPUT") == []
    assert ada.get("/tweets/drafts?limit=100").status == 200


def _is_kept(call: Binding, said: str) -> bool:
    """Whether it has the type after all: the field of a draft that is an array, or no number."""
    return call.method.name in _KEPT and ("[" in said or "NaN" in said or "Infinity" in said)


# A draft is kept as it is, whatever would be said of it as a tweet.
_KEPT = {"CreateDraft", "UpdateDraft"}
_HOSTILE = {
    "long": json.dumps("x" * LONG),
    "control": r'"a\u0001b"',
    "escape": r'"a\u001bb"',
    "NUL": r'"a\u0000b"',
    "high surrogate": r'"a\ud800b"',
    "low surrogate": r'"\udc00"',
}
_PLACEHOLDER = "the text of the sweep"


@over(*BODIED)
def test_a_text_that_cannot_be_shown_is_refused_and_breaks_nothing(call: Binding, ada: Person, bob: Person) -> None:
    made = example(call, ada, bob)
    answers = {}
    for path, each in leaves(call):
        if each.type == _FIELD.TYPE_STRING:
            value: object = [_PLACEHOLDER] if each.is_repeated else _PLACEHOLDER
            body = json.dumps(replaced(made.body, path, value))
            for kind, text in _HOSTILE.items():
                raw = body.replace(json.dumps(_PLACEHOLDER), text).encode()
                answers[f"{'.'.join(path)} {kind}"] = made.send(raw=raw)
    kept = call.method.name in _KEPT or call.method.name == "Login"
    assert faults(answers, 400, 401, *([200] if kept else [])) == []
    assert ada.get("/tweets/drafts?limit=100").status == 200
