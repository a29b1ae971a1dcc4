"""A real browser, driven over its own debugging protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tests.gateway.echo import until

NAMES = ("chromium", "chromium-browser", "google-chrome")
DEADLINE_S = 30.0


class Tab:
    """One page, and everything that went wrong on it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.complaints: list[str] = []
        self.requested: list[str] = []

    async def send(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol; events that come meanwhile are noted."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(DEADLINE_S):
            while (message := await self._socket.receive_json()).get("id") != number:
                self._note(message)
        assert "error" not in message, message["error"]
        return message["result"]

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression on the page."""
        answer = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str) -> None:
        async def holds() -> bool:
            return bool(await self.run(f"Boolean({condition})"))

        await until(holds)

    def _note(self, message: dict[str, Any]) -> None:
        about = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"]))
        if message["method"] == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(about["entry"]["text"])
        if message["method"] == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """Start a browser of its own in `folder`, with one empty tab."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert program, f"none of {', '.join(NAMES)} is installed, which the tests marked `browser` need"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--window-size=1400,1000"]
    process = await asyncio.create_subprocess_exec(
        program,
        *options,
        f"--user-data-dir={folder}",
        "about:blank",
        "--remote-debugging-port=0",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(folder)
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as tabs:
                address = next(tab for tab in await tabs.json() if tab["type"] == "page")["webSocketDebuggerUrl"]
            async with http.ws_connect(address, max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        process.kill()
        await process.wait()


async def _port(folder: Path) -> str:
    told = folder / "DevToolsActivePort"

    async def is_told() -> bool:
        return told.exists() and "\n" in told.read_text()

    await until(is_told)
    return told.read_text().splitlines()[0]
