"""Certificates that servers of these tests show."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.backends.server import HOST

from aviary import certs


def make(folder: Path) -> tuple[Path, Path]:
    """Return the files of a new authority, and of a server's key and certificate with the authority's after them."""
    authority = certs.new_authority(days=1)
    key = ec.generate_private_key(ec.SECP256R1())
    signed = authority.certificate
    shown = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server")]))
        .issuer_name(signed.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(signed.not_valid_before_utc)
        .not_valid_after(signed.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    trusted, kept = folder / "authority.pem", folder / "server.pem"
    trusted.write_bytes(certs.pem(signed))
    kept.write_bytes(secret + certs.pem(shown) + certs.pem(signed))
    return trusted, kept
