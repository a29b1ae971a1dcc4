"""The journal of a load: what was about to be sent, and what came of it. Its format is in `aviary.check.journal`.

The file holds passwords and tokens: it is made readable by its owner alone, and is to be kept as a secret.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from aviary.seed.call import Call

FORMAT_VERSION = 1
Value = str | float | dict[str, str]
# Refusals that say nothing about the call itself: no valid token, too many calls.
NOT_WEIGHED = frozenset({401, 429})


@dataclass(frozen=True, slots=True)
class Tokens:
    """A person's credentials; `until` is the access token's end in seconds since 1970."""

    access: str
    refresh: str
    until: float


class Journal:
    """Appends lines, each with one write(2): what `sent` returned from survives the death of this process.

    It doesn't sync: a load need not survive the machine. A write costs about 3 µs, so there is nothing to batch.
    """

    def __init__(self, file: int, run: str) -> None:
        self.run = run
        self.made: dict[int, str] = {}  # what an acknowledged call answered with: the id of a person or a tweet
        self.settled: set[int] = set()
        self.tokens: dict[int, Tokens] = {}
        self._file = file

    @classmethod
    def open(cls, path: Path, *, plan: str, url: str) -> Self:
        """Begin a journal, or go on with one: it then knows all that is settled.

        Raises ValueError when the file is the journal of another plan, is none at all, or is being written.
        """
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lines = _whole_lines(file)
            if not lines:
                journal = cls(file, secrets.token_hex(8))
                journal._write(event="header", version=FORMAT_VERSION, run=journal.run, plan=plan, url=url)
                return journal
            return cls._resumed(file, lines, path=path, plan=plan)
        except BlockingIOError:
            os.close(file)
            raise ValueError(f"{path} is being written by another load") from None
        except BaseException:
            os.close(file)
            raise

    @classmethod
    def _resumed(cls, file: int, lines: list[bytes], *, path: Path, plan: str) -> Self:
        try:
            header, *events = (json.loads(line) for line in lines)
            known = (header["event"], header["version"], header["plan"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} is not the journal of a load") from None
        if known != ("header", FORMAT_VERSION, plan):
            raise ValueError(f"{path} belongs to a load of other people, follows, texts or options; name another file")
        journal = cls(file, header["run"])
        for event in events:
            journal._recall(event)
        return journal

    # The values of an event are of many types.
    def _recall(self, event: Mapping[str, Any]) -> None:
        match event["event"]:
            case "ok":
                self.settled.add(event["index"])
                if "id" in event:
                    self.made[event["index"]] = event["id"]
            case "refused" if event["code"] not in NOT_WEIGHED:
                self.settled.add(event["index"])
            case "tokens":
                self.tokens[event["user"]] = Tokens(event["access"], event["refresh"], event["until"])
            case _:
                pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def key(self, index: int) -> str:
        """The idempotency key of a call: the same however often it is sent, in this process or a later one."""
        return f"{self.run}-{index}"

    def sent(self, call: Call, args: dict[str, str]) -> None:
        """To be written before the call goes out: without an answer below it, its outcome is unknown."""
        self._write(
            event="sent", index=call.index, user=call.who, op=call.op.value, args=args, key=self.key(call.index)
        )

    def ok(self, index: int, answer: dict[str, str]) -> None:
        self._note(event="ok", index=index, **answer)

    def refused(self, index: int, status: int, message: str) -> None:
        self._note(event="refused", index=index, code=status, message=message)

    def unknown(self, index: int, reason: str) -> None:
        self._note(event="unknown", index=index, reason=reason)

    def signed_in(self, user: int, tokens: Tokens) -> None:
        self._note(event="tokens", user=user, access=tokens.access, refresh=tokens.refresh, until=tokens.until)

    def _note(self, **event: Value) -> None:
        self._write(**event)
        self._recall(event)

    def _write(self, **event: Value) -> None:
        line = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if os.write(self._file, line) != len(line):
            raise OSError(f"the journal's disk is full: wrote a part of {len(line)} bytes")


def _whole_lines(file: int) -> list[bytes]:
    """The lines of the file, from which a torn last one is cut off: nothing was sent on its strength."""
    with os.fdopen(os.dup(file), "rb") as reader:
        content = reader.read()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.ftruncate(file, whole)
    return content[:whole].splitlines()
