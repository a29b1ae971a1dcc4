"""Calls that the front hands over within the process, in place of a connection to the server behind it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from aviary._native import FrontServer
from aviary.errors import AviaryError
from aviary.rpc.call import Call
from aviary.rpc.method import Method
from aviary.rpc.status import INTERNAL, to_status

_log = logging.getLogger("aviary.front")

# Makes the call of what a caller sent: its metadata, and for how many seconds they wait, None when they don't say.
Arrive = Callable[[Method, dict[str, str], float | None], Call]
# Serves a call: what the bytes ask for, or an AviaryError with the headers that are told with it.
Serve = Callable[[Method, bytes, Call], Awaitable[Message]]
# Its ticket, the number of its route, its metadata, for how many seconds its caller waits, its message.
Taken = tuple[int, int, dict[str, str], float | None, bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, and how it is answered."""

    path: str
    method: Method
    serialize: Callable[[Message], bytes]


class Desk:
    """Serves calls with one answer, each in a task of its own that ends when its caller leaves."""

    def __init__(self, routes: Sequence[Route], *, arrive: Arrive, serve: Serve) -> None:
        self._routes = routes
        self._arrive = arrive
        self._serve = serve
        self._serving: dict[int, asyncio.Task[None]] = {}

    @property
    def paths(self) -> list[str]:
        return [route.path for route in self._routes]

    def take(self, server: FrontServer) -> None:
        """Begin what waits to be served, and end what nobody waits for any more."""
        calls, gone = server.take_calls()
        loop = asyncio.get_running_loop()
        for call in calls:
            self._serving[call[0]] = loop.create_task(self._answer(server, call))
        for ticket in gone:
            if (task := self._serving.get(ticket)) is not None:
                task.cancel()

    async def close(self) -> None:
        """End what is still under way."""
        serving = list(self._serving.values())
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _answer(self, server: FrontServer, taken: Taken) -> None:
        ticket, number, metadata, left_s, raw = taken
        route = self._routes[number]
        headers: dict[str, str] = {}
        try:
            call = self._arrive(route.method, metadata, left_s)
            headers = call.headers
            message = route.serialize(await self._serve(route.method, raw, call))
            server.answer(ticket, list(headers.items()), message)
        except AviaryError as error:
            _refuse(server, ticket, headers, error)
        except Exception:  # noqa: BLE001 - whatever it is, somebody waits
            # Of the handlers' own nothing comes this far: it is how a call begins or ends that failed.
            _log.exception("call_failed", extra={"rpc": route.path})
            _refuse(server, ticket, headers, AviaryError(INTERNAL))
        except asyncio.CancelledError:
            _refuse(server, ticket, headers, AviaryError(INTERNAL))
            raise
        finally:
            del self._serving[ticket]


def _refuse(server: FrontServer, ticket: int, headers: Mapping[str, str], error: AviaryError) -> None:
    status = to_status(error)
    server.refuse(ticket, list(headers.items()), status.code, status.message, status.SerializeToString())
