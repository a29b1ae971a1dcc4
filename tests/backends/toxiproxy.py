"""Toxiproxy: links to other servers that a test cuts, delays or narrows."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.backends.cache import go_program
from tests.backends.s3 import answers
from tests.backends.server import HOST, Server, free_port

VERSION = "2.5.0"


@dataclass(frozen=True, slots=True)
class Link:
    """An address that leads to another one, as well as a test lets it."""

    api: str
    name: str
    address: str

    def cut(self) -> None:
        """Close its connections and refuse new ones."""
        _call(self.api, "POST", f"/proxies/{self.name}", {"enabled": False})

    def hold(self) -> None:
        """Let connections stand and nothing through, as when a cable is pulled."""
        self._toxic("timeout", timeout=0)

    def slow(self, delay_ms: int, *, jitter_ms: int = 0) -> None:
        """Delay what comes back."""
        self._toxic("latency", latency=delay_ms, jitter=jitter_ms)

    def narrow(self, kilobytes_per_s: int) -> None:
        """Let only so much come back in a second."""
        self._toxic("bandwidth", rate=kilobytes_per_s)

    def heal(self) -> None:
        """Make it as good as new."""
        for toxic in _call(self.api, "GET", f"/proxies/{self.name}/toxics"):
            _call(self.api, "DELETE", f"/proxies/{self.name}/toxics/{toxic['name']}")
        _call(self.api, "POST", f"/proxies/{self.name}", {"enabled": True})

    def remove(self) -> None:
        """Take it away with its connections."""
        _call(self.api, "DELETE", f"/proxies/{self.name}")

    def _toxic(self, type_: str, **attributes: int) -> None:
        toxic = {"type": type_, "stream": "downstream", "attributes": attributes}
        _call(self.api, "POST", f"/proxies/{self.name}/toxics", toxic)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes links, at the address of a Toxiproxy."""

    api: str

    def to(self, upstream: str, *, port: int = 0) -> Link:
        """Return a new link that leads to `upstream`."""
        address = f"{HOST}:{port or free_port()}"
        name = address.replace(":", "-")
        _call(self.api, "POST", "/proxies", {"name": name, "listen": address, "upstream": upstream, "enabled": True})
        return Link(self.api, name, address)


class Toxiproxy(Server):
    """The server of the links; when it ends, all of them are cut."""

    name = "toxiproxy"
    start_s = 20.0

    @property
    def links(self) -> Links:
        return Links(self.address)

    @staticmethod
    def program() -> Path:
        """Return its program, fetched first where it is missing."""
        return go_program(f"toxiproxy-{VERSION}", f"github.com/Shopify/toxiproxy/v2/cmd/server@v{VERSION}")

    def _prepare(self) -> None:
        """It reads nothing."""

    def _command(self) -> Sequence[str]:
        return [str(self.program()), "-host", HOST, "-port", str(self.port)]

    def _serves(self) -> bool:
        return answers(self.port, "/version")


class Refused(AssertionError):
    """Toxiproxy says no to what a test asked."""


def _call(api: str, method: str, path: str, body: Mapping[str, object] | None = None) -> list[Mapping[str, str]]:
    connection = http.client.HTTPConnection(api, timeout=10.0)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        said = response.read()
    finally:
        connection.close()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise Refused(f"{method} {path}: {said.decode()}")
    answer: list[Mapping[str, str]] = json.loads(said) if said else []
    return answer
