"""Who may call: good tokens pass to the service, any other is 401; public calls need none."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from tests.gateway.echo import KEY_ID, SESSION_ID, USER_ID, Issuer, Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNAUTHENTICATED = (401, 16, "UNAUTHENTICATED")


async def _with(gateway: Platform, authorization: str) -> tuple[int, int, str]:
    refused = await gateway.call("GET", "/api/v1/users/me", headers={"authorization": authorization})
    return refused.refusal


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": int(time.time()) - 60}, id="expired"),
        pytest.param({"exp": None}, id="never expires"),
        pytest.param({"nbf": int(time.time()) + 600}, id="not valid yet"),
        pytest.param({"iss": "elsewhere"}, id="foreign issuer"),
        pytest.param({"aud": "another-api"}, id="foreign audience"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"sub": "ada"}, id="subject is no id"),
        pytest.param({"key_id": "unknown"}, id="unknown key"),
    ],
)
async def test_a_token_with_wrong_claims_is_refused(gateway: Platform, claims: dict[str, Any]) -> None:
    assert await _with(gateway, f"Bearer {gateway.issuer.token(**claims)}") == UNAUTHENTICATED


async def test_a_token_signed_by_another_key_is_refused(gateway: Platform) -> None:
    assert await _with(gateway, f"Bearer {Issuer().token()}") == UNAUTHENTICATED


async def test_an_unsigned_token_is_refused(gateway: Platform) -> None:
    claims = jwt.decode(gateway.token, options={"verify_signature": False})
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": KEY_ID})
    assert await _with(gateway, f"Bearer {unsigned}") == UNAUTHENTICATED


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(gateway: Platform) -> None:
    # The classic confusion: what everybody may read, used as the key of a symmetric algorithm.
    public = json.loads(gateway.issuer.jwks)["keys"][0]["x"] + "="
    claims = jwt.decode(gateway.token, options={"verify_signature": False})
    forged = jwt.encode(claims, base64.urlsafe_b64decode(public), algorithm="HS256", headers={"kid": KEY_ID})
    assert await _with(gateway, f"Bearer {forged}") == UNAUTHENTICATED


async def test_a_token_with_changed_claims_is_refused(gateway: Platform) -> None:
    head, _, signature = gateway.token.split(".")
    _, other_claims, _ = Issuer().token(sub="1").split(".")
    assert await _with(gateway, f"Bearer {head}.{other_claims}.{signature}") == UNAUTHENTICATED


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer abc", "Bearer a.b.c", "Basic YWRhOnB3", "ada"])
async def test_what_is_no_token_is_refused(gateway: Platform, authorization: str) -> None:
    assert await _with(gateway, authorization) == UNAUTHENTICATED


async def test_no_token_is_refused_in_the_words_of_rfc_6750(gateway: Platform) -> None:
    refused = await gateway.call("GET", "/api/v1/users/me", signed_in=False)

    assert refused.refusal == UNAUTHENTICATED
    assert refused.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_a_good_token_reaches_the_service(gateway: Platform, scheme: str) -> None:
    answer = await gateway.call("GET", "/api/v1/users/5", headers={"authorization": f"{scheme} {gateway.token}"})

    assert answer.json["username"] == f"User(user_id={USER_ID}, session_id={SESSION_ID})"


async def test_a_public_call_needs_no_token_and_ignores_a_bad_one(gateway: Platform) -> None:
    expired = {"authorization": f"Bearer {gateway.issuer.token(exp=1)}"}

    for headers in ({}, expired):
        answer = await gateway.call("POST", "/api/v1/auth/login", signed_in=False, headers=headers, json={})
        assert answer.json["access_token"] == "None"


async def test_the_keys_are_public(gateway: Platform) -> None:
    assert (await gateway.call("GET", "/.well-known/jwks.json", signed_in=False)).json == {"keys": []}


async def test_every_bound_call_but_the_public_ones_needs_a_token(gateway: Platform) -> None:
    document = (await gateway.call("GET", "/openapi.json", signed_in=False)).json
    called = 0
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            answer = await gateway.call(verb.upper(), path.replace("{", "").replace("}", ""), signed_in=False)
            assert (answer.status != 401) == (operation.get("security") == []), f"{verb} {path}"
            called += 1
    assert called > 25
