"""One SQLite file: a writer thread that commits in groups, and a few readers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from aviary.clock import Clock
from aviary.errors import AviaryError, RateLimited, Unavailable
from aviary.ids import IdGenerator
from aviary.metrics import Metrics
from aviary.rpc.telemetry import inner_span
from aviary.storage.sqlite import schema
from aviary.storage.sqlite.readers import Readers
from aviary.storage.sqlite.tail import Placed, Tail
from aviary.storage.sqlite.transaction import Erased, Transaction
from aviary.storage.told import Told

T = TypeVar("T")
_log = logging.getLogger("aviary.sqlite")


@dataclass(slots=True)
class _Write(Generic[T]):
    work: Callable[[Transaction], T]
    done: asyncio.Future[T]
    result: T | None = None
    told: Told | None = None
    placed: Sequence[Placed] = ()
    error: BaseException | None = None


class Database:
    """A service's own file.

    A write is a function that runs in the writer thread inside a savepoint; its
    caller gets the answer after the commit that holds it was synced, and after
    `tell` was told what it changed. A caller that is cancelled meanwhile does
    not cancel its write.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        metrics: Metrics,
        queue_size: int,
        group: int,
        readers: int,
        cache_bytes: int = 16_777_216,
        tell: Callable[[Told], None] | None = None,
    ) -> None:
        self.name = path.stem
        self._write_span, self._read_span = f"sqlite.write {path.stem}", f"sqlite.read {path.stem}"
        self._path = path
        self._clock = clock
        self._metrics = metrics
        self._group = group
        self._cache_kib = max(1, cache_bytes // 1024)
        self._tell = tell
        self._queue: queue.Queue[_Write[Any] | None] = queue.Queue(queue_size)
        self._open_connections: list[sqlite3.Connection] = []
        self._committed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._connection = self._connect()
        with translated(self.name):
            schema.migrate(self._connection, self.name)
        self.newest, end = self._newest_event()
        self.tail = Tail(end)
        self._ids = IdGenerator(clock, after=self.newest)
        # Whom the service's erasure has begun to remove; no write brings them back.
        self.erased = Erased()
        self._readers = Readers(self._connect, name=self.name, threads=readers)
        self._thread = threading.Thread(target=self._run, name=f"write-{self.name}", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` once in a transaction and return its answer when it is durable.

        An exception from `work` undoes what it did and comes out here. Raises
        RateLimited when too many writes wait, Unavailable when the disk is full or fails.
        """
        with inner_span(self._write_span):
            job = _Write(work, self._loop.create_future())
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise RateLimited(
                    f"{self._queue.maxsize} writes to {self.name} are waiting, which is the limit", retry_after_s=1
                ) from None
            return await asyncio.shield(job.done)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a reader's connection; it sees every commit that was acknowledged before."""
        with inner_span(self._read_span):
            return await self._readers.submit(partial(self._read, work))

    def committed(self) -> asyncio.Event:
        """The event that the next commit sets; ask for it before looking at what is there."""
        return self._committed

    def close(self) -> None:
        """Finish the writes that were accepted, then close every connection."""
        self._queue.put(None)
        self._thread.join()
        self._readers.close()
        for connection in self._open_connections:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        with translated(self.name):
            connection = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=512
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            # What is deleted is overwritten: an erased account leaves nothing in the file.
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA temp_store=MEMORY")
            connection.execute(f"PRAGMA cache_size=-{self._cache_kib}")
        self._open_connections.append(connection)
        return connection

    def _newest_event(self) -> tuple[int, int]:
        """The newest event's id and its place, zeros for none."""
        statement = "SELECT coalesce(max(event_id), 0), coalesce(max(position), 0) FROM outbox"
        newest, position = self._connection.execute(statement).fetchone()
        return int(newest), int(position)

    def _read(self, work: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
        with translated(self.name):
            return work(connection)

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            writes = [first]
            stop = False
            while len(writes) < self._group and not stop:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    stop = True
                else:
                    writes.append(job)
            self._commit(writes)
            if stop:
                return

    def _commit(self, writes: Sequence[_Write[Any]]) -> None:
        started = time.perf_counter()
        try:
            with translated(self.name):
                self._connection.execute("BEGIN IMMEDIATE")
                if not self._apply_together(writes):
                    self._connection.execute("ROLLBACK")
                    self._connection.execute("BEGIN IMMEDIATE")
                    for job in writes:
                        self._apply_apart(job)
                self._connection.execute("COMMIT")
            self._tell_all(writes)
        except AviaryError as error:
            # Nothing of the group is durable, so nobody is told that it is.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for job in writes:
                job.error = error
        self._metrics.commit.labels(self.name).observe(time.perf_counter() - started)
        self._metrics.write_queue.labels(self.name).set(self._queue.qsize())
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
            self._loop.call_soon_threadsafe(self._answer, writes)

    def _tell_all(self, writes: Sequence[_Write[Any]]) -> None:
        """Tell of each write in the order of the commits, before anybody is told that it is durable."""
        if self._tell is None:
            return
        told = [job.told for job in writes if job.told is not None and job.error is None]
        if any(each.all for each in told):
            # What is forgotten then is what was there before that write.
            for each in told:
                self._tell(each)
        else:
            self._tell(Told([event for each in told for event in each.events]))

    def _apply_together(self, writes: Sequence[_Write[Any]]) -> bool:
        """Do all of a group without a way back to between two of them, which is what they need nearly always."""
        try:
            for job in writes:
                self._apply(job)
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            return False
        return True

    def _apply_apart(self, job: _Write[Any]) -> None:
        """Do one of a group so that its failure undoes nothing else."""
        self._connection.execute("SAVEPOINT one")
        try:
            self._apply(job)
        except Exception as error:
            if _is_of_the_disk(error):
                raise
            self._connection.execute("ROLLBACK TO one")
            job.error, job.told, job.placed = error, None, ()
        self._connection.execute("RELEASE one")

    def _apply(self, job: _Write[Any]) -> None:
        tx = Transaction(self._connection, self._clock, self._ids, self.erased)
        job.result = job.work(tx)
        job.told, job.placed = tx.told, tx.placed

    def _answer(self, writes: Sequence[_Write[Any]]) -> None:
        # Before anybody hears of it: whoever was answered finds the events in the log.
        self.tail.add([event for job in writes if job.error is None for event in job.placed])
        for job in writes:
            if job.done.cancelled():
                continue
            if job.error is not None:
                job.done.set_exception(job.error)
                job.done.exception()  # a caller that left is no reason for a warning
            else:
                job.done.set_result(job.result)
        committed, self._committed = self._committed, asyncio.Event()
        committed.set()


def _is_of_the_disk(error: Exception) -> bool:
    # Damage is said by the bare class, a fault of the disk by the operational one: neither is a write's own.
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


@contextlib.contextmanager
def translated(name: str) -> Iterator[None]:
    """Turn SQLite's errors into ours; what it says goes to the log, not to the caller."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        _log.exception("sqlite_failed", extra={"store": name})
        raise Unavailable(_sentence(name, error), retry_after_s=1) from error


def _sentence(name: str, error: sqlite3.DatabaseError) -> str:
    if error.sqlite_errorname == "SQLITE_FULL":
        return f"the disk that holds the {name} store is full; nothing was written"
    if error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return f"the {name} store cannot be opened for writing; check the data folder's owner and mode"
    return f"the {name} store failed; nothing was written"
