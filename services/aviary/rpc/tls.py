"""Mutual TLS: the files that say who a process is, read again when they change."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from aviary.errors import Unavailable

T = TypeVar("T")

_log = logging.getLogger("aviary.rpc")

CA = "ca.pem"
# When each file last changed; None for one that is not there.
_Stamps = Sequence[tuple[int, int, int] | None]
# The name in a certificate's URI, which tells a server who calls, and in its DNS entry, which tells a client whom it
# has reached: by its service, because addresses come and go.
_URI = "spiffe://aviary/"
_DOMAIN = ".aviary"


def uri_of(name: str) -> str:
    """How the certificate of `name` says who it is."""
    return _URI + name


def host_of(name: str) -> str:
    """The name that whoever connects to the service `name` finds in its certificate."""
    return name + _DOMAIN


def named(uri: str) -> str:
    """Whom a certificate with this one URI names; "" when that is nobody of ours."""
    return uri.removeprefix(_URI) if uri.startswith(_URI) else ""


def caller_of(auth_context: Mapping[str, Sequence[bytes]]) -> str:
    """Whom the certificate of a connection names; "" when that is nobody of ours."""
    # gRPC fills it only from a certificate with exactly one URI.
    uris = [uri.decode(errors="replace") for uri in auth_context.get("peer_spiffe_id", ())]
    return named(uris[0]) if len(uris) == 1 else ""


@dataclass(frozen=True, slots=True)
class Material:
    """One name's key and certificate chain, and the authority that the other side's must come from."""

    key: bytes = field(repr=False)
    chain: bytes
    authority: bytes


class Certificates:
    """The files `ca.pem`, `<name>.pem` and `<name>.key` of a folder, for the names that a process bears."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Raises Unavailable with the file's name when one is missing, damaged, expired or somebody else's."""
        self._files = {name: _Files(folder, name) for name in names}

    def server(self) -> grpc.ServerCredentials:
        """Credentials that ask every client for a certificate of ours; each handshake takes the files as they are."""
        return grpc.dynamic_ssl_server_credentials(self._configuration(), self._configuration, True)  # noqa: FBT003

    def shown(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Each name's key and chain, and the authorities that are in force at this moment, as the files are; in PEM."""
        found = [files.current() for files in self._files.values()]
        return [(each.key, each.chain) for each in found], _in_force(found[0].authority)

    def material(self, name: str) -> Material:
        """The files of `name` as they are now; the same object while they don't change."""
        return self._files[name].current()

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        found = [files.current() for files in self._files.values()]
        # By the name that the client asks for, gRPC picks the pair.
        return grpc.ssl_server_certificate_configuration([(each.key, each.chain) for each in found], found[0].authority)


class _Files:
    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._paths = {"key": folder / f"{name}.key", "chain": folder / f"{name}.pem", "authority": folder / CA}
        # gRPC asks from threads of its own.
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._material = self._read()

    def current(self) -> Material:
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                self._replace(stamp)
            return self._material

    def _replace(self, stamp: _Stamps) -> None:
        # Not half of a change: until key and certificate fit, those that are in use stay.
        try:
            self._material = self._read()
        except Unavailable as error:
            _log.warning("certificate_kept", extra={"why": error.message})
            return
        self._stamp = stamp
        _log.info("certificate_changed", extra={"certificate": self._name})

    def _look(self) -> _Stamps:
        return [_stamp(path) for path in self._paths.values()]

    def _read(self) -> Material:
        held = {part: _content(path) for part, path in self._paths.items()}
        authorities = _parsed(self._paths["authority"], lambda: x509.load_pem_x509_certificates(held["authority"]))
        _must_last(self._paths["authority"], max(authorities, key=lambda each: each.not_valid_after_utc))
        chain = _parsed(self._paths["chain"], lambda: x509.load_pem_x509_certificates(held["chain"]))
        key = _parsed(self._paths["key"], lambda: serialization.load_pem_private_key(held["key"], password=None))
        if key.public_key() != chain[0].public_key():
            raise Unavailable(f"{self._paths['key']} is not the key of {self._paths['chain']}")
        self._must_be_ours(chain[0])
        return Material(**held)

    def _must_be_ours(self, certificate: x509.Certificate) -> None:
        path = self._paths["chain"]
        _must_last(path, certificate)
        if uri_of(self._name) not in _uris(certificate):
            raise Unavailable(f"the certificate {path} is not that of {uri_of(self._name)}")


def _must_last(path: Path, certificate: x509.Certificate) -> None:
    if certificate.not_valid_after_utc <= dt.datetime.now(dt.UTC):
        raise Unavailable(f"the certificate {path} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def _in_force(authorities: bytes) -> bytes:
    now = dt.datetime.now(dt.UTC)
    return b"".join(
        each.public_bytes(serialization.Encoding.PEM)
        for each in x509.load_pem_x509_certificates(authorities)
        if each.not_valid_before_utc <= now < each.not_valid_after_utc
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable(f"the certificate file {path} cannot be read: {error.strerror}") from None


def _parsed(path: Path, parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (ValueError, TypeError):
        raise Unavailable(f"{path} is neither a key without a password nor certificates, in PEM") from None


def _uris(certificate: x509.Certificate) -> Sequence[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return names.get_values_for_type(x509.UniformResourceIdentifier)
