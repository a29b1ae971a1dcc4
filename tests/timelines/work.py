"""What a page costs the stores: trips to a reader, statements, and steps of SQLite's machine."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from aviary.storage.sqlite.database import Database

T = TypeVar("T")
_STEPS_A_TICK = 5


@dataclass(slots=True)
class Work:
    """What readers did since the last look; writers and the platform's own errands are left out."""

    reads: int = 0
    steps: int = 0
    statements: Counter[str] = field(default_factory=Counter)

    async def of(self, page: Awaitable[T]) -> tuple[Work, T]:
        """Return what the page cost, and the page."""
        self.reads, self.steps, self.statements = 0, 0, Counter()
        answer = await page
        return Work(self.reads, self.steps, self.statements.copy()), answer


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Count the work of every connection that is opened in here."""
    work = Work()
    connect: Callable[[Database], sqlite3.Connection] = Database._connect
    read: Callable[..., Awaitable[Any]] = Database.read

    def is_reader() -> bool:
        return threading.current_thread().name.startswith("read-")

    def note_statement(statement: str) -> None:
        if is_reader():
            work.statements[statement] += 1

    def note_steps() -> int:
        work.steps += _STEPS_A_TICK * is_reader()
        return 0

    def connect_watched(database: Database) -> sqlite3.Connection:
        connection = connect(database)
        connection.set_trace_callback(note_statement)
        connection.set_progress_handler(note_steps, _STEPS_A_TICK)
        return connection

    async def read_watched(database: Database, look: Callable[[sqlite3.Connection], T]) -> T:
        work.reads += 1
        found: T = await read(database, look)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_connect", connect_watched)
        patched.setattr(Database, "read", read_watched)
        yield work
