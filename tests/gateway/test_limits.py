"""The limit for each address, and how its headers live beside the service's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from tests.gateway.echo import HANGS, Answer, Platform, platform, until

from aviary.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADERS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
# A window of a day: while the test runs no unit comes back.
SETTINGS = Settings(limit_address_requests=6, limit_address_requests_window_s=86_400, limit_requests=4, drain_s=5.0)


@pytest_asyncio.fixture(loop_scope="session")
async def limited(tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(tmp_path, SETTINGS, trusted_hops=1) as running:
        yield running


async def _login(gateway: Platform, *, address: str = "192.0.2.1") -> Answer:
    return await gateway.call(
        "POST", "/api/v1/auth/login", signed_in=False, json={}, headers={"x-forwarded-for": address}
    )


def _limits(answer: Answer) -> list[int]:
    """The three figures, each told once."""
    assert all(len(answer.headers.getall(name)) == 1 for name in HEADERS)
    return [int(answer.headers[name]) for name in HEADERS]


async def test_an_address_is_refused_after_its_limit_and_told_when_to_come_back(limited: Platform) -> None:
    remaining = [_limits(await _login(limited))[1] for _ in range(6)]
    refused = await _login(limited)

    assert remaining == [5, 4, 3, 2, 1, 0]
    assert refused.refusal == (429, 8, "RATE_LIMITED")
    assert _limits(refused)[:2] == [6, 0]
    # A sixth of a day until the next unit.
    assert 14_000 < int(refused.headers["retry-after"]) <= 14_400
    assert f"{refused.headers['retry-after']} s" in refused.json["message"]
    assert refused.json["details"][1]["retry_delay"] == f"{refused.headers['retry-after']}s"


async def test_addresses_are_counted_apart_and_an_ipv6_network_as_one(limited: Platform) -> None:
    async def spend(address: str, times: int) -> None:
        for _ in range(times):
            assert (await _login(limited, address=address)).status == 200

    await spend("192.0.2.1", 6)
    await spend("192.0.2.2", 6)
    await spend("2001:db8::1", 3)
    await spend("2001:db8::2", 3)

    assert (await _login(limited, address="192.0.2.1")).status == 429
    assert (await _login(limited, address="2001:db8::3")).status == 429
    assert (await _login(limited, address="2001:db8:0:1::1")).status == 200


async def test_only_the_trusted_hop_names_the_address(limited: Platform) -> None:
    for spoofed in range(6):
        assert (await _login(limited, address=f"10.0.0.{spoofed}, 192.0.2.9")).status == 200

    assert (await _login(limited, address="10.0.0.99, 192.0.2.9")).status == 429


async def test_where_the_service_counted_its_figures_are_told(limited: Platform) -> None:
    answers = [await limited.call("GET", "/api/v1/users/me") for _ in range(5)]

    assert [_limits(answer)[:2] for answer in answers] == [[4, 3], [4, 2], [4, 1], [4, 0], [4, 0]]
    assert answers[-1].refusal == (429, 8, "RATE_LIMITED")


async def test_bad_tokens_and_unknown_paths_count_and_health_does_not(limited: Platform) -> None:
    for _ in range(8):
        assert (await limited.call("GET", "/healthz", signed_in=False)).status == 200
    for path in ("/nope", "/api/v1/users/me") * 3:
        assert (await limited.call("GET", path, signed_in=False)).status in {401, 404}

    assert (await limited.call("GET", "/nope", signed_in=False)).status == 429


async def test_without_limits_nothing_is_counted(tmp_path: Path) -> None:
    lifted = Settings(limits="off", limit_address_requests=1, drain_s=5.0)
    async with platform(tmp_path, lifted) as running:
        answers = [await _login(running) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert not any(name in answer.headers for answer in answers for name in HEADERS)


async def test_calls_above_what_the_service_takes_at_once_are_refused_at_once(tmp_path: Path) -> None:
    narrow = Settings(limits="off", max_concurrent_calls=1, deadline_ms=600_000, drain_s=0.1)
    async with platform(tmp_path, narrow) as running:
        before = await running.envoy.requests_under_way()
        hanging = asyncio.create_task(running.call("GET", f"/api/v1/tweets/{HANGS}"))

        async def is_under_way() -> bool:
            return await running.envoy.requests_under_way() > before

        await until(is_under_way)
        refused = await running.call("GET", "/api/v1/users/me")
        hanging.cancel()

    assert refused.refusal == (503, 14, "UNAVAILABLE")
    assert refused.headers["retry-after"] == "1"
