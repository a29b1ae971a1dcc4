"""The interceptors that keep a call in bounds: errors that may leave, and its deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from google.protobuf.message import Message

from aviary.errors import AviaryError, DeadlineExceeded
from aviary.rpc.call import Call
from aviary.rpc.status import INTERNAL

_log = logging.getLogger("aviary.rpc")


@asynccontextmanager
async def errors(call: Call, _request: Message) -> AsyncIterator[None]:
    """Let Aviary's own exceptions pass; log any other with its traceback and say only "internal error"."""
    try:
        yield
    except (AviaryError, asyncio.CancelledError):
        raise
    except Exception as error:
        _log.exception("handler_failed", extra={"rpc": call.method.path})
        raise AviaryError(INTERNAL) from error


@asynccontextmanager
async def deadline(call: Call, _request: Message) -> AsyncIterator[None]:
    """End the call when nobody waits for it any more; a commit under way is not cancelled by it."""
    try:
        async with asyncio.timeout(call.remaining_s()):
            yield
    except TimeoutError:
        raise DeadlineExceeded(f"{call.method.name} ran out of time; repeat it under the same key") from None
