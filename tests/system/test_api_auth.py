"""Signing up, in, on and out, through the gateway."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.system.client import PASSWORD, Answer, Client, Person, fresh_name
from tests.system.conditions import eventually
from tests.system.process import Running
from tests.system.refusals import is_refused
from tests.system.shapes import ONESELF, PAIR, differences, fits

from aviary import secrets


def _login(anybody: Client, person: Person, password: str = PASSWORD) -> Answer:
    return anybody.post("/auth/login", {"username": person.username, "password": password})


def _refresh(anybody: Client, token: str, *, key: str = "") -> Answer:
    return anybody.post("/auth/refresh-token", {"refresh_token": token}, key=key)


def test_registering_gives_the_account_and_a_pair_of_tokens(anybody: Client) -> None:
    name = fresh_name()
    answer = anybody.post(
        "/auth/register",
        {"username": name, "email": f"{name}@Example.COM", "password": PASSWORD, "display_name": "Ada"},
    )
    assert answer.status == 200
    assert differences(answer.body, {"user": fits(ONESELF), **PAIR}) == ""
    assert answer.body["user"]["email"] == f"{name}@example.com"
    assert answer.body["expires_in"] == 900


@pytest.mark.parametrize("name", ["username", "email"])
def test_logging_in_works_with_the_username_in_any_case_and_with_the_email(
    anybody: Client, ada: Person, name: str
) -> None:
    who = ada.username.upper() if name == "username" else ada.email
    answer = anybody.post("/auth/login", {"username": who, "password": PASSWORD})
    assert answer.status == 200
    assert differences(answer.body, {"user": fits(ONESELF), **PAIR}) == ""
    assert answer.body["user"]["id"] == ada.id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "a b"),
        ("username", "x" * 16),
        ("username", "naïve"),
        ("email", "nobody"),
        ("email", ""),
        ("password", "short"),
        ("password", "p" * 129),
        ("password", "é" * 40),
        ("password", "password"),
        ("display_name", "x" * 51),
        ("display_name", "a\u0000b"),
    ],
)
def test_registering_with_a_bad_field_names_that_field(anybody: Client, field: str, value: str) -> None:
    name = fresh_name()
    good = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "display_name": "Ada"}
    answer = anybody.post("/auth/register", good | {field: value})
    assert is_refused(answer, 400, "INVALID_INPUT") == ""
    assert answer.violated == {field}


def test_a_taken_name_in_another_case_and_a_taken_email_are_conflicts(anybody: Client, ada: Person) -> None:
    other = fresh_name()
    body = {"username": other, "email": f"{other}@example.com", "password": PASSWORD, "display_name": ""}
    assert is_refused(anybody.post("/auth/register", body | {"username": ada.username.upper()}), 409, "CONFLICT") == ""
    assert is_refused(anybody.post("/auth/register", body | {"email": ada.email.upper()}), 409, "CONFLICT") == ""


def test_registering_again_under_the_key_gives_the_same_account_and_tokens(anybody: Client) -> None:
    name = fresh_name()
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "display_name": ""}
    first, again = (anybody.post("/auth/register", body, key=name) for _ in range(2))
    # Seconds that remain are the one thing that has changed since.
    assert {**first.body, "expires_in": 0} == {**again.body, "expires_in": 0}
    assert is_refused(anybody.post("/auth/register", body | {"display_name": "B"}, key=name), 409, "CONFLICT") == ""


@pytest.mark.parametrize("body", [{}, {"username": "a"}, {"password": "a"}])
def test_a_login_that_lacks_something_is_malformed(anybody: Client, body: dict[str, str]) -> None:
    assert is_refused(anybody.post("/auth/login", body), 400, "INVALID_INPUT") == ""


def test_a_wrong_name_and_a_wrong_password_are_told_in_the_same_words(anybody: Client, ada: Person) -> None:
    wrong_password = _login(anybody, ada, "not-it-at-all-1")
    nobody = anybody.post("/auth/login", {"username": fresh_name("no"), "password": PASSWORD})
    assert is_refused(wrong_password, 401, "UNAUTHENTICATED") == ""
    assert wrong_password.body == nobody.body


def test_the_sixth_failure_on_an_account_is_limited_and_so_is_the_right_password_then(
    anybody: Client, ada: Person
) -> None:
    failures = [_login(anybody, ada, "not-it-at-all-1") for _ in range(5)]
    assert [answer.status for answer in failures] == [401] * 5
    limited = _login(anybody, ada)
    assert is_refused(limited, 429, "RATE_LIMITED") == ""
    assert 0 < int(limited.headers["retry-after"]) <= 900
    assert limited.headers["x-ratelimit-limit"] == "5"
    assert limited.headers["x-ratelimit-remaining"] == "0"
    assert 0 < int(limited.headers["x-ratelimit-reset"]) <= 900


def test_a_refresh_rotates_both_tokens_and_the_new_ones_work(anybody: Client, ada: Person) -> None:
    answer = _refresh(anybody, ada.refresh_token)
    assert answer.status == 200
    assert differences(answer.body, PAIR) == ""
    assert answer.body["refresh_token"] != ada.refresh_token
    assert anybody.as_token(answer.body["access_token"]).get("/users/me").body["id"] == ada.id
    assert _refresh(anybody, answer.body["refresh_token"]).status == 200


def test_a_refresh_whose_answer_was_lost_gives_the_same_pair_under_its_key(anybody: Client, ada: Person) -> None:
    key = fresh_name()
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(_refresh, anybody, ada.refresh_token, key=key) for _ in range(10)]
        answers = [call.result() for call in calls]
    assert [answer.status for answer in answers] == [200] * 10
    assert len({(answer.body["access_token"], answer.body["refresh_token"]) for answer in answers}) == 1


@pytest.mark.parametrize("key", ["", "another"])
def test_a_refresh_token_used_twice_ends_its_session(anybody: Client, ada: Person, key: str) -> None:
    renewed = _refresh(anybody, ada.refresh_token, key=fresh_name()).body
    assert is_refused(_refresh(anybody, ada.refresh_token, key=key), 401, "UNAUTHENTICATED") == ""
    assert is_refused(_refresh(anybody, renewed["refresh_token"]), 401) == ""
    eventually(lambda: anybody.as_token(renewed["access_token"]).get("/users/me").status == 401, within_s=1)


@pytest.mark.parametrize(("token", "status"), [("", 400), ("nonsense", 401), ("A" * 5_000, 401), ("é", 401)])
def test_what_is_no_refresh_token_is_refused(anybody: Client, token: str, status: int) -> None:
    assert is_refused(_refresh(anybody, token), status) == ""


def test_logging_out_ends_this_session_and_no_other(anybody: Client, ada: Person) -> None:
    other = anybody.as_token(_login(anybody, ada).body["access_token"])
    assert (answer := ada.post("/auth/logout")).status == 200
    assert answer.body == {}
    eventually(lambda: ada.get("/users/me").status == 401, within_s=1)
    assert is_refused(_refresh(anybody, ada.refresh_token), 401) == ""
    assert other.get("/users/me").status == 200


def test_logging_out_everywhere_ends_every_session(anybody: Client, ada: Person) -> None:
    other = anybody.as_token(_login(anybody, ada).body["access_token"])
    assert ada.post("/auth/logout-all").body == {}
    eventually(lambda: {ada.get("/users/me").status, other.get("/users/me").status} == {401}, within_s=1)
    assert _login(anybody, ada).status == 200


@pytest.fixture(scope="module")
def signing_key(platform: Running) -> tuple[Ed25519PrivateKey, str]:
    """The platform's own key: what no outsider has."""
    kept = secrets.load(platform.data_dir)
    return kept.signing_key, kept.key_id


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": int(time.time()) - 3_600, "iat": int(time.time()) - 7_200},
        {"aud": "another-service"},
        {"iss": "somebody-else"},
        {"sub": ""},
        {"exp": None},
    ],
    ids=["expired", "foreign audience", "foreign issuer", "nobody's", "endless"],
)
def test_a_well_signed_token_that_says_the_wrong_thing_is_refused(
    ada: Person, signing_key: tuple[Ed25519PrivateKey, str], change: dict[str, object]
) -> None:
    key, key_id = signing_key
    claims = {name: value for name, value in (_claims(ada.client.token) | change).items() if value is not None}
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": key_id})
    assert is_refused(ada.client.as_token(token).get("/users/me"), 401, "UNAUTHENTICATED") == ""


def test_a_token_signed_like_ours_is_accepted_so_that_the_refusals_above_mean_something(
    ada: Person, signing_key: tuple[Ed25519PrivateKey, str]
) -> None:
    key, key_id = signing_key
    token = jwt.encode(_claims(ada.client.token), key, algorithm="EdDSA", headers={"kid": key_id})
    assert ada.client.as_token(token).get("/users/me").body["id"] == ada.id


def test_a_forged_token_is_refused(ada: Person, signing_key: tuple[Ed25519PrivateKey, str]) -> None:
    claims = _claims(ada.client.token)
    forged = jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA", headers={"kid": signing_key[1]})
    unsigned = jwt.encode(claims, "", algorithm="none")
    for token in (forged, unsigned, "a.b.c", "nonsense", ada.client.token[:-3]):
        assert is_refused(ada.client.as_token(token).get("/users/me"), 401, "UNAUTHENTICATED") == ""


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "bearer  "])
def test_without_a_bearer_token_nobody_is_let_in(anybody: Client, header: str) -> None:
    headers = {"authorization": header} if header else {}
    assert is_refused(anybody.send("GET", "/users/me", headers=headers), 401, "UNAUTHENTICATED") == ""


def test_identity_headers_from_outside_mean_nothing(anybody: Client, ada: Person, bob: Person) -> None:
    names = ("x-user-id", "x-aviary-user", "x-aviary-user-id", "x-jwt-payload", "x-aviary-subject", "x-sub")
    spoofed: dict[str, str] = dict.fromkeys(names, bob.id)
    assert anybody.send("GET", "/users/me", headers=spoofed).status == 401
    assert ada.client.send("GET", "/users/me", headers=spoofed).body["id"] == ada.id


def test_the_published_keys_verify_the_tokens(anybody: Client, ada: Person) -> None:
    answer = anybody.get("//.well-known/jwks.json")
    assert answer.status == 200
    key = jwt.PyJWKSet.from_dict(answer.body).keys[0]
    assert jwt.decode(ada.client.token, key, algorithms=["EdDSA"], audience="aviary-api")["sub"] == ada.id
    assert "d" not in answer.body["keys"][0]
