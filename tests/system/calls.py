"""Every REST call that the protos declare, and for each an example that succeeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tests.system.client import PASSWORD, Answer, Client, Person, fresh_name

from aviary.gateway.bindings import Binding, bindings, methods, read_descriptors
from aviary.rpc.method import PUBLIC

CALLS = bindings(methods(read_descriptors()))
NOBODY = "nobody_at_all"
NOTHING = "4242"
_BASE = "/api/v1"


def name_of(call: Binding) -> str:
    """How a failure names the call."""
    return f"{call.verb} {call.template.removeprefix(_BASE)}"


def over(*calls: Binding) -> pytest.MarkDecorator:
    """Runs a test for each of these calls, under its name."""
    return pytest.mark.parametrize("call", [pytest.param(call, id=name_of(call)) for call in calls])


def is_public(call: Binding) -> bool:
    return call.method.access == PUBLIC


def with_field(call: Binding, name: str) -> bool:
    return name in call.request.fields_by_name


@dataclass(frozen=True, slots=True)
class Example:
    """A call that is about to be made; whatever it names exists."""

    call: Binding
    caller: Client
    variables: Mapping[str, str]
    # Any JSON object.
    body: Mapping[str, Any] = field(default_factory=dict)

    def send(
        self, *, token: str | None = None, query: str = "", raw: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """Make the call; `raw` in the place of its body, `token` in that of the caller's own."""
        caller = self.caller if token is None else self.caller.as_token(token)
        body = dict(self.body) if self.call.body and raw is None else None
        return caller.send(self.call.verb, self.path + query, body, raw=raw, headers=headers)

    def to(self, **variables: str) -> Example:
        """The same call about something else."""
        return replace(self, variables={**self.variables, **variables})

    def but(self, **fields: Any) -> Example:
        """The same call with other fields in its body."""
        return replace(self, body={**self.body, **fields})

    @property
    def path(self) -> str:
        path = self.call.template
        for name, value in self.variables.items():
            path = path.replace(f"{{{name}}}", value)
        return path.removeprefix(_BASE) if path.startswith(_BASE) else f"/{path}"


def example(call: Binding, ada: Person, bob: Person) -> Example:
    """A call of Ada's that succeeds, about what she has just made or about Bob."""
    variables = {name: _PLACES[place](ada, bob) for place, name in re.findall(r"([\w-]+)/\{(\w+)\}", call.template)}
    name = call.method.name
    if name in _ABOUT:
        variables["id"] = _ABOUT[name](ada, bob)
    caller = ada.client.as_token("") if is_public(call) else ada.client
    body = _BODIES[name](ada) if name in _BODIES else {}
    return Example(call, caller, variables, body)


def leaves(call: Binding) -> Iterator[tuple[list[str], FieldDescriptor]]:
    """Each field of the body, at whatever depth, and the way to it."""
    for path, each in _fields(call.request, []):
        if path[0] not in call.variables:
            yield path, each


def _fields(message: Descriptor, way: list[str]) -> Iterator[tuple[list[str], FieldDescriptor]]:
    for each in message.fields:
        yield [*way, each.name], each
        if each.message_type is not None and each.message_type.full_name.startswith("aviary."):
            yield from _fields(each.message_type, [*way, each.name])


def replaced(body: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """The body with one field changed; of what is repeated, the field of the first."""
    name, *rest = path
    if not rest:
        return {**body, name: value}
    inner = body.get(name) or {}
    if type(inner) is list:
        return {**body, name: [replaced(inner[0], rest, value), *inner[1:]]}
    return {**body, name: replaced(inner, rest, value)}


def _made(answer: Answer) -> str:
    assert answer.status == 200, answer.text
    return str(answer.body["id"])


def in_a_month() -> str:
    return (datetime.now(UTC) + timedelta(days=30)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _poll(ada: Person, _: Person) -> str:
    return _made(ada.post("/tweets", {"content": "?", "poll": {"options": ["a", "b"], "duration_minutes": 5}}))


def _list(ada: Person, _: Person) -> str:
    return _made(ada.post("/lists", {"name": "birds"}))


def _draft(ada: Person, _: Person) -> str:
    return _made(ada.post("/tweets/drafts", {"tweet": {"content": "later"}}))


def _scheduled(ada: Person, _: Person) -> str:
    return _made(ada.post("/tweets/scheduled", {"tweet": {"content": "later"}, "publish_at": in_a_month()}))


def _session(ada: Person, _: Person) -> str:
    """Another one than hers."""
    assert ada.client.as_token("").post("/auth/login", {"username": ada.username, "password": PASSWORD}).status == 200
    return str(ada.get("/auth/sessions").body["sessions"][0]["id"])


def _request(ada: Person, bob: Person) -> str:
    """Bob asks."""
    assert ada.put("/users/me/settings", {"protected": True}).status == 200
    assert bob.post(f"/users/{ada.id}/follow").body["requested"]
    return bob.id


# What a path names, by the word before it.
_PLACES: Mapping[str, Callable[[Person, Person], str]] = {
    **dict.fromkeys(["users", "user", "follows", "followers", "members"], lambda _, bob: bob.id),
    "username": lambda _, bob: bob.username,
    "tweets": lambda ada, _: str(ada.tweet("tweet tweet #birds")["id"]),
    **dict.fromkeys(["lists", "list"], _list),
    "drafts": _draft,
    "scheduled": _scheduled,
    "sessions": _session,
    "follow-requests": _request,
    "hashtag": lambda *_: "birds",
}
# Calls that want something else than others of the same path.
_ABOUT: Mapping[str, Callable[[Person, Person], str]] = {
    "UpdateUser": lambda ada, _: ada.id,
    "GetRelationship": lambda ada, _: ada.id,
    "Vote": _poll,
}
_TWEET = {
    "content": "hello",
    "poll": {"options": ["a", "b"], "duration_minutes": 5},
    "geo": {"latitude": 47.5, "longitude": 0.5},
    "content_warning": "birds",
    "reply_audience": "everyone",
    "language": "en",
}
# The bodies of the calls that want one, as full as they may be.
_BODIES: Mapping[str, Callable[[Person], Mapping[str, Any]]] = {
    "Register": lambda _: {
        "username": (name := fresh_name()),
        "email": f"{name}@example.com",
        "password": PASSWORD,
        "display_name": "Name",
    },
    "Login": lambda ada: {"username": ada.username, "password": PASSWORD},
    "RefreshToken": lambda ada: {"refresh_token": ada.refresh_token},
    "UpdateUser": lambda _: {
        "display_name": "Name",
        "bio": "bio",
        "location": "here",
        "website": "https://example.com/",
        "birth_date": "1990-01-02",
        "language": "en",
        "timezone": "Europe/Paris",
    },
    "CreateList": lambda _: {"name": "birds", "description": "that sing", "private": False},
    "UpdateList": lambda _: {"name": "birds", "description": "that sing", "private": True},
    "Mute": lambda _: {"expires_at": in_a_month()},
    "CreateTweet": lambda _: _TWEET,
    "CreateThread": lambda _: {"tweets": [_TWEET, {"content": "two"}]},
    "EditTweet": lambda _: {"content": "changed"},
    "CreateDraft": lambda _: {"tweet": _TWEET},
    "UpdateDraft": lambda _: {"tweet": _TWEET},
    "ScheduleTweet": lambda _: {"tweet": _TWEET, "publish_at": in_a_month()},
    "UpdateScheduled": lambda _: {"tweet": _TWEET, "publish_at": in_a_month()},
    "Vote": lambda _: {"option": 1},
    "UpdateSettings": lambda _: {
        "protected": True,
        "hide_sensitive": True,
        "dm_from": "nobody",
        "muted_words": ["word"],
    },
    "ChangeUsername": lambda _: {"username": fresh_name("N")},
    "ChangeEmail": lambda _: {"email": f"{fresh_name('mail')}@example.com", "password": PASSWORD},
    "ChangePassword": lambda _: {"current_password": PASSWORD, "new_password": "quite-another-9"},
    "DeleteAccount": lambda _: {"password": PASSWORD},
}
