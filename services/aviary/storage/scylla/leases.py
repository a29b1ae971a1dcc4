"""Worker numbers, each leased by one process at a time, and the ids that are minted under them."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket

from aviary import _native
from aviary.clock import Clock
from aviary.errors import AviaryError, Unavailable
from aviary.storage.scylla.tables import Tables

_WORKERS = 1_024
_LEASE_S = 30
_RENEW_EVERY_S = 5.0
# The successor of a lease waits for as long as clocks may differ, on top of the lease's own time.
_SKEW_S = 5.0
_log = logging.getLogger("aviary.leases")


class LeasedIds:
    """Mints ids under a leased worker number, and none once the lease may have ended.

    The lease is counted on a clock that goes on while the machine sleeps, from
    before the request that renewed it was sent, so that it ends here first.
    """

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self._tables = tables
        self._clock = clock
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
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
        numbers = random.sample(range(_WORKERS), _WORKERS)
        for number in numbers:
            began_ns = _native.boottime_ns()
            held = await self._tables.apply(
                f"INSERT INTO leases (name, holder) VALUES (?, ?) IF NOT EXISTS USING TTL {_LEASE_S + int(_SKEW_S)}",
                f"worker-{number}",
                self._holder,
            )
            if held is None or held["holder"] == self._holder:
                self.worker = number
                self._snowflake = _native.Snowflake(number)
                self._snowflake.lease_until(began_ns + _LEASE_S * 1_000_000_000)
                return number
        raise Unavailable(
            f"all {_WORKERS} worker numbers of the {self._tables.name} tables are leased", retry_after_s=30
        )

    async def keep(self) -> None:
        """Renew the lease until cancelled; one that was lost is replaced by another number."""
        while True:
            await asyncio.sleep(_RENEW_EVERY_S)
            try:
                await self._renew()
            except AviaryError as error:
                _log.warning("lease_not_renewed", extra={"worker": self.worker, "error": error.message})

    async def release(self) -> None:
        """Give the number back; its next holder still mints above what was minted here, for time has passed."""
        self._snowflake = None
        if self.worker is not None:
            await self._tables.apply("DELETE FROM leases WHERE name = ? IF holder = ?", self._name(), self._holder)

    async def _renew(self) -> None:
        began_ns = _native.boottime_ns()
        lost = await self._tables.apply(
            f"UPDATE leases USING TTL {_LEASE_S + int(_SKEW_S)} SET holder = ? WHERE name = ? IF holder = ?",
            *(self._holder, self._name(), self._holder),
        )
        if lost is not None:
            _log.error("lease_lost", extra={"worker": self.worker})
            self._snowflake = None
            await self.acquire()
        elif self._snowflake is not None:
            self._snowflake.lease_until(began_ns + _LEASE_S * 1_000_000_000)

    def _name(self) -> str:
        return f"worker-{self.worker}"
