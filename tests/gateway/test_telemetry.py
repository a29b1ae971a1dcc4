"""What the gateway tells of itself: a line for each request, and the first span of its trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import platform, until

from aviary.gateway import process
from aviary.gateway.telemetry import ACCESS_LOG

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}


class Collector:
    """Keeps the spans that it is sent, under the service that they are of."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []

    async def _export(self, request: Any, _context: Any) -> Any:
        for resource in request.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.spans += [(names["service.name"], span) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = grpc.aio.server()
        export = grpc.unary_unary_rpc_method_handler(
            self._export,
            request_deserializer=trace_service_pb2.ExportTraceServiceRequest.FromString,
            response_serializer=trace_service_pb2.ExportTraceServiceResponse.SerializeToString,
        )
        name = trace_service_pb2.DESCRIPTOR.services_by_name["TraceService"].full_name
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, {"Export": export}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await server.stop(None)


async def test_each_request_leaves_one_line_without_query_or_token(tmp_path: Path) -> None:
    async with platform(tmp_path, SETTINGS) as gateway:
        answer = await gateway.call("GET", "/api/v1/timeline/home?limit=3&cursor=private", headers=TRACED)
        # Stopping writes what is still in memory.
        await gateway.envoy.stop()

    log = (tmp_path / ACCESS_LOG).read_text()
    line = json.loads(log)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/timeline/home", 200)
    assert (line["trace_id"], line["request_id"]) == (TRACE_ID, answer.headers["x-request-id"])
    assert line["address"] == "127.0.0.1"
    assert "private" not in log
    assert gateway.token not in log


async def test_no_line_says_whose_name_was_in_the_path(tmp_path: Path) -> None:
    async with platform(tmp_path, SETTINGS) as gateway:
        for path in ("/api/v1/users/by/username/private", "/api/users/by/username/private", "/private"):
            await gateway.call("GET", path)
        await gateway.envoy.stop()

    log = (tmp_path / ACCESS_LOG).read_text()
    lines = [json.loads(line)["path"] for line in log.splitlines()]
    assert lines[:2] == ["/api/v1/users/by/username/{username}", "/api/users/by/username/{username}"]
    assert "private" not in log


async def test_a_large_log_is_put_aside_and_a_new_one_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_LOG_BYTES", 1)
    monkeypatch.setattr(process, "_ROTATE_EVERY_S", 0.05)
    log, put_aside = tmp_path / ACCESS_LOG, tmp_path / f"{ACCESS_LOG}.1"

    async def both_exist() -> bool:
        return log.exists() and put_aside.exists()

    async with platform(tmp_path, SETTINGS) as gateway:
        waiting = asyncio.create_task(gateway.envoy.wait())
        assert (await gateway.call("GET", "/docs")).status == 200
        await until(both_exist)
        assert (await gateway.call("GET", "/docs")).status == 200
        waiting.cancel()


async def test_a_span_of_each_request_is_exported_in_its_trace(tmp_path: Path) -> None:
    collector = Collector()
    async with (
        collector.serving() as address,
        platform(tmp_path, replace(SETTINGS, otlp_endpoint=address)) as gateway,
    ):
        told = await gateway.call("GET", "/api/v1/users/me", headers=TRACED)
        await gateway.call("GET", "/api/v1/timeline/home?cursor=private&limit=3")
        # Envoy sends five spans at once, fewer only after some seconds.
        for _ in range(3):
            await gateway.call("GET", "/nope?private=1")

        async def has_come() -> bool:
            return len(collector.spans) == 5

        await until(has_come)

    service, span = collector.spans[0]
    assert (service, span.name) == ("aviary-gateway", "/aviary.api.users.v1.UserService/GetMe")
    assert span.trace_id.hex() == TRACE_ID
    # The service goes on from this very span, and hears that it is recorded.
    assert json.loads(told.json["bio"])["traceparent"] == f"00-{TRACE_ID}-{span.span_id.hex()}-01"
    assert "private" not in str(collector.spans)
