"""Faults planted in a running dispatcher: handlers that fail, wait or watch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.message import Message
from tests.rpc.serving import Serving

from aviary.rpc.call import Call
from aviary.rpc.dispatch import UnaryHandler

SUMMARIES = "/aviary.api.users.v1.UserService/BatchGetSummaries"
GET_ME = "/aviary.api.users.v1.UserService/GetMe"


def _handlers(served: Serving) -> dict[str, UnaryHandler]:
    return served.platform.dispatcher._handlers  # type: ignore[return-value]


@contextmanager
def planted(served: Serving, path: str, handler: UnaryHandler) -> Iterator[None]:
    """Let `handler` answer the calls of `path` while the body runs."""
    handlers = _handlers(served)
    own, handlers[path] = handlers[path], handler
    try:
        yield
    finally:
        handlers[path] = own


class Gate:
    """A handler that waits to be opened before the real one answers; `inside` are the calls that wait."""

    def __init__(self, served: Serving, path: str) -> None:
        self._own: UnaryHandler = _handlers(served)[path]
        self._open = asyncio.Event()
        self.inside: list[Call] = []

    async def __call__(self, request: Message, call: Call) -> Message:
        self.inside.append(call)
        await self._open.wait()
        return await self._own(request, call)

    def open(self) -> None:
        self._open.set()


class Late(Gate):
    """The same once the real one has its answer."""

    async def __call__(self, request: Message, call: Call) -> Message:
        answer = await self._own(request, call)
        self.inside.append(call)
        await self._open.wait()
        return answer
