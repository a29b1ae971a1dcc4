"""How far a load has come: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich import progress
from rich.console import Console

_LINE_EVERY_S = 5.0


class Progress(Protocol):
    """Is told of each stage once, then of each of its calls."""

    def stage(self, name: str, *, total: int, done: int) -> None:
        """A stage begins; `done` of its `total` calls were settled by an earlier run."""

    def advance(self, by: int = 1) -> None:
        """So many more calls are settled."""


class Silent:
    """Says nothing."""

    def stage(self, name: str, *, total: int, done: int) -> None:
        pass

    def advance(self, by: int = 1) -> None:
        pass


class Lines:
    """A line when a stage ends, and every five seconds in between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._name, self._total, self._done = "", 0, 0
        self._next_line = 0.0

    def stage(self, name: str, *, total: int, done: int) -> None:
        self._name, self._total, self._done = name, total, done
        self._next_line = time.monotonic() + _LINE_EVERY_S

    def advance(self, by: int = 1) -> None:
        self._done += by
        if self._done == self._total or time.monotonic() > self._next_line:
            self._next_line = time.monotonic() + _LINE_EVERY_S
            print(f"{self._name}: {self._done} of {self._total}", file=self._stream, flush=True)


class Bars:
    """A bar for each stage, with calls a second and the time that is left. To be used as a context."""

    def __init__(self, stream: TextIO) -> None:
        self._bars = progress.Progress(
            progress.TextColumn("{task.description:<20}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.speed:,.0f}/s"),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(file=stream),
        )
        self._task = progress.TaskID(0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stage(self, name: str, *, total: int, done: int) -> None:
        self._task = self._bars.add_task(name, total=total, completed=done)

    def advance(self, by: int = 1) -> None:
        self._bars.advance(self._task, by)
