"""The secrets of one deployment: a root that keys are derived from, and the key that signs tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from aviary.durable import sync
from aviary.errors import Unavailable
from aviary.rpc.identity import ALGORITHM, ISSUER, OPERATOR_AUDIENCE, SERVICE_AUDIENCE

_ROOT_BYTES = 32
_OPERATOR_TTL_S = 60
SERVICE_TTL_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What only this deployment knows."""

    root: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)
    key_id: str

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for `purpose`, from which neither the root nor another purpose's bytes can be told."""
        return hashlib.blake2b(purpose.encode(), key=self.root, person=b"aviary-derive", digest_size=32).digest()


def load(data_dir: Path) -> Secrets:
    """Read the secrets under `data_dir`; on first use they are made, whole or not at all.

    Raises Unavailable with the file's name when one is unreadable or damaged:
    a new one in its place would end every session and orphan what was keyed by it.
    """
    folder = data_dir / "secrets"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = _keep(folder / "root", lambda: os.urandom(_ROOT_BYTES))
        pem = _keep(folder / "signing.pem", _new_signing_key)
    except OSError as error:
        raise Unavailable(
            f"the secret {error.filename or folder} cannot be read or made: {error.strerror}; check its owner and mode"
        ) from error
    if len(root) != _ROOT_BYTES:
        raise Unavailable(
            f"the secret {folder / 'root'} has {len(root)} bytes instead of {_ROOT_BYTES}; restore it from a backup"
        )
    signing_key = _parse(folder / "signing.pem", pem)
    return Secrets(root=root, signing_key=signing_key, key_id=_thumbprint(signing_key.public_key()))


def operator_token(secrets: Secrets, name: str) -> str:
    """Return a token that lets the command `name` of this machine make operators' calls for a minute."""
    return _token(secrets, OPERATOR_AUDIENCE, name, ttl_s=_OPERATOR_TTL_S)


def service_token(secrets: Secrets, name: str) -> str:
    """Return a token by which the service `name` is known in a fleet without mutual TLS, for `SERVICE_TTL_S`."""
    return _token(secrets, SERVICE_AUDIENCE, name, ttl_s=SERVICE_TTL_S)


def _token(secrets: Secrets, audience: str, subject: str, *, ttl_s: int) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": audience, "sub": subject, "iat": now, "exp": now + ttl_s}
    return jwt.encode(claims, secrets.signing_key, algorithm=ALGORITHM, headers={"kid": secrets.key_id})


def jwks(secrets: Secrets) -> str:
    """The public keys as `/.well-known/jwks.json` gives them."""
    public = public_x(secrets.signing_key.public_key())
    key = {"kty": "OKP", "crv": "Ed25519", "x": public, "kid": secrets.key_id, "alg": "EdDSA", "use": "sig"}
    return json.dumps({"keys": [key]})


def public_x(key: Ed25519PublicKey) -> str:
    """The public key as the `x` of a JWK (RFC 8037)."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _thumbprint(key: Ed25519PublicKey) -> str:
    # RFC 7638: the key names itself, so that a restored key keeps its id and a new one gets another.
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public_x(key)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")


def _keep(file: Path, make: Callable[[], bytes]) -> bytes:
    """Return what `file` holds; write what `make` returns first if there is no such file."""
    if not file.exists():
        _create(file, make())
    return file.read_bytes()


def _create(file: Path, content: bytes) -> None:
    # A hard link appears whole, and fails when another process was first: then its file is the one that counts.
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        file.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    sync(file.parent)


def _new_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _parse(file: Path, pem: bytes) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Unavailable(f"the secret {file} is no private key in PEM; restore it from a backup") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(f"the secret {file} is not an Ed25519 key; restore it from a backup")
    return key
