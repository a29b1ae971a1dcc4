"""What every call passes before it is answered: the token, then the limits of whoever it names."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import Header, HTTPException, Request, Response

ISSUER, AUDIENCE, ALGORITHM = "aviary", "aviary-api", "EdDSA"
_CACHED_TOKENS = 100_000


class Tokens:
    """Verifies signature, issuer, audience and expiry; what was verified is remembered until it expires."""

    def __init__(self, jwks: Path) -> None:
        keys = jwt.PyJWKSet.from_dict(json.loads(jwks.read_text(encoding="utf-8"))).keys
        self._keys = {key.key_id: key.key for key in keys}
        self._verified: dict[str, tuple[int, float]] = {}

    def user(self, authorization: str) -> int:
        """Raises HTTPException 401."""
        scheme, _, token = authorization.partition(" ")
        known = self._verified.get(token)
        if known is None:
            if scheme.lower() != "bearer":
                raise _unauthenticated("this call needs the header Authorization: Bearer <access token>")
            known = self._read(token)
            if len(self._verified) >= _CACHED_TOKENS:
                del self._verified[next(iter(self._verified))]
            self._verified[token] = known
        user, expires = known
        if expires <= time.time():
            raise _unauthenticated("the access token has expired; refresh it")
        return user

    def _read(self, token: str) -> tuple[int, float]:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["exp", "iat", "sub"]},
            )
            return int(claims["sub"]), claims["exp"]
        except (jwt.InvalidTokenError, KeyError, ValueError):
            raise _unauthenticated("the access token is expired, forged or not for this platform") from None


@dataclass(slots=True)
class Limit:
    """So many a window for each user, counted in memory."""

    name: str
    count: int
    window_s: int
    _used: dict[int, tuple[float, int]] = field(default_factory=dict[int, tuple[float, int]])

    def spend(self, user: int, headers: Response) -> None:
        """Take one and say what is left. Raises HTTPException 429 when nothing is."""
        now = time.monotonic()
        since, used = self._used.get(user, (now, 0))
        if now - since >= self.window_s:
            since, used = now, 0
        reset_s = math.ceil(since + self.window_s - now)
        if used >= self.count:
            detail = f"the limit of {self.count} {self.name} in {self.window_s} s is used up; try again in {reset_s} s"
            raise HTTPException(429, detail, {"retry-after": str(reset_s)})
        self._used[user] = since, used + 1
        headers.headers["x-ratelimit-limit"] = str(self.count)
        headers.headers["x-ratelimit-remaining"] = str(self.count - used - 1)
        headers.headers["x-ratelimit-reset"] = str(reset_s)


@dataclass(frozen=True, slots=True)
class Access:
    """The door of an app: kept in its state, asked by `signed_in`."""

    tokens: Tokens
    requests: Limit
    tweets: Limit


async def signed_in(request: Request, response: Response, authorization: Annotated[str, Header()] = "") -> int:
    """Whose call it is."""
    access: Access = request.app.state.access
    user = access.tokens.user(authorization)
    access.requests.spend(user, response)
    return user


def _unauthenticated(why: str) -> HTTPException:
    return HTTPException(401, why, {"www-authenticate": "Bearer"})
