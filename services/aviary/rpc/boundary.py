"""The interceptors that keep a call in bounds: errors that may leave, and its deadline."""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType

from google.protobuf.message import Message

from aviary.errors import AviaryError, DeadlineExceeded
from aviary.rpc.call import Call
from aviary.rpc.status import INTERNAL

_log = logging.getLogger("aviary.rpc")


class errors:  # noqa: N801 - an interceptor like any other; classes, for a generator would cost as much as a handler
    """Let Aviary's own exceptions pass; log any other with its traceback and say only "internal error"."""

    __slots__ = ("_call",)

    def __init__(self, call: Call, _request: Message) -> None:
        self._call = call

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, AviaryError | asyncio.CancelledError):
            _log.error("handler_failed", extra={"rpc": self._call.method.path}, exc_info=error)
            raise AviaryError(INTERNAL) from error


class deadline:  # noqa: N801 - as above
    """End the call when nobody waits for it any more; a commit under way is not cancelled by it."""

    __slots__ = ("_call", "_timeout")

    def __init__(self, call: Call, _request: Message) -> None:
        self._call = call
        self._timeout = asyncio.timeout(call.remaining_s())

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self._passed() from None
        if isinstance(error, TimeoutError):
            raise self._passed() from None

    def _passed(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._call.method.name} ran out of time; repeat it under the same key")
