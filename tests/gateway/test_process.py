"""Envoy as a child: refused in one sentence, drained when stopped, gone when its parent is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import textwrap
from pathlib import Path

import aiohttp
import pytest
from tests.gateway.conftest import SETTINGS
from tests.gateway.echo import DEADLINE_S, HANGS, Answer, Issuer, Platform, platform, until

from aviary.errors import InvalidInput, Unavailable
from aviary.gateway import Envoy, envoy_config
from aviary.gateway.xds import Json
from aviary.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _config(port: int = 0) -> Json:
    # Nothing listens on the discard port: these tests are about the gateway alone.
    return envoy_config(port=port, grpc_port=9, jwks=Issuer().jwks, settings=SETTINGS)


def _envoy(folder: Path, port: int = 0) -> Envoy:
    return Envoy(_config(port), folder=folder, drain_s=5.0)


def _alive(pid: int) -> bool:
    # A zombie has ended, whoever has still to notice.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _until_gone(pid: int) -> None:
    async def is_gone() -> bool:
        return not _alive(pid)

    await until(is_gone)


async def _hanging_call(gateway: Platform) -> asyncio.Task[Answer]:
    """A call that the gateway has begun to serve."""
    before = await gateway.envoy.requests_under_way()
    call = asyncio.create_task(gateway.call("GET", f"/api/v1/tweets/{HANGS}"))

    async def is_under_way() -> bool:
        return await gateway.envoy.requests_under_way() > before

    await until(is_under_way)
    return call


async def test_it_serves_when_start_returns_and_not_after_stop(tmp_path: Path) -> None:
    envoy = _envoy(tmp_path)
    port = await envoy.start()
    async with aiohttp.ClientSession() as http:
        async with http.get(f"http://127.0.0.1:{port}/docs") as answer:
            assert answer.status == 200
        await envoy.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"http://127.0.0.1:{port}/docs")
    assert not _alive(envoy.pid)
    await envoy.stop()


async def test_the_log_warns_of_nothing(tmp_path: Path) -> None:
    envoy = _envoy(tmp_path)
    await envoy.start()
    log = (tmp_path / "envoy.log").read_text()
    await envoy.stop()

    assert "deprecated" not in log.lower()
    assert "[warning]" not in log


async def test_a_busy_port_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"127\.0\.0\.1:{port}: address already in use") as refused:
            await _envoy(tmp_path, port).start()
    assert "\n" not in refused.value.message


async def test_a_second_gateway_cannot_share_the_port(tmp_path: Path) -> None:
    first = _envoy(tmp_path / "first")
    port = await first.start()
    try:
        with pytest.raises(Unavailable, match="address already in use"):
            await _envoy(tmp_path / "second", port).start()
    finally:
        await first.stop()


async def test_a_port_is_free_again_right_after_a_kill(tmp_path: Path) -> None:
    first = _envoy(tmp_path)
    port = await first.start()
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/docs"):
        os.kill(first.pid, signal.SIGKILL)
        await _until_gone(first.pid)

    second = _envoy(tmp_path, port)
    assert await second.start() == port
    await second.stop()


async def test_a_configuration_that_envoy_refuses_is_invalid(tmp_path: Path) -> None:
    config = _config()
    config["static_resources"]["listeners"][0]["no_such_field"] = 1

    with pytest.raises(InvalidInput, match="no_such_field"):
        await Envoy(config, folder=tmp_path, drain_s=1.0).start()


async def test_keys_that_are_none_are_invalid(tmp_path: Path) -> None:
    config = envoy_config(port=0, grpc_port=9, jwks="{}", settings=SETTINGS)

    with pytest.raises(InvalidInput, match=r"(?i)jwks"):
        await Envoy(config, folder=tmp_path, drain_s=1.0).start()


async def test_an_unwritable_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()

    with pytest.raises(Unavailable, match="cannot write Envoy's configuration"):
        await _envoy(in_the_way / "gateway").start()


async def test_it_runs_in_a_folder_whose_path_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    envoy = _envoy(deep)
    await envoy.start()

    assert await envoy.requests_under_way() == 0
    assert (deep / "admin.sock").stat().st_mode & 0o077 == 0
    await envoy.stop()


async def test_wait_tells_that_envoy_died(tmp_path: Path) -> None:
    envoy = _envoy(tmp_path)
    await envoy.start()
    os.kill(envoy.pid, signal.SIGKILL)

    async with asyncio.timeout(DEADLINE_S):
        assert await envoy.wait() == -signal.SIGKILL


async def test_wait_does_not_return_for_a_stop_that_was_asked_for(tmp_path: Path) -> None:
    envoy = _envoy(tmp_path)
    await envoy.start()
    waiting = asyncio.ensure_future(envoy.wait())
    await envoy.stop()

    done, _ = await asyncio.wait([waiting], timeout=0.1)
    waiting.cancel()
    assert not done


async def test_stop_lets_a_request_under_way_finish(tmp_path: Path) -> None:
    async with platform(tmp_path, SETTINGS) as running:
        under_way = await _hanging_call(running)
        await running.envoy.stop()

        # Its own end, at the gateway's deadline: a stop without draining would have cut the connection.
        assert (await under_way).refusal == (504, 4, "DEADLINE_EXCEEDED")


async def test_stop_does_not_wait_longer_than_the_drain_time(tmp_path: Path) -> None:
    hanging = Settings(limits="off", deadline_ms=600_000, drain_s=0.2)
    async with platform(tmp_path, hanging) as running:
        under_way = await _hanging_call(running)
        async with asyncio.timeout(DEADLINE_S):
            await running.envoy.stop()
            with pytest.raises(aiohttp.ClientError):
                await under_way


async def test_it_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(
        textwrap.dedent(
            """
            import asyncio, json, sys
            from pathlib import Path
            from aviary.gateway import Envoy

            async def main():
                config = json.loads(Path(sys.argv[1]).read_text())
                envoy = Envoy(config, folder=Path(sys.argv[2]), drain_s=1.0)
                await envoy.start()
                print(envoy.pid, flush=True)
                await envoy.wait()

            asyncio.run(main())
            """
        )
    )

    (tmp_path / "config.json").write_text(json.dumps(_config()))
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "parent.py", "config.json", "run", cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    async with asyncio.timeout(DEADLINE_S):
        pid = int(await parent.stdout.readline())
    assert _alive(pid)

    parent.kill()
    await parent.wait()
    await _until_gone(pid)
