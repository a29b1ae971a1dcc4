"""The local channel: generated stubs call the servicer in this process, through the same interceptors."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message

from aviary.rpc.call import Call, Peer, current_call
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.method import Method
from aviary.rpc.stubs import StubChannel


class LocalChannel(StubChannel):
    """What a generated stub needs of a channel, without a socket.

    `name` is the service that calls. A call takes on the deadline of the call
    that it is made in. Errors arrive as Aviary's own exceptions, which is also
    what the network channel makes of a status.
    """

    def __init__(self, dispatcher: Dispatcher, *, name: str, deadline_s: float) -> None:
        self._dispatcher = dispatcher
        self._peer = Peer(name)
        self._deadline_s = deadline_s

    def unary_unary(self, method: str, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        async def invoke(request: Message, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - grpc's name
            return await self._dispatcher.unary(request, self._call(self._dispatcher.method(method), timeout))

        return invoke

    def unary_stream(self, method: str, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        def invoke(request: Message, *, timeout: float | None = None) -> AsyncIterator[Message]:
            return self._dispatcher.stream(request, self._call(self._dispatcher.method(method), timeout))

        return invoke

    def _call(self, method: Method, timeout_s: float | None) -> Call:
        outer = current_call.get()
        default_s = method.deadline_ms / 1000 if method.deadline_ms else self._deadline_s
        deadline = time.monotonic() + (timeout_s if timeout_s is not None else default_s)
        return Call(
            method=method,
            metadata={},
            deadline=min(deadline, outer.deadline) if outer else deadline,
            from_network=False,
            caller=self._peer,
        )
