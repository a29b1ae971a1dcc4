"""A folder with the certificates of everybody, and who connects with them."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc
import grpc.aio

from aviary import certs
from aviary.rpc.tls import host_of


def put(folder: Path, authority: certs.Authority, name: str, *, days: int = 2, as_name: str | None = None) -> None:
    """Replace the files of `as_name` by a certificate of `name`, each in one move."""
    made = certs.certificate(authority, name, days=days)
    made = {file.replace(name, as_name or name): content for file, content in made.items()}
    for file, content in (made | {"ca.pem": certs.pem(authority.certificate)}).items():
        draft = folder / f".{file}"
        draft.write_bytes(content)
        draft.replace(folder / file)


def put_all(folder: Path, authority: certs.Authority, *more: str) -> Path:
    """Make the folder, with a certificate for each name from one authority."""
    folder.mkdir(exist_ok=True)
    for name in (*certs.NAMES, *more):
        put(folder, authority, name)
    return folder


def credentials_of(folder: Path, name: str) -> grpc.ChannelCredentials:
    parts = (folder / "ca.pem", folder / f"{name}.key", folder / f"{name}.pem")
    return grpc.ssl_channel_credentials(*(part.read_bytes() for part in parts))


def connect(port: int, credentials: grpc.ChannelCredentials | None, *, service: str = "users") -> grpc.aio.Channel:
    """A connection of its own to a port where `service` is expected."""
    address = f"127.0.0.1:{port}"
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.ssl_target_name_override", host_of(service))]
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, credentials, options=options)


def context_of(folder: Path, name: str | None, *protocols: str) -> ssl.SSLContext:
    """The same for whoever speaks TLS and not gRPC; without a name it shows no certificate."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context
