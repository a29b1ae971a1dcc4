"""The front's server in this process: the core answers hot reads, the handlers behind it every other call."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any, Protocol

import grpc
import grpc.aio
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

from aviary import _native
from aviary._native import Clock, DenyList, Front, FrontServer, Miss
from aviary.api.timelines.v1 import timelines_pb2
from aviary.api.tweets.v1 import tweets_pb2
from aviary.errors import AviaryError, Unavailable
from aviary.rpc.call import User
from aviary.rpc.callers import callers_of
from aviary.rpc.desk import Desk
from aviary.rpc.limits import Limit, RateLimits, Usage, limits_of
from aviary.rpc.method import methods_of
from aviary.rpc.status import INTERNAL, to_status
from aviary.rpc.tls import Certificates, named, uri_of
from aviary.settings import Settings

_log = logging.getLogger("aviary.front")
_MANY = 4_096
# Of calls that are freshened together.
_AT_ONCE = 128
_OUTCOMES = ("held", "filled", "passed_on", "panicked")
_HOT = ("GetHomeTimeline", "GetUserTimeline", "GetTweet")
# What the front tells the handlers in place of whatever a caller wrote there: that it is the front, the URI in the
# caller's certificate, and where the caller's connection comes from.
SECRET, CALLER, PEER = "x-aviary-front", "x-aviary-caller", "x-aviary-peer"
# Whoever connects must have shown a certificate within this time.
HANDSHAKE_MS = 10_000
# In a fleet: how often a silent connection is asked for a sign of life; without one in as long again it ends.
PING_MS = 30_000
_LOOK_EVERY_S = 1.0

# Puts for a viewer what a page misses.
Fill = Callable[[int, Miss], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Stale:
    """A call that waits until what is held is as fresh as the stores."""

    viewer_id: int
    home: bool


class Freshness(Protocol):
    """Keeps a front as fresh as the stores where other processes write."""

    async def freshen(self, calls: Sequence[Stale]) -> Sequence[Usage | None]:
        """Make what is held as fresh as at this moment, and take a unit of each caller's limit on requests, if any.

        Raises Unavailable when nobody knows how fresh it is.
        """


class FrontGate:
    """Listens where callers connect, and passes on what is not its own to the server behind it.

    With `certificates` every caller needs one. Whom it names only the front
    sees, and tells the handlers under a secret that nobody else knows.
    """

    def __init__(
        self,
        front: Front,
        fill: Fill,
        settings: Settings,
        *,
        denied: DenyList,
        limits: RateLimits,
        freshness: Freshness | None,
        clock: Clock,
        registry: CollectorRegistry,
        certificates: Certificates | None = None,
    ) -> None:
        self._fill = fill
        self._limits = limits
        self._freshness = freshness
        self._certificates = certificates
        self._secret = token_urlsafe(32)
        self._limit = requests = limits_of(settings).get("requests")
        self._server = FrontServer(
            front,
            denied=denied,
            limits=_windows(limits),
            limit=(requests.name, requests.count, requests.window_s) if requests else None,
            clock=clock,
            deadline_ms=settings.deadline_ms,
            is_shared=freshness is not None,
            traces=bool(settings.otlp_endpoint),
            max_streams=settings.max_concurrent_calls,
            internal=to_status(AviaryError(INTERNAL)).SerializeToString(),
            threads=settings.front_threads,
            secret=self._secret,
            readers={uri_of(name) for name in _readers()},
            handshake_ms=HANDSHAKE_MS,
            upkeep_ms=(settings.connection_age_s * 1_000, PING_MS) if settings.profile == "cluster" else None,
        )
        # The port of the handlers, whom nobody but this calls.
        self.behind = 0
        self._desk: Desk | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._stale: list[tuple[int, Stale]] = []
        self._freshening = False
        registry.register(_Calls(self._server))

    def start(self, host: str, port: int, *, behind: int, desk: Desk) -> int:
        """Listen; `desk` serves what it can, the port `behind` of this machine the rest.

        Raises OSError when the port is taken, and Unavailable for certificates that it cannot use.
        """
        shown = self._certificates.shown() if self._certificates else None
        if shown:
            try:
                self._server.trust(*shown)
            except ValueError as error:
                raise Unavailable(f"the front cannot use the certificates of AVIARY_TLS_DIR: {error}") from None
        self._desk = desk
        self._server.open_desk(desk.paths)
        bound = self._server.start(host, port, behind)
        if self._certificates:
            self._renewing = asyncio.ensure_future(self._renew(self._certificates, shown))
        self.behind = behind
        asyncio.get_running_loop().add_reader(self._server.bell(), self._take)
        return bound

    async def stop(self, grace_s: float) -> None:
        """Take no more connections and let the calls under way finish."""
        await asyncio.to_thread(self._server.stop, grace_s)
        asyncio.get_running_loop().remove_reader(self._server.bell())
        if self._desk is not None:
            await self._desk.close()
        ending = [*self._tasks, *([self._renewing] if self._renewing else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    @property
    def proof(self) -> tuple[str, str]:
        """The metadata that lets a call in behind the front."""
        return SECRET, self._secret

    def guard(self) -> grpc.aio.ServerInterceptor:
        """What keeps everybody but the front out of the server behind it, whatever they ask."""
        return _Guard(self._secret)

    def told(self, metadata: dict[str, str]) -> tuple[str, str]:
        """Take out of a call's metadata what the front says: whom the caller's certificate names, and the address."""
        metadata.pop(SECRET, None)
        return named(metadata.pop(CALLER, "")), metadata.pop(PEER, "")

    def answered(self, method: str) -> Mapping[str, int]:
        """How many calls were `held`, `filled`, `passed_on` and `panicked`."""
        told = self._server.stats()[method]
        return {how: told[how] for how in _OUTCOMES}

    def know(self, token: str, user: User, expires_s: float) -> None:
        """Take a person's token for verified until it expires."""
        self._server.know_token(token, user.user_id, user.session_id, expires_s)

    async def _renew(self, certificates: Certificates, shown: object) -> None:
        """Show what the files hold, and take whom the authorities signed for that are in force."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            found = certificates.shown()
            if found == shown:
                continue
            shown = found
            try:
                self._server.trust(*found)
            except ValueError as error:
                _log.warning("front_certificate_kept", extra={"why": str(error)})

    def _take(self) -> None:
        os.read(self._server.bell(), _MANY)
        if self._desk is not None:
            self._desk.take(self._server)
        for ticket, viewer_id, miss in self._server.take_misses():
            self._start(self._put(ticket, viewer_id, miss))
        if self._freshness is not None:
            stale = self._server.take_stale()
            self._stale += [(ticket, Stale(viewer_id, home)) for ticket, viewer_id, home in stale]
            if self._stale and not self._freshening:
                self._freshening = True
                self._start(self._freshen(self._freshness))
            if self._limit is not None:
                for viewer_id, token in self._server.take_refunds():
                    self._start(self._refund(self._limit, viewer_id, token))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _freshen(self, freshness: Freshness) -> None:
        """Freshen what waits, all of it at once; what comes meanwhile goes next, for it must be fresh by then."""
        try:
            while some := self._stale[:_AT_ONCE]:
                del self._stale[:_AT_ONCE]
                usages: Sequence[Usage | None] | None = None
                try:
                    usages = await freshness.freshen([stale for _, stale in some])
                except AviaryError:
                    # The handlers answer without; what is missing they say.
                    pass
                except Exception:  # noqa: BLE001 - whatever it is, the handlers answer
                    _log.exception("front_not_freshened")
                for place, (ticket, _) in enumerate(some):
                    self._answer(ticket, usages[place] if usages else None, is_fresh=usages is not None)
        finally:
            self._freshening = False

    def _answer(self, ticket: int, usage: Usage | None, *, is_fresh: bool) -> None:
        if usage is None:
            self._server.freshened(ticket, None, is_fresh=is_fresh)
        else:
            # Nothing is left: that, too, the handlers say.
            left = (max(usage.remaining, 0), usage.reset_s, usage.token)
            self._server.freshened(ticket, left, is_fresh=usage.allowed)

    async def _refund(self, limit: Limit, viewer_id: int, token: int) -> None:
        await self._limits.refund(limit, str(viewer_id), token)

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


def _windows(limits: RateLimits) -> _native.RateLimits | None:
    """The windows that the core counts in itself; None where all processes of a fleet count together."""
    core = getattr(limits, "core", None)
    return core if isinstance(core, _native.RateLimits) else None


class _Guard(grpc.aio.ServerInterceptor):
    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._refusal: grpc.RpcMethodHandler[Any, Any] = grpc.stream_stream_rpc_method_handler(_refuse)

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:  # noqa: ANN401 - as grpc has it
        for key, value in handler_call_details.invocation_metadata:
            if key == SECRET and isinstance(value, str) and hmac.compare_digest(value.encode(), self._secret):
                return await continuation(handler_call_details)
        return self._refusal


async def _refuse(_requests: object, context: Any) -> None:  # noqa: ANN401 - see _Guard
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "this port is for the front of this process alone")


def _readers() -> set[str]:
    services = [
        *timelines_pb2.DESCRIPTOR.services_by_name.values(),
        *tweets_pb2.DESCRIPTOR.services_by_name.values(),
    ]
    return callers_of(method for service in services for method in methods_of(service) if method.name in _HOT)


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
        # Strangers, scanners, and services whose certificates have expired.
        refused = CounterMetricFamily(
            "aviary_front_refused_connections", "Connections that ended before a good certificate was shown."
        )
        refused.add_metric([], self._server.refused())
        return [outcomes, seconds, refused]


def _cumulated(bounds_us: list[int], counts: list[int]) -> list[tuple[str, float]]:
    total, found = 0, list[tuple[str, float]]()
    for bound, count in zip([*(str(bound / 1e6) for bound in bounds_us), "+Inf"], counts, strict=True):
        total += count
        found.append((bound, total))
    return found
