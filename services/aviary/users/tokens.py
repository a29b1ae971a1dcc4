"""Access and refresh tokens: pure functions of a session's stored row, so that a repeat gives the same bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

import jwt

from aviary.errors import Unauthenticated
from aviary.rpc.identity import ALGORITHM, AUDIENCE, ISSUER
from aviary.secrets import Secrets, public_x
from aviary.users.store import Session

_ID_BYTES, _GENERATION_BYTES, _TAG_BYTES = 8, 4, 24
# 36 bytes make exactly 48 characters: no padding, and no second spelling of the same token.
_REFRESH_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a session's holder gets; `expires_in_s` is for how long the access token is still good."""

    access_token: str
    refresh_token: str
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token says: the session, and how often it had been rotated."""

    session_id: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What a verifier needs of an Ed25519 key (RFC 8037)."""

    key_id: str
    x: str


class Tokens:
    """Issues tokens for sessions and reads the refresh tokens that come back."""

    def __init__(self, secrets: Secrets, *, access_ttl_s: int) -> None:
        self._signing_key = secrets.signing_key
        self._key_id = secrets.key_id
        self._refresh_key = secrets.derive("refresh-tokens")
        self._access_ttl_s = access_ttl_s

    @property
    def public_key(self) -> PublicKey:
        return PublicKey(key_id=self._key_id, x=public_x(self._signing_key.public_key()))

    def issue(self, session: Session, *, now_s: int) -> TokenPair:
        """Return the pair of the session's generation; Ed25519 is deterministic, so always the same tokens."""
        expires_s = session.rotated_s + self._access_ttl_s
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(session.user_id),
            "sid": str(session.id),
            "iat": session.rotated_s,
            "exp": expires_s,
            "jti": f"{session.id}.{session.generation}",
        }
        access = jwt.encode(claims, self._signing_key, algorithm=ALGORITHM, headers={"kid": self._key_id})
        return TokenPair(
            access_token=access, refresh_token=self._refresh(session), expires_in_s=max(0, expires_s - now_s)
        )

    def parse(self, token: str) -> RefreshToken:
        """Read a refresh token. Raises Unauthenticated for anything that this deployment did not issue."""
        raw = base64.urlsafe_b64decode(token) if _REFRESH_TOKEN.fullmatch(token) else b""
        payload, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(payload)):
            raise Unauthenticated("the refresh token is damaged or not of this platform; log in again")
        return RefreshToken(
            session_id=int.from_bytes(payload[:_ID_BYTES]), generation=int.from_bytes(payload[_ID_BYTES:])
        )

    def _refresh(self, session: Session) -> str:
        payload = session.id.to_bytes(_ID_BYTES) + session.generation.to_bytes(_GENERATION_BYTES)
        return base64.urlsafe_b64encode(payload + self._tag(payload)).decode()

    def _tag(self, payload: bytes) -> bytes:
        return hmac.digest(self._refresh_key, payload, hashlib.sha256)[:_TAG_BYTES]
