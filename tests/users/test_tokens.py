"""Tokens: what is issued is accepted, anything else is not."""

from __future__ import annotations

import base64
import string
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from aviary import secrets
from aviary._native import DenyList
from aviary.errors import Unauthenticated
from aviary.rpc.call import User
from aviary.rpc.identity import TokenVerifier
from aviary.secrets import Secrets
from aviary.users.store import Session
from aviary.users.tokens import RefreshToken, Tokens

# After this day the test's access tokens would have expired.
FAR_FUTURE_S = 4_000_000_000
IDS = st.integers(min_value=1, max_value=2**63 - 1)
GENERATIONS = st.integers(min_value=0, max_value=2**32 - 1)


@pytest.fixture(scope="module")
def tokens(deployment: Secrets) -> Tokens:
    return Tokens(deployment, access_ttl_s=900)


@pytest.fixture(scope="module")
def verifier(deployment: Secrets) -> TokenVerifier:
    return TokenVerifier({deployment.key_id: deployment.signing_key.public_key()}, DenyList())


def session(session_id: int = 77, generation: int = 3, rotated_s: int = FAR_FUTURE_S) -> Session:
    return Session(id=session_id, user_id=42, generation=generation, rotated_s=rotated_s)


@given(session_id=IDS, generation=GENERATIONS)
def test_a_refresh_token_says_its_session_and_generation(tokens: Tokens, session_id: int, generation: int) -> None:
    pair = tokens.issue(session(session_id, generation), now_s=FAR_FUTURE_S)

    assert tokens.parse(pair.refresh_token) == RefreshToken(session_id=session_id, generation=generation)


@given(position=st.integers(0, 47), character=st.sampled_from(string.printable))
def test_a_refresh_token_with_any_character_changed_is_refused(tokens: Tokens, position: int, character: str) -> None:
    token = tokens.issue(session(), now_s=0).refresh_token
    changed = token[:position] + character + token[position + 1 :]

    if changed != token:
        with pytest.raises(Unauthenticated):
            tokens.parse(changed)


@pytest.mark.parametrize(("letter", "other_spelling"), [("-", "+"), ("_", "/")])
def test_a_refresh_token_has_one_spelling(tokens: Tokens, letter: str, other_spelling: str) -> None:
    issued = (tokens.issue(session(generation=number), now_s=0).refresh_token for number in range(1_000))
    token = next(token for token in issued if letter in token)

    with pytest.raises(Unauthenticated):
        tokens.parse(token.replace(letter, other_spelling))


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_", max_size=100) | st.text(max_size=60))
def test_a_made_up_refresh_token_is_refused(tokens: Tokens, made_up: str) -> None:
    with pytest.raises(Unauthenticated):
        tokens.parse(made_up)


def test_a_refresh_token_of_another_deployment_is_refused(tokens: Tokens, tmp_path: Path) -> None:
    foreign = Tokens(secrets.load(tmp_path), access_ttl_s=900).issue(session(), now_s=0).refresh_token

    with pytest.raises(Unauthenticated):
        tokens.parse(foreign)


@given(session_id=IDS, generation=GENERATIONS, rotated_s=st.integers(0, 2**40))
def test_the_same_session_always_gets_the_same_tokens(
    tokens: Tokens, session_id: int, generation: int, rotated_s: int
) -> None:
    one = tokens.issue(session(session_id, generation, rotated_s), now_s=rotated_s)
    two = tokens.issue(session(session_id, generation, rotated_s), now_s=rotated_s + 10)

    assert (one.access_token, one.refresh_token) == (two.access_token, two.refresh_token)
    assert (one.expires_in_s, two.expires_in_s) == (900, 890)


def test_an_expired_access_token_lives_for_no_seconds(tokens: Tokens) -> None:
    assert tokens.issue(session(rotated_s=1_000), now_s=5_000).expires_in_s == 0


@given(generations=st.sets(GENERATIONS, min_size=2, max_size=10))
def test_no_two_generations_share_a_token(tokens: Tokens, generations: set[int]) -> None:
    pairs = [tokens.issue(session(generation=generation), now_s=0) for generation in generations]

    assert len({pair.refresh_token for pair in pairs}) == len({pair.access_token for pair in pairs}) == len(generations)


def test_an_access_token_names_its_user_and_session(
    tokens: Tokens, verifier: TokenVerifier, deployment: Secrets
) -> None:
    token = tokens.issue(session(), now_s=FAR_FUTURE_S).access_token
    claims = jwt.decode(token, options={"verify_signature": False})

    assert claims == {
        "iss": "aviary",
        "aud": "aviary-api",
        "sub": "42",
        "sid": "77",
        "iat": FAR_FUTURE_S,
        "exp": FAR_FUTURE_S + 900,
        "jti": "77.3",
    }
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": deployment.key_id, "typ": "JWT"}


def test_the_published_key_verifies_what_is_issued(tokens: Tokens) -> None:
    x = tokens.public_key.x
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    message, _, signature = tokens.issue(session(), now_s=0).access_token.rpartition(".")

    key.verify(base64.urlsafe_b64decode(signature + "=="), message.encode())


@given(data=st.data())
def test_an_access_token_with_any_byte_changed_is_refused(
    tokens: Tokens, verifier: TokenVerifier, data: st.DataObject
) -> None:
    issued = tokens.issue(session(rotated_s=1_790_000_000 + 10**9), now_s=0).access_token
    part = data.draw(st.integers(0, 2))
    parts = issued.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    parts[part] = base64.urlsafe_b64encode(raw).decode().rstrip("=")

    with pytest.raises(Unauthenticated):
        verifier.verify(".".join(parts))


def test_an_operators_token_is_nobodys_user(deployment: Secrets, verifier: TokenVerifier) -> None:
    caller = verifier.verify(secrets.operator_token(deployment, "backup"))

    assert not isinstance(caller, User)
    assert caller.name == "backup"
