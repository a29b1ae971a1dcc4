"""The front's server in this process: the core answers hot reads, the handlers behind it every other call."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from aviary._native import Clock, DenyList, Front, FrontServer, Miss, RateLimits
from aviary.errors import AviaryError
from aviary.rpc.call import User
from aviary.rpc.limits import limits_of
from aviary.rpc.status import INTERNAL, to_status
from aviary.settings import Settings

_log = logging.getLogger("aviary.front")
_MANY = 4_096
_OUTCOMES = ("held", "filled", "passed_on", "panicked")

# Puts for a viewer what a page misses.
Fill = Callable[[int, Miss], Awaitable[None]]


class FrontGate:
    """Listens where callers connect, and passes on what is not its own to the server behind it."""

    def __init__(
        self,
        front: Front,
        fill: Fill,
        settings: Settings,
        *,
        denied: DenyList,
        limits: RateLimits,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._fill = fill
        requests = limits_of(settings).get("requests")
        self._server = FrontServer(
            front,
            denied=denied,
            limits=limits,
            limit=(requests.name, requests.count, requests.window_s) if requests else None,
            clock=clock,
            deadline_ms=settings.deadline_ms,
            traces=bool(settings.otlp_endpoint),
            max_streams=settings.max_concurrent_calls,
            internal=to_status(AviaryError(INTERNAL)).SerializeToString(),
            threads=settings.front_threads,
        )
        # The port of the handlers, whom nobody but this calls.
        self.behind = 0
        self._filling: set[asyncio.Task[None]] = set()
        registry.register(_Calls(self._server))

    def start(self, host: str, port: int, *, behind: int) -> int:
        """Listen, and pass on to the port `behind` of this machine. Raises OSError when the port is taken."""
        bound = self._server.start(host, port, behind)
        self.behind = behind
        asyncio.get_running_loop().add_reader(self._server.bell(), self._take)
        return bound

    async def stop(self, grace_s: float) -> None:
        """Take no more connections and let the calls under way finish."""
        await asyncio.to_thread(self._server.stop, grace_s)
        asyncio.get_running_loop().remove_reader(self._server.bell())
        for task in self._filling:
            task.cancel()
        await asyncio.gather(*self._filling, return_exceptions=True)

    def answered(self, method: str) -> Mapping[str, int]:
        """How many calls were `held`, `filled`, `passed_on` and `panicked`."""
        told = self._server.stats()[method]
        return {how: told[how] for how in _OUTCOMES}

    def know(self, token: str, user: User, expires_s: float) -> None:
        """Take a person's token for verified until it expires."""
        self._server.know_token(token, user.user_id, user.session_id, expires_s)

    def _take(self) -> None:
        os.read(self._server.bell(), _MANY)
        for ticket, viewer_id, miss in self._server.take_misses():
            task = asyncio.ensure_future(self._put(ticket, viewer_id, miss))
            self._filling.add(task)
            task.add_done_callback(self._filling.discard)

    async def _put(self, ticket: int, viewer_id: int, miss: Miss) -> None:
        is_put = False
        try:
            await self._fill(viewer_id, miss)
            is_put = True
        except AviaryError:
            # The handlers, who are asked then, meet it again and say why.
            pass
        except Exception:  # noqa: BLE001 - the handlers say what it is
            _log.exception("front_not_filled")
        finally:
            self._server.filled(ticket, is_put)


class _Calls(Collector):
    """What the front answered, as Prometheus asks for it."""

    def __init__(self, server: FrontServer) -> None:
        self._server = server

    def collect(self) -> list[CounterMetricFamily | HistogramMetricFamily]:
        # Many passed on: viewers with muted words, polls, deep pages. Many filled: too little memory, or much changes.
        outcomes = CounterMetricFamily(
            "aviary_front_calls",
            "Hot reads by method and how they were answered: held, filled, passed_on, panicked.",
            labels=["method", "how"],
        )
        seconds = HistogramMetricFamily(
            "aviary_front_call_seconds", "Seconds of hot reads that the front answered, by method.", labels=["method"]
        )
        for method, told in self._server.stats().items():
            for how in _OUTCOMES:
                outcomes.add_metric([method, how], told[how])
            seconds.add_metric([method], _cumulated(told["bounds_us"], told["buckets"]), told["total_us"] / 1e6)
        return [outcomes, seconds]


def _cumulated(bounds_us: list[int], counts: list[int]) -> list[tuple[str, float]]:
    total, found = 0, list[tuple[str, float]]()
    for bound, count in zip([*(str(bound / 1e6) for bound in bounds_us), "+Inf"], counts, strict=True):
        total += count
        found.append((bound, total))
    return found
