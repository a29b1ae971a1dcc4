"""Journals written by hand: a test names the calls that somebody made, and reads the journal back."""

from __future__ import annotations

import json
from pathlib import Path

from aviary.check.journal import Journal, read_journal


class Written:
    """Events in order. People are registered as 0, 1, 2 … with the ids 100, 101, 102 …; a tweet's id is chosen."""

    def __init__(self, path: Path, *, people: int) -> None:
        self.path = path
        self._next_index = 0
        self._event(event="header", version=1, run="r", plan="p", url="http://127.0.0.1:1")
        for number in range(people):
            self.ok(number, "register", made=100 + number, username=f"P{number}", password="x")

    def ok(self, user: int, op: str, *, made: int = 0, at: str = "", **args: str | int) -> int:
        index = self.send(user, op, args)
        self._event(event="ok", index=index, id=str(made), at=at)
        return index

    def refused(self, user: int, op: str, code: int, **args: str | int) -> int:
        index = self.send(user, op, args)
        self.answer_refused(index, code)
        return index

    def sent(self, user: int, op: str, **args: str | int) -> int:
        return self.send(user, op, args)

    def send(self, user: int, op: str, args: dict[str, str | int], *, again: int | None = None) -> int:
        """Send a call, or one again; returns its index."""
        index = self._next_index if again is None else again
        self._next_index = max(self._next_index, index + 1)
        texts = {name: str(value) for name, value in args.items()}
        self._event(event="sent", index=index, user=user, op=op, args=texts, key=f"r-{index}")
        return index

    def answer_refused(self, index: int, code: int) -> None:
        self._event(event="refused", index=index, code=code, message="no")

    def answer_unknown(self, index: int) -> None:
        self._event(event="unknown", index=index, reason="TimeoutError")

    def tear(self) -> None:
        with self.path.open("a") as file:
            file.write('{"event":"ok","ind')

    def read(self) -> Journal:
        return read_journal(self.path)

    def _event(self, **event: str | int | dict[str, str]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(event) + "\n")
