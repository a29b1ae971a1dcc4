"""Loading in bulk: the stores' own statements in one long transaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aviary.clock import Clock
from aviary.durable import sync
from aviary.metrics import Metrics
from aviary.storage.sqlite.database import Database, translated
from aviary.storage.sqlite.transaction import Transaction

T = TypeVar("T")
# Likes reach their trees at random: what a million tweets' likes touch should stay in memory.
_CACHE_KIB = 500_000


class BulkDatabase(Database):
    """A file that nobody else has open: all its writes are one transaction, durable once `finish` returned.

    Nothing protects the file until then, neither a journal nor a sync, and a
    write that fails leaves what it did: a load that stops is to be thrown away.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        super().__init__(path, clock=clock, metrics=Metrics(), queue_size=1, group=1, readers=1)
        for choice in ("locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {choice}")
        self._connection.execute("BEGIN IMMEDIATE")
        self.transaction = Transaction(self._connection, clock, self._ids)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        with translated(self.name):
            return work(self.transaction)

    async def read(self, work: Callable[..., T]) -> T:
        """Run `work` on the one connection, which sees what was written so far."""
        with translated(self.name):
            return work(self._connection)

    def finish(self) -> None:
        """Make all that was written durable and close the file; opened again it is like any other."""
        with translated(self.name):
            self._connection.execute("COMMIT")
        self.close()
        sync(self._path)
