"""Threads that read a SQLite file, each on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aviary.errors import Unavailable

T = TypeVar("T")


@dataclass(slots=True)
class _Read(Generic[T]):
    work: Callable[[sqlite3.Connection], T]
    done: asyncio.Future[T]
    result: T | None = None
    error: BaseException | None = None


class Readers:
    """Takes reads from the loop to whichever thread is free, and their answers back.

    A page makes half a dozen such trips. An executor's futures, with a lock
    each and a chain between two of them, would double what a trip costs.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, name: str, threads: int) -> None:
        self._connect = connect
        self._name = name
        self._loop = asyncio.get_running_loop()
        # Bounded by the calls that the server lets in.
        self._queue: queue.SimpleQueue[_Read[Any] | None] = queue.SimpleQueue()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"read-{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `work` in one of the threads; a read whose caller is gone before it began is left out."""
        if self._is_closed:
            raise Unavailable(f"the {self._name} store is closed")
        read = _Read(work, self._loop.create_future())
        self._queue.put(read)
        return read.done

    def close(self) -> None:
        """Finish what was submitted and end the threads."""
        self._is_closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (read := self._queue.get()) is not None:
            if read.done.cancelled():
                continue
            try:
                connection = connection or self._connect()
                read.result = read.work(connection)
            except Exception as error:  # noqa: BLE001 - it is the caller's, whatever it is
                read.error = error
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                self._loop.call_soon_threadsafe(_answer, read)


def _answer(read: _Read[Any]) -> None:
    if read.done.cancelled():
        return
    if read.error is None:
        read.done.set_result(read.result)
    else:
        read.done.set_exception(read.error)
