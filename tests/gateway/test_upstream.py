"""What clients see while the services are away, and that they see it only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import Platform, dispatcher, platform, until

from aviary.rpc.server import RpcServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNAVAILABLE = (503, 14, "UNAVAILABLE")


@pytest_asyncio.fixture(loop_scope="session")
async def lonely(tmp_path: Path) -> AsyncIterator[Platform]:
    """A gateway whose service can be stopped."""
    async with platform(tmp_path, SETTINGS) as running:
        yield running


async def _becomes(gateway: Platform, path: str, status: int) -> None:
    async def has_become() -> bool:
        return (await gateway.call("GET", path)).status == status

    await until(has_become)


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
    settings = replace(SETTINGS, grpc_port=port)
    server = RpcServer(dispatcher(lonely.issuer, settings), settings)
    await server.start()
    try:
        # Not ready yet, but the only one there is: a failed check, which may be a late one, must not end all calls.
        await _becomes(lonely, "/api/v1/users/me", 200)
        assert (await lonely.call("GET", "/healthz", signed_in=False)).refusal == UNAVAILABLE
        await server.ready()
        await _becomes(lonely, "/healthz", 200)
    finally:
        await server.stop()


async def test_the_pages_are_there_without_the_service(lonely: Platform) -> None:
    await lonely.server.stop()

    for path in ("/docs", "/openapi.json"):
        assert (await lonely.call("GET", path, signed_in=False)).status == 200
