"""The limit: a server in Rust that has nothing to do, behind Aviary's own gateway, and over gRPC without it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from google.protobuf import json_format
from tests.backends.server import Server

from aviary import secrets
from aviary.api.tweets.v1 import tweets_pb2
from aviary.gateway import envoy_config
from aviary.settings import Settings
from benchmarks import readers, traffic, wire
from benchmarks.binaries import built
from benchmarks.crowd import Crowd
from benchmarks.peers import gateway
from benchmarks.peers.limits import LIMIT
from benchmarks.peers.running import Contender

NAME = "empty"


class Empty(Server):
    """Answers every home with the page that stands in its folder, on as many threads as the front."""

    name = NAME
    start_s = 10.0

    def __init__(self, folder: Path, *, page: bytes) -> None:
        super().__init__(folder)
        self._page = page
        self._program = built(NAME)[NAME]

    def _prepare(self) -> None:
        message = json_format.Parse(self._page, tweets_pb2.TweetList())
        self._files[0].write_bytes(message.SerializeToString())
        self._files[1].write_bytes(self._page)

    def _command(self) -> Sequence[str]:
        return [str(self._program), str(self.port), str(Settings().front_threads), *map(str, self._files)]

    def _serves(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def _files(self) -> tuple[Path, Path]:
        return self.folder / "page.binpb", self.folder / "page.json"


@contextmanager
def running(world: Path, folder: Path, *, page: bytes) -> Iterator[Contender]:
    """It, with `page` for everybody whose token an Aviary on the folder `world` would know."""
    settings = replace(Settings(), limits="on", limit_address_requests=LIMIT)
    with ExitStack() as stack:
        server = stack.enter_context(Empty(folder, page=page))
        config = envoy_config(port=0, grpc_port=server.port, jwks=secrets.jwks(secrets.load(world)), settings=settings)
        envoy = stack.enter_context(gateway.running(config, folder / "gateway"))
        yield Contender(
            name=NAME,
            url=f"http://127.0.0.1:{envoy.port}",
            grpc=server.address,
            processes={NAME: [server.pid], "envoy": [envoy.pid]},
        )


def typical_page(url: str, everybody: Crowd) -> bytes:
    """The full first page of a home that is as long as the middle one of all."""
    pages = asyncio.run(_pages(url, readers.with_full_pages(url, everybody)))
    return sorted(pages, key=len)[len(pages) // 2]


async def _pages(url: str, people: Crowd) -> list[bytes]:
    async with wire.connected(url, 1) as (connection,):
        return [(await connection.send(ask.request)).body for ask in traffic.homes(people)]
