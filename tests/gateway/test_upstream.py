"""What clients see while the services are away, and that they see it only then."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import Platform, dispatcher, platform

from aviary.gateway.telemetry import ACCESS_LOG
from aviary.rpc.server import RpcServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNAVAILABLE = (503, 14, "UNAVAILABLE")


@pytest_asyncio.fixture(loop_scope="session")
async def lonely(tmp_path: Path) -> AsyncIterator[Platform]:
    """A gateway whose service can be stopped."""
    async with platform(tmp_path, SETTINGS) as running:
        yield running


async def _becomes(gateway: Platform, path: str, status: int) -> None:
    async with asyncio.timeout(15):
        while (await gateway.call("GET", path)).status != status:
            await asyncio.sleep(0.02)


async def test_healthz_is_ok_while_the_service_is(lonely: Platform) -> None:
    answer = await lonely.call("GET", "/healthz", signed_in=False)

    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert answer.headers["content-type"] == "application/json"


async def test_a_stopped_service_is_unavailable_at_once_and_back_when_it_is(lonely: Platform) -> None:
    port = lonely.server.port
    await lonely.server.stop()

    for verb, path in (("GET", "/api/v1/users/me"), ("POST", "/api/v1/tweets")):
        refused = await lonely.call(verb, path)
        assert refused.refusal == UNAVAILABLE
        assert refused.headers["retry-after"] == "1"
        assert refused.json["details"][1]["retry_delay"] == "1s"
    await _becomes(lonely, "/healthz", 503)
    assert (await lonely.call("GET", "/healthz", signed_in=False)).refusal == UNAVAILABLE
    # Known by then to be away: refused without a try.
    assert (await lonely.call("GET", "/api/v1/users/me")).refusal == UNAVAILABLE

    settings = replace(SETTINGS, grpc_port=port)
    server = RpcServer(dispatcher(lonely.issuer, settings), settings)
    await server.start()
    await server.ready()
    try:
        await _becomes(lonely, "/healthz", 200)
        # Each of Envoy's threads learns it a moment later than the one that checks.
        await _becomes(lonely, "/api/v1/users/me", 200)
    finally:
        await server.stop()


async def test_the_pages_are_there_without_the_service(lonely: Platform) -> None:
    await lonely.server.stop()

    for path in ("/docs", "/openapi.json"):
        assert (await lonely.call("GET", path, signed_in=False)).status == 200


async def test_each_request_leaves_one_line_without_query_or_token(lonely: Platform, tmp_path: Path) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traced = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
    answer = await lonely.call("GET", "/api/v1/timeline/home?limit=3&cursor=private", headers=traced)
    # Stopping writes what is still in memory.
    await lonely.envoy.stop()

    log = (tmp_path / ACCESS_LOG).read_text()
    line = json.loads(log)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/timeline/home", 200)
    assert (line["trace_id"], line["request_id"]) == (trace_id, answer.headers["x-request-id"])
    assert line["address"] == "127.0.0.1"
    assert "private" not in log
    assert lonely.token not in log
