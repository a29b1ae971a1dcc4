"""Traces, metrics and one log line for every call, from the first hop to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from google.protobuf.message import Message
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from aviary.errors import AviaryError
from aviary.metrics import Metrics
from aviary.rpc.call import Call, Peer, User

_log = logging.getLogger("aviary.call")
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("aviary")
_NOTHING: AbstractContextManager[object] = nullcontext()


class Telemetry:
    """The outermost interceptor: a span, a latency and, where the call entered, a log line."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @asynccontextmanager
    async def __call__(self, call: Call, _request: Message) -> AsyncIterator[None]:
        started = time.perf_counter()
        code = "OK"
        with _span(call):
            try:
                yield
            except AviaryError as error:
                code = error.reason
                raise
            except BaseException:
                code = "CANCELLED"
                raise
            finally:
                self._record(call, code, time.perf_counter() - started)

    def _record(self, call: Call, code: str, seconds: float) -> None:
        if not call.from_network:
            return
        self._metrics.calls.labels(call.method.name, code).observe(seconds)
        # One line a request: what another service asks is part of a call that entered there.
        is_inner = isinstance(call.caller, Peer) and not call.caller.is_operator
        if not is_inner and _log.isEnabledFor(logging.INFO):
            user_id = call.caller.user_id if isinstance(call.caller, User) else 0
            fields = {"rpc": call.method.path, "code": code, "ms": round(seconds * 1000, 2), "user_id": user_id}
            _log.info("call", extra=fields)


def traceparent() -> str:
    """The W3C trace context of the current span, to travel with an event."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")


def span_of(traceparent_: str, name: str) -> trace.Span:
    """A span for work that an event brought, joined to the trace of the write."""
    return _tracer.start_span(name, context=_propagator.extract({"traceparent": traceparent_}))


def inner_span(name: str) -> AbstractContextManager[object]:
    """A span within a call; nothing at all when nobody records it, for a page has dozens."""
    return _tracer.start_as_current_span(name) if trace.get_current_span().is_recording() else _NOTHING


def _span(call: Call) -> AbstractContextManager[object]:
    if not call.from_network:
        return inner_span(call.method.path)
    parent = _propagator.extract(call.metadata)
    return _tracer.start_as_current_span(call.method.path, context=parent, kind=trace.SpanKind.SERVER)


def export_to(endpoint: str) -> Callable[[], None]:
    """Export spans to the OTLP gRPC address `endpoint`; with none, spans carry ids alone. Returns what flushes them."""
    sampler = ALWAYS_ON if endpoint else ALWAYS_OFF
    provider = TracerProvider(resource=Resource.create({"service.name": "aviary"}), sampler=ParentBased(sampler))
    if endpoint:
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http://"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider.shutdown
