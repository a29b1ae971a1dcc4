"""Reads the journal of a load.

A journal is a text file of JSON objects, one a line, in the order of what happened. The last line may be torn.

    {"event": "header", "version": 1, "run": "8f…", "plan": "3c…", "url": "http://…"}      the first line
    {"event": "sent", "index": 7, "user": 3, "op": "reply", "args": {…}, "key": "8f…-7"}   before a call goes out
    {"event": "ok", "index": 7, "id": "7312…", "at": "2026-…"}                             acknowledged
    {"event": "refused", "index": 7, "code": 404, "message": "…"}                          not done
    {"event": "unknown", "index": 7, "reason": "TimeoutError"}                             done or not
    {"event": "tokens", "user": 3, "access": "…", "refresh": "…", "until": 1795226400.0}   a new access token

`user` is the person's number in the load; `index` is the call's, the same for each time it is sent. Each person's calls
were sent one after the other, in the order of their indexes. `id` is what a call made: a user or a tweet.

    register {username, email, display_name, password}     follow, unfollow {user_id}      read, see (of one's home)
    post {content}      reply, quote {content, tweet_id}      retweet, unretweet, like, unlike, delete {tweet_id}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

_VERSION = 1


class Outcome(Enum):
    """What is known of a call."""

    DONE = auto()
    NOT_DONE = auto()
    UNKNOWN = auto()


@dataclass(slots=True)
class Call:
    """A call, however often it was sent."""

    index: int
    user: int
    op: str
    args: dict[str, str]
    outcome: Outcome = Outcome.UNKNOWN
    lost: bool = False  # whether one of the times that it was sent had no answer
    id: int = 0
    at: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, good until that second since 1970."""

    access: str
    until: float


@dataclass(slots=True)
class Journal:
    """The calls in the order of their indexes, and everybody's latest token."""

    run: str
    url: str
    calls: list[Call] = field(default_factory=list[Call])
    tokens: dict[int, Token] = field(default_factory=dict[int, Token])


def read_journal(path: Path) -> Journal:
    """Read a journal, also while it is being written. Raises ValueError when the file is none."""
    events = _events(path)
    header = next(events, None)
    if not header or header.get("event") != "header" or header.get("version") != _VERSION:
        raise ValueError(f"{path} is not the journal of a load (version {_VERSION})")
    journal = Journal(header["run"], header["url"])
    calls: dict[int, Call] = {}
    for event in events:
        match event["event"]:
            case "sent":
                call = Call(event["index"], event["user"], event["op"], event["args"])
                _send(calls.setdefault(call.index, call), again=call is not calls[call.index])
            case "tokens":
                journal.tokens[event["user"]] = Token(event["access"], event["until"])
            case _:
                _answer(calls[event["index"]], event)
    journal.calls = [calls[index] for index in sorted(calls)]
    return journal


# The values of an event are of many types.
def _events(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError:
                raise ValueError(f"{path} line {number} is not JSON") from None


def _send(call: Call, *, again: bool) -> None:
    call.lost |= again and call.outcome is Outcome.UNKNOWN
    call.outcome = Outcome.UNKNOWN


def _answer(call: Call, event: dict[str, Any]) -> None:
    match event["event"]:
        case "ok":
            call.outcome = Outcome.DONE
            call.id, call.at = int(event.get("id", 0)), event.get("at", "")
        case "refused":
            call.outcome = _refusal(call, event["code"])
        case _:
            call.lost = True


def _refusal(call: Call, code: int) -> Outcome:
    """A refusal tells of the first time as well, for a repeat under the same key would have got the first answer."""
    if call.lost and code in {401, 429}:
        return Outcome.UNKNOWN  # but these were given before anybody looked at the call
    if call.lost and code == 404 and call.op == "delete":
        return Outcome.DONE  # one can't delete twice
    return Outcome.NOT_DONE
