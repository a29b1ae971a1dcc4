"""An authority and a certificate for each service, for trying mutual TLS out; production mounts its own."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aviary.errors import Conflict, Unavailable
from aviary.rpc.callers import GATEWAY, OPERATOR, SERVICES, WORKERS
from aviary.rpc.tls import CA, host_of, uri_of

NAMES = (*SERVICES, *WORKERS, GATEWAY, OPERATOR)
_CA_KEY = "ca.key"
# Clocks differ, and what was just made must be good everywhere.
_EARLIER = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs; its key makes anybody, so it belongs on no machine of a fleet."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def make(folder: Path, *, days: int) -> list[Path]:
    """Write the authority and all certificates into `folder`; returns the files.

    Raises Conflict when one of them is there already: other processes may use it.
    """
    authority = new_authority(days=days)
    files = {CA: pem(authority.certificate), _CA_KEY: _key_pem(authority.key)}
    for name in NAMES:
        files |= certificate(authority, name, days=days)
    if taken := [folder / name for name in files if (folder / name).exists()]:
        raise Conflict(f"{taken[0]} exists already; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return [_write(folder / name, content) for name, content in files.items()]
    except OSError as error:
        raise Unavailable(f"the certificates cannot be written to {folder}: {error.strerror}") from None


def new_authority(*, days: int) -> Authority:
    """A new authority that signs its own certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("aviary authority")
    built = (
        _builder(subject, key.public_key(), days=days)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, built)


def certificate(authority: Authority, name: str, *, days: int) -> dict[str, bytes]:
    """A new key and certificate of `name`, by the names of their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.UniformResourceIdentifier(uri_of(name)), x509.DNSName(host_of(name))]
    both_ways = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    built = (
        _builder(_subject(name), key.public_key(), days=days)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ways), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return {f"{name}.pem": pem(built), f"{name}.key": _key_pem(key)}


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, until) - _EARLIER)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def pem(built: x509.Certificate) -> bytes:
    """A certificate as its file holds it."""
    return built.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> Path:
    mode = 0o600 if path.suffix == ".key" else 0o644
    # Never over a file that appeared meanwhile.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
    return path
