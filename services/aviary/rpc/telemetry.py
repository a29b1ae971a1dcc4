"""Traces, metrics and one log line for every call, from the first hop to the store."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from threading import Event
from types import TracebackType

from google.protobuf.message import Message
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Histogram

from aviary.errors import AviaryError
from aviary.metrics import Metrics
from aviary.rpc.call import Call, Peer, User

_log = logging.getLogger("aviary.call")
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("aviary")
# The last digit of a context's flags, hexadecimal, with the lowest bit set.
_SAMPLED = frozenset("13579bdf")
_UNSAMPLED = re.compile("00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-00")
_ids = RandomIdGenerator()
# Set where spans that begin here are recorded.
_exporting = Event()
_NOTHING: AbstractContextManager[object] = nullcontext()


class Telemetry:
    """The outermost interceptor: a span, a latency and, where the call entered, a log line."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._latencies: dict[tuple[str, str], Histogram] = {}

    def __call__(self, call: Call, _request: Message) -> AbstractAsyncContextManager[None] | None:
        if call.from_network:
            return _Told(self, call)
        # A span that nobody records is nothing, and a page makes dozens of such calls.
        return _Inner(call.method.path) if trace.get_current_span().is_recording() else None

    def record(self, call: Call, code: str, seconds: float) -> None:
        self._latency(call.method.name, code).observe(seconds)
        # One line a request: what another service asks is part of a call that entered there.
        is_inner = isinstance(call.caller, Peer) and not call.caller.is_operator
        if not is_inner and _log.isEnabledFor(logging.INFO):
            user_id = call.caller.user_id if isinstance(call.caller, User) else 0
            fields = {"rpc": call.method.path, "code": code, "ms": round(seconds * 1000, 2), "user_id": user_id}
            _log.info("call", extra=fields)

    def _latency(self, name: str, code: str) -> Histogram:
        # The metric itself looks its children up under a lock.
        if (found := self._latencies.get((name, code))) is None:
            found = self._latencies[name, code] = self._metrics.calls.labels(name, code)
        return found


class _Told:
    """A call from the network, told of when it ends."""

    __slots__ = ("_call", "_span", "_started", "_telemetry")

    def __init__(self, telemetry: Telemetry, call: Call) -> None:
        self._telemetry = telemetry
        self._call = call
        self._started = time.perf_counter()
        self._span = _entered(call)

    async def __aenter__(self) -> None:
        self._span.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        code = "OK" if error is None else error.reason if isinstance(error, AviaryError) else "CANCELLED"
        try:
            self._telemetry.record(self._call, code, time.perf_counter() - self._started)
        finally:
            self._span.__exit__(kind, error, trace_)


class _Inner:
    """A recorded span within a call."""

    __slots__ = ("_span",)

    def __init__(self, name: str) -> None:
        self._span = _tracer.start_as_current_span(name)

    async def __aenter__(self) -> None:
        self._span.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self._span.__exit__(kind, error, trace_)


class _Unrecorded:
    """A span that nobody records: ids for the log's lines and the events, made without the tracer."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def __enter__(self) -> trace.Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        context.detach(self._token)


def traceparent() -> str:
    """The W3C trace context of the current span, to travel with an event."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def span_of(traceparent_: str, name: str) -> trace.Span:
    """A span for work that an event brought, joined to the trace of the write."""
    return _tracer.start_span(name, context=_propagator.extract({"traceparent": traceparent_}))


def is_recorded(traceparent_: str) -> bool:
    """Whether somebody keeps the trace that this context is of."""
    return traceparent_[-1:] in _SAMPLED


def inner_span(name: str) -> AbstractContextManager[object]:
    """A span within a call; nothing at all when nobody records it, for a page has dozens."""
    return _tracer.start_as_current_span(name) if trace.get_current_span().is_recording() else _NOTHING


def _entered(call: Call) -> AbstractContextManager[object]:
    brought = call.metadata.get("traceparent")
    if brought is None and not _exporting.is_set():
        return _unrecorded(_ids.generate_trace_id())
    # What is not recorded where it comes from is not recorded here, and a tracer takes long to say so.
    if brought is not None and (known := _UNSAMPLED.fullmatch(brought)) and "tracestate" not in call.metadata:
        return _unrecorded(int(known[1], 16))
    parent = _propagator.extract(call.metadata)
    return _tracer.start_as_current_span(call.method.path, context=parent, kind=trace.SpanKind.SERVER)


def _unrecorded(trace_id: int) -> _Unrecorded:
    return _Unrecorded(trace.NonRecordingSpan(trace.SpanContext(trace_id, _ids.generate_span_id(), is_remote=False)))


def export_to(endpoint: str) -> Callable[[], None]:
    """Export spans to the OTLP gRPC address `endpoint`; with none, spans carry ids alone. Returns what flushes them."""
    sampler = ALWAYS_ON if endpoint else ALWAYS_OFF
    provider = TracerProvider(resource=Resource.create({"service.name": "aviary"}), sampler=ParentBased(sampler))
    (_exporting.set if endpoint else _exporting.clear)()
    if endpoint:
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.shutdown
