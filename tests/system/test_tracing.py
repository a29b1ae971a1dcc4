"""One trace follows a tweet from the gateway to the store and through the log to the fan-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.system.client import Client, register
from tests.system.process import Launcher

_PATIENCE_S = 30.0


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes what is exported."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._lock = threading.Lock()

    def Export(
        self, request: pb.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> pb.ExportTraceServiceResponse:
        with self._lock:
            self._spans += [
                span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
            ]
        return pb.ExportTraceServiceResponse()

    def trace_of(self, name: str) -> list[Span]:
        """The spans of the first trace that has one of this name."""
        with self._lock:
            trace_id = next((span.trace_id for span in self._spans if span.name == name), None)
            return [span for span in self._spans if span.trace_id == trace_id]


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    taking = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(taking, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield taking, f"http://127.0.0.1:{port}"
    server.stop(None)


def test_one_trace_leads_from_the_gateway_to_the_store_and_to_the_fan_out(
    starter: Launcher, collector: tuple[Collector, str], data_dir: Path
) -> None:
    taking, address = collector
    platform = starter.up(data_dir, otlp_endpoint=address)
    ada = register(Client(platform.url))
    assert ada.post("/tweets", {"content": "traced"}).status == 200

    deadline = time.monotonic() + _PATIENCE_S
    while not _leads_through(taking.trace_of("fanout")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _leads_through(taking.trace_of("fanout")), sorted(span.name for span in taking.trace_of("fanout"))


def _leads_through(trace: list[Span]) -> bool:
    names = {span.name for span in trace}
    created = [span for span in trace if span.name == "/aviary.api.tweets.v1.TweetService/CreateTweet"]
    roots = {span.span_id for span in trace if not span.parent_span_id}
    # The call's own parent is the root that the gateway made.
    return {"sqlite.write tweets", "fanout"} <= names and any(span.parent_span_id in roots for span in created)
