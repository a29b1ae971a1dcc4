"""The remote channel: stubs call a service of another process, with the surface and the errors of the local channel."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from aviary.errors import AviaryError, DeadlineExceeded, Unavailable
from aviary.metrics import Metrics
from aviary.rpc.bounds import Bounds
from aviary.rpc.breaker import Breaker, State
from aviary.rpc.budget import RetryBudget
from aviary.rpc.call import current_call
from aviary.rpc.connections import Connections, Line
from aviary.rpc.hedging import Latencies
from aviary.rpc.method import Method, method_at
from aviary.rpc.status import INTERNAL, from_rpc_error, is_told
from aviary.rpc.stubs import StubChannel
from aviary.rpc.telemetry import traceparent

T = TypeVar("T")

_log = logging.getLogger("aviary.rpc")

# A call that was never answered is one of these to its caller, wherever the connection broke.
_GONE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
_FAILED = {*_GONE, grpc.StatusCode.DEADLINE_EXCEEDED}
# What gRPC says when it had no connection to send a call on; nothing else of the status tells.
_NEVER_SENT = ("connections to all backends failing", "failed to connect to all addresses", "DNS resolution failed")
_RETRY_AFTER_S = 1.0


class RemoteChannel(StubChannel):
    """What a generated stub needs of a channel, over the network.

    A call takes on the deadline of the call that it is made in, less a margin,
    its trace, and the name of the calling service. Errors arrive as the
    exceptions that the other process raised. Calls that change nothing, and
    all that were never sent, are made again, and raced when they are late, as
    far as the budget goes; while the breaker is open none is made.
    """

    def __init__(
        self,
        target: str,
        connections: Connections,
        *,
        bounds: Bounds,
        metrics: Metrics,
        token: Callable[[], str] | None = None,
    ) -> None:
        self._target = target
        self._connections = connections
        self._bounds = bounds
        self._metrics = metrics
        self._token = token
        self._budget = RetryBudget(share=bounds.retry_share, burst=bounds.retry_burst)
        self._breaker = Breaker(target, bounds, on_change=metrics.peer_breaker.labels(target).set)
        self._latencies: dict[str, Latencies] = {}

    def unary_unary(self, method: str, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        described = method_at(method)

        async def invoke(request: Message, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - grpc's name
            deadline = self._deadline(described, timeout)
            return await self._insisting(
                described, request, deadline, lambda: self._raced(described, request, deadline)
            )

        return invoke

    def unary_stream(self, method: str, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        described = method_at(method)

        def invoke(request: Message, *, timeout: float | None = None) -> AsyncIterator[Message]:
            return self._stream(described, request, self._deadline(described, timeout))

        return invoke

    async def _insisting(
        self, method: Method, request: Message, deadline: float, attempt: Callable[[], Awaitable[T]]
    ) -> T:
        """What `attempt` returns, made again where that is harmless and the budget and the deadline leave room."""
        self._budget.earn()
        for tries in itertools.count():
            try:
                return await attempt()
            except grpc.aio.AioRpcError as error:
                if not self._may_repeat(method, request, error, tries):
                    raise self._told(method, error) from None
                pause_s = self._pause_s(error, tries)
                if time.monotonic() + pause_s >= deadline or not self._budget.spend():
                    raise self._told(method, error) from None
            self._metrics.peer_repeats.labels(self._target, "retry").inc()
            await asyncio.sleep(pause_s)
        raise AssertionError("it counts for ever")

    async def _raced(self, method: Method, request: Message, deadline: float) -> Message:
        """The first answer: of one call, or, when that is late and changes nothing, of two."""
        used: list[Line] = []
        late_s = self._late_s(method)
        if late_s is None:
            return await self._once(method, request, deadline, used)
        racing = [asyncio.ensure_future(self._once(method, request, deadline, used))]
        try:
            await asyncio.wait(racing, timeout=late_s)
            if not racing[0].done() and self._budget.spend():
                self._metrics.peer_repeats.labels(self._target, "hedge").inc()
                racing.append(asyncio.ensure_future(self._once(method, request, deadline, used)))
            winner = await _first_good(racing)
            if winner is not racing[0]:
                self._metrics.peer_repeats.labels(self._target, "hedge_won").inc()
            return winner.result()
        finally:
            for each in racing:
                each.cancel()
            await asyncio.gather(*racing, return_exceptions=True)

    async def _once(self, method: Method, request: Message, deadline: float, used: list[Line]) -> Message:
        started = time.monotonic()
        async with self._attempt(method, request, deadline, used) as call:
            answer: Message = await call
        # The attempt's own time: a hedge that won says how fast the service is, not how late the hedge was.
        self._latencies_of(method).add(time.monotonic() - started)
        return answer

    async def _stream(self, method: Method, request: Message, deadline: float) -> AsyncIterator[Message]:
        async with AsyncExitStack() as stack:
            # Only a stream that has not begun can be made again: its reader has had nothing of it.
            call, answer = await self._insisting(
                method, request, deadline, lambda: self._begin(stack, method, request, deadline)
            )
            try:
                while answer is not grpc.aio.EOF:
                    yield answer
                    answer = await call.read()
            except grpc.aio.AioRpcError as error:
                raise self._told(method, error) from None

    async def _begin(self, stack: AsyncExitStack, method: Method, request: Message, deadline: float) -> tuple[Any, Any]:
        call = await stack.enter_async_context(self._attempt(method, request, deadline, []))
        return call, await call.read()

    @asynccontextmanager
    async def _attempt(self, method: Method, request: Message, deadline: float, used: list[Line]) -> AsyncIterator[Any]:
        """One call on a line that was not used yet; the breaker hears how it ended."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise _ran_out(method)
        trial = self._breaker.admit()
        async with self._connections.line(avoiding=used) as line:
            used.append(line)
            call = line.call(method)(request, timeout=left_s, metadata=self._metadata())
            try:
                yield call
                self._breaker.record(failed=False, trial=trial)
            except grpc.aio.AioRpcError as error:
                self._breaker.record(failed=self._is_failure(error, left_s), trial=trial)
                raise
            finally:
                # Nothing when it has ended; else whoever asked has left.
                call.cancel()

    def _is_failure(self, error: grpc.aio.AioRpcError, given_s: float) -> bool:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return given_s >= self._bounds.fair_trial_s
        return error.code() in _GONE

    def _may_repeat(self, method: Method, request: Message, error: grpc.aio.AioRpcError, tries: int) -> bool:
        if error.code() not in _GONE or tries >= self._bounds.retries:
            return False
        has_key = method.has_key and bool(getattr(request, "request_id"))  # noqa: B009 - has_key says so
        return method.read_only or has_key or _was_never_sent(error)

    def _pause_s(self, error: grpc.aio.AioRpcError, tries: int) -> float:
        most_s = min(self._bounds.backoff_most_s, self._bounds.backoff_s * 2**tries)
        asked_for_s = (from_rpc_error(error).retry_after_s if is_told(error) else None) or 0
        return asked_for_s + random.uniform(0, most_s)  # noqa: S311 - nothing secret

    def _late_s(self, method: Method) -> float | None:
        if not method.read_only or not self._connections.has_others or self._breaker.state is not State.CLOSED:
            return None
        return self._latencies_of(method).late_s()

    def _latencies_of(self, method: Method) -> Latencies:
        found = self._latencies.get(method.path)
        if found is None:
            found = Latencies(quantile=self._bounds.hedge_quantile, floor_s=self._bounds.hedge_after_s)
            self._latencies[method.path] = found
        return found

    def _deadline(self, method: Method, timeout_s: float | None) -> float:
        default_s = method.deadline_ms / 1000 if method.deadline_ms else self._bounds.deadline_s
        deadline = time.monotonic() + (timeout_s if timeout_s is not None else default_s)
        outer = current_call.get()
        return min(deadline, outer.deadline - self._bounds.margin_s) if outer else deadline

    def _metadata(self) -> Sequence[tuple[str, str]]:
        trace, token = traceparent(), self._token() if self._token else ""
        found = [("traceparent", trace)] if trace else []
        return [*found, ("authorization", f"Bearer {token}")] if token else found

    def _told(self, method: Method, error: grpc.aio.AioRpcError) -> AviaryError:
        """The exception that the other process raised, or ours about the way there, which names no address."""
        if is_told(error):
            return from_rpc_error(error)
        _log.info(
            "call_failed", extra={"rpc": method.path, "code": error.code().name, "why": (error.details() or "")[:300]}
        )
        if error.code() in _GONE:
            return Unavailable(f"the {self._target} service does not answer", retry_after_s=_RETRY_AFTER_S)
        return _ran_out(method) if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED else AviaryError(INTERNAL)

    async def close(self, grace: float | None = None) -> None:
        await self._connections.close()


async def _first_good(racing: Sequence[asyncio.Future[Message]]) -> asyncio.Future[Message]:
    """The first that has an answer; if none has, the first of all."""
    pending = set(racing)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for each in racing:
            if each in done and not each.exception():
                return each
    return racing[0]


def _was_never_sent(error: grpc.aio.AioRpcError) -> bool:
    return not is_told(error) and (error.details() or "").startswith(_NEVER_SENT)


def _ran_out(method: Method) -> DeadlineExceeded:
    return DeadlineExceeded(f"{method.name} ran out of time; repeat it under the same key")
