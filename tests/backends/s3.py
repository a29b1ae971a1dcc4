"""S3 as versitygw serves it from a folder: an object store that checks signatures, which the fakes don't."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from pathlib import Path

from tests.backends.cache import go_program
from tests.backends.server import HOST, Server

VERSION = "1.8.0"
ACCESS_KEY = "testaccess"
SECRET_KEY = "testsecret-testsecret"
REGION = "us-east-1"
BUCKET = "aviary"


class S3(Server):
    """A server at `endpoint` with one bucket, empty at first."""

    name = "s3"
    start_s = 20.0

    def __init__(self, folder: Path, *, arguments: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self._arguments = arguments

    @property
    def endpoint(self) -> str:
        return f"http://{self.address}"

    @property
    def url(self) -> str:
        return f"s3://{BUCKET}?endpoint={self.endpoint}"

    @staticmethod
    def program() -> Path:
        """Return its program, fetched first where it is missing."""
        return go_program(f"versitygw-{VERSION}", f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}")

    def _prepare(self) -> None:
        # A folder at its top is a bucket; attributes beside it, since not every file system has room for them.
        (self.folder / "buckets" / BUCKET).mkdir(parents=True, exist_ok=True)
        (self.folder / "attributes").mkdir(exist_ok=True)

    def _command(self) -> Sequence[str]:
        return [
            str(self.program()),
            *("--port", self.address, "--region", REGION, "--health", "/health"),
            *("--access", ACCESS_KEY, "--secret", SECRET_KEY),
            *self._arguments,
            *("posix", "--sidecar", str(self.folder / "attributes"), str(self.folder / "buckets")),
        ]

    def _serves(self) -> bool:
        return answers(self.port, "/health")


def answers(port: int, path: str) -> bool:
    """Return whether HTTP is answered there, and well."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
