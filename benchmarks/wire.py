"""HTTP/1.1 with kept connections and as little client as possible: its cost comes out of the platform's two cores.

Requests are ready bytes and answers are split by `content-length` alone, which is how the gateway answers.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LENGTH = b"\r\ncontent-length:"
# What requests are made for; another host is put in its place where they go elsewhere than to this machine.
_HOST = b"\r\nhost: aviary\r\n"
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
# Far above every deadline of the platform: a run that hangs has to end and say so.
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and when its last byte was here, on `time.perf_counter`'s clock."""

    status: int
    body: bytes
    at: float


class Connection(asyncio.Protocol):
    """One kept connection that carries one request at a time."""

    def __init__(self, host: str = "") -> None:
        self._host = b"\r\nhost: %s\r\n" % host.encode() if host else b""
        self._received = bytearray()
        self._needed = 0
        self._head = 0
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    async def send(self, request: bytes) -> Answer:
        """Raises ConnectionError when the other side closes, TimeoutError when it says nothing."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the gateway closed a kept connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request.replace(_HOST, self._host, 1) if self._host else request)
        async with asyncio.timeout(_ANSWER_S):
            return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._needed:
            self._head = self._received.find(b"\r\n\r\n") + 4
            if self._head < 4:
                return
            self._needed = self._head + content_length(bytes(self._received[: self._head]))
        if len(self._received) >= self._needed:
            self._deliver(time.perf_counter())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the gateway closed the connection under a request"))

    def _deliver(self, at: float) -> None:
        # "HTTP/1.1 200 OK"
        answer = Answer(int(self._received[9:12]), bytes(self._received[self._head : self._needed]), at)
        del self._received[: self._needed]
        self._needed = 0
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def content_length(head: bytes) -> int:
    """The body's length. Raises ValueError when the head doesn't say it: a body that can't be told from the next."""
    at = head.lower().find(_LENGTH)
    if at < 0:
        raise ValueError(f"an answer without content-length: {head[:200]!r}")
    start = at + len(_LENGTH)
    return int(head[start : head.index(b"\r\n", start)])


@asynccontextmanager
async def connected(url: str, number: int) -> AsyncIterator[list[Connection]]:
    """`number` open connections to the host and port of `url`, by TLS where it says https."""
    address = urlsplit(url)
    is_tls = address.scheme == "https"
    where, port = address.hostname or "", address.port or (443 if is_tls else 80)
    host = "" if where in _HERE else address.netloc
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(host), where, port, ssl=is_tls or None) for _ in range(number)
    ]
    connections = [connection for _, connection in made]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def get(path: str, *, token: str) -> bytes:
    """A GET as it goes over the wire."""
    return f"GET /api/v1{path} HTTP/1.1\r\nhost: aviary\r\nauthorization: Bearer {token}\r\n\r\n".encode()


def post(path: str, body: dict[str, str], *, token: str, key: str) -> bytes:
    """A POST of JSON as it goes over the wire, under its idempotency key."""
    content = json.dumps(body).encode()
    head = (
        f"POST /api/v1{path} HTTP/1.1\r\nhost: aviary\r\nauthorization: Bearer {token}\r\nidempotency-key: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
