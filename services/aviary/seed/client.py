"""One HTTP call to the platform, and the four things that can come of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

TIMEOUT_S = 20.0
_NOT_IMPLEMENTED = 501


@dataclass(frozen=True, slots=True)
class Request:
    """What to send; the body is JSON."""

    method: str
    path: str
    body: dict[str, str] | None = None
    key: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Ok:
    """Acknowledged."""

    body: dict[str, Any]  # JSON, of as many shapes as there are calls


@dataclass(frozen=True, slots=True)
class Refused:
    """Not done, and not going to be."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Limited:
    """Not done now; to be asked again after that long."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """Done or not: the answer was lost, or said that nobody knows."""

    reason: str


Answer = Ok | Refused | Limited | Unknown


class Client:
    """Sends requests over a pool of kept connections, one try each."""

    def __init__(self, url: str, *, connections: int) -> None:
        self._base = url.rstrip("/") + "/api/v1"
        self._connections = connections

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            # Unpacking an answer costs more than the loopback saves.
            headers={"accept-encoding": "identity"},
            middlewares=[_send_once],
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def send(self, request: Request) -> Answer:
        try:
            async with self._http.request(
                request.method, self._base + request.path, json=request.body, headers=_headers(request)
            ) as response:
                return _answer(response.status, response.headers.get("retry-after"), await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Unknown(str(error) or type(error).__name__)


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET or DELETE again by itself when a connection breaks.

    The journal would not know: a deletion that was done and sent again is refused, as if it had never been done.
    """
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from error


def _headers(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    if request.key:
        headers["idempotency-key"] = request.key
    if request.token:
        headers["authorization"] = f"Bearer {request.token}"
    return headers


def _answer(status: int, retry_after: str | None, content: bytes) -> Answer:
    if status == 429:
        return Limited(float(retry_after) if retry_after and retry_after.isdecimal() else 1.0)
    if status >= 500 and status != _NOT_IMPLEMENTED:
        return Unknown(str(status))
    try:
        body = json.loads(content)
    except ValueError:
        # An acknowledgement that can't be read acknowledges nothing.
        return (
            Unknown("unreadable answer") if status == 200 else Refused(status, content[:200].decode(errors="replace"))
        )
    return Ok(body) if status == 200 else Refused(status, str(body.get("message", body))[:200])
