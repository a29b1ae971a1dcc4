"""A client of the public API that hides nothing: each call gives status, headers and JSON as they came."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

PASSWORD = "correct-horse-9"
_TIMEOUT_S = 30.0
_numbers = itertools.count()
# One run's names never meet those of another on the same data.
_RUN = secrets.token_hex(3)


def fresh_name(stem: str = "p") -> str:
    """A username that nobody has."""
    return f"{stem}{_RUN}{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    # JSON has as many shapes as there are calls.
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def reason(self) -> str:
        """The machine-readable reason of an error."""
        return str(self.details("ErrorInfo")["reason"])

    @property
    def violated(self) -> set[str]:
        """The fields that an error names."""
        return {violation["field"] for violation in self.details("BadRequest")["field_violations"]}

    def details(self, kind: str) -> dict[str, Any]:
        return next(item for item in self.body["details"] if item["@type"] == f"type.googleapis.com/google.rpc.{kind}")


@dataclass(frozen=True, slots=True)
class Client:
    """One caller; with a token it is somebody."""

    url: str
    token: str = ""

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a call; `path` starts below /api/v1 unless it starts with a double slash, which means the root."""
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("authorization", f"Bearer {self.token}")
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=_TIMEOUT_S)
        try:
            connection.request(method, path[1:] if path.startswith("//") else f"/api/v1{path}", raw, sent)
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            # An export is a zip.
            return Answer(response.status, named, response.read().decode(errors="surrogateescape"))
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, body: object = None, *, key: str = "") -> Answer:
        return self.send(
            "POST", path, body if body is not None else {}, headers={"idempotency-key": key} if key else {}
        )

    def put(self, path: str, body: object) -> Answer:
        return self.send("PUT", path, body)

    def delete(self, path: str) -> Answer:
        return self.send("DELETE", path)

    def as_token(self, token: str) -> Client:
        return Client(self.url, token)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    client: Client
    id: str
    username: str
    email: str
    refresh_token: str = field(repr=False)

    def get(self, path: str) -> Answer:
        return self.client.get(path)

    def post(self, path: str, body: object = None, *, key: str = "") -> Answer:
        return self.client.post(path, body, key=key)

    def put(self, path: str, body: object) -> Answer:
        return self.client.put(path, body)

    def delete(self, path: str) -> Answer:
        return self.client.delete(path)

    # A tweet as JSON.
    def tweet(self, content: str = "hello", **fields: str) -> dict[str, Any]:
        answer = self.post("/tweets", {"content": content, **fields})
        assert answer.status == 200, answer.text
        return dict(answer.body)

    def follow(self, whom: Person) -> None:
        answer = self.post(f"/users/{whom.id}/follow")
        assert answer.status == 200, answer.text

    def home(self) -> list[str]:
        """The ids of the whole home timeline, walked to its end."""
        return walk(self.client, "/timeline/home?limit=100")


def register(client: Client, name: str = "") -> Person:
    username = name or fresh_name()
    email = f"{username}@example.com"
    answer = client.post(
        "/auth/register", {"username": username, "email": email, "password": PASSWORD, "display_name": username.title()}
    )
    assert answer.status == 200, answer.text
    signed_in = answer.body
    return Person(
        client.as_token(signed_in["access_token"]), signed_in["user"]["id"], username, email, signed_in["refresh_token"]
    )


def listed(person: Person, path: str, items: str = "users") -> list[str]:
    """The ids of a list, two a page, to its end."""
    return walk(person.client, f"{path}{'&' if '?' in path else '?'}limit=2", items)


def walk(client: Client, path: str, items: str = "tweets") -> list[str]:
    """The ids of a list, page by page to its end; a page never lies about the next one."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = client.get(f"{path}{cursor}")
        assert answer.status == 200, answer.text
        page = answer.body
        assert page[items] or not cursor, "has_more promised a page that is empty"
        found += [item["id"] for item in page[items]]
        if not page["pagination"]["has_more"]:
            return found
        cursor = f"&cursor={page['pagination']['next_cursor']}"
