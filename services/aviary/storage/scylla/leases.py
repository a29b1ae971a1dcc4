"""What one process of a fleet has at a time: a piece of work, or a worker number and the ids minted under it."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import secrets
import socket
from collections.abc import Awaitable, Callable

from aviary import _native
from aviary.clock import Clock
from aviary.errors import AviaryError, Unavailable
from aviary.storage.scylla.tables import Tables

_WORKERS = 1_024
_LEASE_S = 30.0
_RENEWALS = 6
# The successor of a lease waits for as long as clocks may differ, on top of the lease's own time.
_SKEW_S = 5.0
_NS = 1_000_000_000
_log = logging.getLogger("aviary.leases")


class Lease:
    """A name that one holder has at a time.

    The lease is counted on a clock that goes on while the machine sleeps, from
    before the request that renewed it was sent, so that it ends here first.
    """

    def __init__(self, tables: Tables, name: str, *, lasts_s: float = _LEASE_S, skew_s: float = _SKEW_S) -> None:
        self.name = name
        # Of `boottime_ns`; 0 while it is nobody's or another's.
        self.until_ns = 0
        self._tables = tables
        self._lasts_s = lasts_s
        # The tables count whole seconds, and the one that has begun as over.
        self._ttl_s = math.ceil(lasts_s + skew_s) + 1
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"

    @property
    def held(self) -> bool:
        return _native.boottime_ns() < self.until_ns

    @property
    def renew_every_s(self) -> float:
        """How often to take it again, so that some of that may fail."""
        return self._lasts_s / _RENEWALS

    async def take(self) -> bool:
        """Take the lease, or renew it; tell whether it is held."""
        began_ns = _native.boottime_ns()
        took = await (self._renew() if self.until_ns else self._acquire())
        self.until_ns = began_ns + int(self._lasts_s * _NS) if took else 0
        return took

    async def release(self) -> None:
        """Let the next one have it at once; harmless when it isn't held."""
        if self.until_ns:
            self.until_ns = 0
            await self._tables.apply("DELETE FROM leases WHERE name = ? IF holder = ?", self.name, self._holder)

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work`, which runs for ever, whenever the lease is held; runs until cancelled, and outlives the tables.

        Work that lost its lease is cancelled. A process that was stopped may do
        one more step when it wakes: what the work does must be safe to do twice.
        """
        while True:
            try:
                took = await self.take()
            except AviaryError as error:
                _log.warning("lease_not_taken", extra={"lease": self.name, "error": error.message})
            else:
                if took:
                    await self._while_held(work)
            await asyncio.sleep(self.renew_every_s)

    async def _while_held(self, work: Callable[[], Awaitable[None]]) -> None:
        working = asyncio.ensure_future(work())
        try:
            while not working.done() and await self._kept():
                await asyncio.wait([working], timeout=self.renew_every_s)
            if working.done():
                await working
            else:
                _log.error("lease_lost", extra={"lease": self.name})
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await self._let_go()

    async def _kept(self) -> bool:
        """Renew it; while that fails it is still held until its time is over, and not a moment longer."""
        left_s = (self.until_ns - _native.boottime_ns()) / _NS
        if left_s > 0:
            try:
                async with asyncio.timeout(left_s):
                    return await self.take()
            except (AviaryError, TimeoutError) as error:
                _log.warning("lease_not_renewed", extra={"lease": self.name, "error": str(error)})
        return self.held

    async def _let_go(self) -> None:
        try:
            await self.release()
        except AviaryError as error:
            # Its time runs out.
            _log.warning("lease_not_released", extra={"lease": self.name, "error": error.message})

    async def _acquire(self) -> bool:
        held = await self._tables.apply(
            "INSERT INTO leases (name, holder) VALUES (?, ?) IF NOT EXISTS USING TTL ?",
            *(self.name, self._holder, self._ttl_s),
        )
        return held is None or held["holder"] == self._holder

    async def _renew(self) -> bool:
        lost = await self._tables.apply(
            "UPDATE leases USING TTL ? SET holder = ? WHERE name = ? IF holder = ?",
            *(self._ttl_s, self._holder, self.name, self._holder),
        )
        return lost is None


class LeasedIds:
    """Mints ids under a leased worker number, and none once the lease may have ended."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock
        self._lease: Lease | None = None
        self._snowflake: _native.Snowflake | None = None
        self.worker: int | None = None

    def next(self) -> int:
        """Return the next id. Raises Unavailable without a lease."""
        if self._snowflake is None:
            raise Unavailable("no worker number is leased yet", retry_after_s=1)
        try:
            return self._snowflake.next(self._clock.now_ms())
        except _native.LeaseExpired:
            raise Unavailable(
                "the lease of the worker number has ended; the tables did not renew it", retry_after_s=1
            ) from None

    async def acquire(self) -> int:
        """Lease a free number. Raises Unavailable when there is none."""
        for number in random.sample(range(_WORKERS), _WORKERS):
            lease = Lease(self._tables, f"worker-{number}")
            if await lease.take():
                self.worker, self._lease = number, lease
                self._snowflake = _native.Snowflake(number)
                self._snowflake.lease_until(lease.until_ns)
                return number
        raise Unavailable(
            f"all {_WORKERS} worker numbers of the {self._tables.name} tables are leased", retry_after_s=30
        )

    async def keep(self) -> None:
        """Renew the lease until cancelled; one that was lost is replaced by another number."""
        while True:
            await asyncio.sleep(_LEASE_S / _RENEWALS)
            try:
                await self._renew()
            except AviaryError as error:
                _log.warning("lease_not_renewed", extra={"worker": self.worker, "error": error.message})

    async def release(self) -> None:
        """Give the number back; its next holder still mints above what was minted here, for time has passed."""
        self._snowflake = None
        if self._lease is not None:
            await self._lease.release()

    async def _renew(self) -> None:
        if self._lease is not None and self._snowflake is not None and await self._lease.take():
            self._snowflake.lease_until(self._lease.until_ns)
            return
        _log.error("lease_lost", extra={"worker": self.worker})
        self._snowflake = None
        await self.acquire()
