"""Passwords as bcrypt hashes, computed in a pool that refuses rather than lets callers queue up."""

from __future__ import annotations

import asyncio
import os
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from aviary.errors import RateLimited

# bcrypt reads no further; a longer password would be as good as its beginning.
MAX_BYTES = 72
_QUEUE = 16
_HASH_CHARACTERS = 31

T = TypeVar("T")


def encoded(password: str) -> bytes:
    """Return the bytes that are hashed: the same however an accented letter was typed."""
    return unicodedata.normalize("NFC", password).encode()


class Passwords:
    """Hashes and verifies in threads, one core left to everybody else; bcrypt holds no lock meanwhile."""

    def __init__(self, *, cost: int, workers: int = max(1, (os.cpu_count() or 2) - 1), queue: int = _QUEUE) -> None:
        self._cost = cost
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="bcrypt")
        self._places = threading.BoundedSemaphore(workers + queue)
        self._most = workers + queue
        # No password has this hash, and comparing with it takes as long as with any other of this cost.
        self._nobody = bcrypt.gensalt(cost) + b"." * _HASH_CHARACTERS

    async def hash(self, password: bytes) -> bytes:
        """Return a salted hash. Raises RateLimited when too many wait."""
        return await self._run(lambda: bcrypt.hashpw(password, bcrypt.gensalt(self._cost)))

    async def verify(self, password: bytes, hashed: bytes | None) -> bool:
        """Tell whether `password` has the hash; None, for nobody, takes as long and is false."""
        if len(password) > MAX_BYTES or b"\0" in password:
            # Nobody could register with it. The time must not tell, so something is hashed all the same.
            password, hashed = b"", None
        return await self._run(lambda: bcrypt.checkpw(password, hashed or self._nobody))

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise RateLimited(f"{self._most} passwords are being checked, which is the limit", retry_after_s=1)
        job = self._pool.submit(work)
        # Also called for a job that was cancelled before it began, so that a place is never lost.
        job.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(job)
