"""Who is calling: the interceptor that verifies every token again, whatever came before it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.message import Message

from aviary._native import DenyList
from aviary.errors import Forbidden, Unauthenticated
from aviary.recent import Recent
from aviary.rpc.call import Call, Caller, Peer, User
from aviary.rpc.callers import OPERATOR, may_call
from aviary.rpc.method import PUBLIC, SERVICE, Method

ISSUER = "aviary"
# Who a token is for: people's calls, operators' commands, and services without mutual TLS.
AUDIENCE = "aviary-api"
OPERATOR_AUDIENCE = "aviary-operator"
SERVICE_AUDIENCE = "aviary-service"
ALGORITHM = "EdDSA"
_CACHED_TOKENS = 100_000


class TokenVerifier:
    """Checks signature, issuer, audience and expiry; remembers verified tokens by hash until they expire.

    `heard` is told of every person's token that was found good, whose it is and
    when, in seconds since the Unix epoch, it expires.
    """

    def __init__(
        self,
        keys: Mapping[str, Ed25519PublicKey],
        denied: DenyList,
        heard: Callable[[str, User, float], None] | None = None,
    ) -> None:
        self._keys = keys
        self._denied = denied
        self._heard = heard
        self._verified: Recent[bytes, tuple[User | Peer, float]] = Recent(_CACHED_TOKENS)

    def verify(self, token: str) -> User | Peer:
        digest = hashlib.blake2b(token.encode(errors="surrogatepass"), digest_size=16).digest()
        known = self._verified.get(digest)
        if known is None:
            known = self._read(token)
            self._verified.keep(digest, known)
        caller, expires = known
        if expires <= time.time():
            raise Unauthenticated("the access token has expired; refresh it")
        if isinstance(caller, User) and (caller.session_id in self._denied or caller.user_id in self._denied):
            raise Unauthenticated("the session was ended; log in again")
        if isinstance(caller, User) and self._heard is not None:
            self._heard(token, caller, expires)
        return caller

    def _read(self, token: str) -> tuple[User | Peer, float]:
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=[AUDIENCE, OPERATOR_AUDIENCE, SERVICE_AUDIENCE],
                options={"require": ["exp", "iat", "sub"]},
            )
            if claims["aud"] != AUDIENCE:
                return Peer(claims["sub"], is_operator=claims["aud"] == OPERATOR_AUDIENCE), claims["exp"]
            return User(int(claims["sub"]), int(claims["sid"])), claims["exp"]
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
            raise Unauthenticated("the access token is expired, forged or not for this platform") from None


class Identity:
    """The interceptor: fills `call.caller` and holds the method's access rule against it.

    With mutual TLS a service is who its certificate says, and a token tells
    only which person the gateway calls for. Without, every caller has a token.
    """

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def __call__(self, call: Call, _request: Message) -> None:
        if call.from_network:
            call.caller = self._caller(call)
        if call.method.access == SERVICE and not isinstance(call.caller, Peer):
            raise Forbidden(f"{call.method.name} is for Aviary's own services")
        if isinstance(call.caller, Peer):
            _must_be_allowed(call.caller, call.method)

    def _caller(self, call: Call) -> Caller:
        if call.certificate is not None:
            peer = Peer(call.certificate, is_operator=call.certificate == OPERATOR)
            _must_be_allowed(peer, call.method)
            if call.method.access == SERVICE:
                return peer
        return None if call.method.access == PUBLIC else self._verifier.verify(_bearer(call))


def _must_be_allowed(peer: Peer, method: Method) -> None:
    caller = OPERATOR if peer.is_operator else peer.name
    if not may_call(caller, method):
        raise Forbidden(f"{caller or 'the certificate of nobody known'} may not call {method.name}")


def _bearer(call: Call) -> str:
    scheme, _, token = call.metadata.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("this call needs the header Authorization: Bearer <access token>")
    return token.strip()
