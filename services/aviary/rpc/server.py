"""The gRPC server: one way to start one, for every service and both profiles."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from aviary.errors import AviaryError, InvalidInput, RateLimited, Unavailable
from aviary.rpc import ready as ready_json
from aviary.rpc.call import Call
from aviary.rpc.callers import GATEWAY
from aviary.rpc.desk import Desk, Route
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.front import FrontGate
from aviary.rpc.method import Method
from aviary.rpc.readiness import Check, Readiness
from aviary.rpc.status import to_status
from aviary.rpc.tls import Certificates, caller_of
from aviary.settings import Settings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_METADATA_BYTES = 80 * 1024
# What the front adds to that.
_TOLD_BYTES = 4 * 1024
_UNBOUNDED = 2**31 - 1
# How often a client asks a silent connection for a sign of life. A server ends connections that ask too often.
KEEPALIVE_MS = 30_000
# The health of the process itself, whatever its stores do; "" and each service's name tell of both.
LIVE = "live"

# Subscriptable in the stubs alone.
Context = "grpc.aio.ServicerContext[Message, Message]"


class RpcServer:
    """Serves a dispatcher's methods with health and reflection, and drains when it stops.

    With `certificates` every client needs one, and is whom it names. After
    `ready` it says SERVING as long as the `ready_checks` pass. With a `front`,
    that listens where callers connect, asks for their certificates and says
    whom they name, and this is behind it on a port of its own.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        settings: Settings,
        *,
        certificates: Certificates | None = None,
        ready_checks: Sequence[Check] = (),
        front: FrontGate | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._certificates = certificates
        self._front = front
        self._readiness = Readiness(ready_checks)
        self._probing: asyncio.Task[None] | None = None
        self._health = HealthServicer()
        self._in_flight = 0
        self._server = grpc.aio.server(
            options=_options(settings, is_behind=front is not None), interceptors=[front.guard()] if front else []
        )
        self.port = 0

    @property
    def is_ready(self) -> bool:
        """Whether a balancer should send calls here; being alive is another question."""
        return self._probing is not None and self._readiness.is_ready

    async def start(self) -> int:
        """Bind the port and serve; returns it. The server is alive from here on, and not healthy before `ready`."""
        handlers: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
        for method in self._dispatcher.methods:
            typed = self._handler(method, method.response.SerializeToString)
            handlers.setdefault(method.service, {})[method.name] = typed
        by_service = list(handlers)
        for method in self._dispatcher.methods:
            if method.ready_json and self._settings.front_on:
                ready = self._handler(method, ready_json.serializer_of(method.response))
                handlers.setdefault(method.ready_service, {})[method.name] = ready
        for service, methods in handlers.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*by_service, "grpc.health.v1.Health", reflection.SERVICE_NAME], self._server
        )
        listen, port = self._settings.listen, self._settings.grpc_port
        # Tried beforehand, because gRPC's core prints lines of its own about a port that it cannot have.
        _must_be_free(listen, port)
        self.port = self._bind("127.0.0.1", 0, None) if self._front else self._bind(listen, port, self._certificates)
        await self._set_health(is_ready=False)
        await self._health.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()
        if self._front:
            self.port = await self._put_in_front(self._front, listen, port)
        return self.port

    async def _put_in_front(self, front: FrontGate, host: str, port: int) -> int:
        try:
            return front.start(host, port, behind=self.port, desk=self._desk(front))
        except (OSError, Unavailable) as error:
            await self._server.stop(None)
            raise (_unbound(host, port, error) if isinstance(error, OSError) else error) from None

    def _desk(self, front: FrontGate) -> Desk:
        """What the front hands over within the process: every call with one answer."""
        unary = [method for method in self._dispatcher.methods if not method.streams]
        routes = [Route(method.path, method, method.response.SerializeToString) for method in unary]
        for method in unary:
            if method.ready_json:
                path = f"/{method.ready_service}/{method.name}"
                routes.append(Route(path, method, ready_json.serializer_of(method.response)))

        def arrive(method: Method, metadata: dict[str, str], left_s: float | None) -> Call:
            return self._arrived(method, metadata, left_s, *front.told(metadata))

        return Desk(routes, arrive=arrive, serve=self._serve)

    def _bind(self, host: str, port: int, certificates: Certificates | None) -> int:
        address = f"[{host}]" if ":" in host else host
        if certificates:
            return self._server.add_secure_port(f"{address}:{port}", certificates.server())
        return self._server.add_insecure_port(f"{address}:{port}")

    async def ready(self) -> None:
        """Say SERVING, and from now on whatever the checks say."""
        await self._set_health(is_ready=True)
        self._probing = asyncio.create_task(self._readiness.run(lambda is_ready: self._set_health(is_ready=is_ready)))

    async def stop(self) -> None:
        """Say NOT_SERVING, let the calls under way finish within the drain time, then close.

        In a cluster new calls are served until the balancers have had time to hear of it.
        """
        if self._probing:
            self._probing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probing
            self._probing = None
        await self._set_health(is_ready=False)
        if self._settings.profile == "cluster":
            await asyncio.sleep(self._settings.drain_notice_s)
        if self._front:
            await self._front.stop(self._settings.drain_s)
        await self._server.stop(self._settings.drain_s)

    async def _set_health(self, *, is_ready: bool) -> None:
        serving = health_pb2.HealthCheckResponse.SERVING
        status = serving if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ["", *{method.service for method in self._dispatcher.methods}]:
            await self._health.set(service, status)

    def _handler(self, method: Method, serializer: Callable[[Any], bytes]) -> grpc.RpcMethodHandler[Any, Any]:
        kind = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        behaviour: Callable[..., Any] = self._stream(method) if method.streams else self._unary(method)
        return kind(
            behaviour,
            # As it came: what cannot be read is refused inside, as every other bad input is.
            request_deserializer=None,
            response_serializer=serializer,
        )

    def _unary(self, method: Method) -> Callable[[bytes, Any], Awaitable[Message]]:
        async def serve(raw: bytes, context: Any) -> Message:  # noqa: ANN401 - see Context
            call = self._call(method, context)
            try:
                answer = await self._serve(method, raw, call)
                if call.headers:
                    await context.send_initial_metadata(tuple(call.headers.items()))
                return answer
            except AviaryError as error:
                await _refuse(context, call, error)
                raise

        return serve

    async def _serve(self, method: Method, raw: bytes, call: Call) -> Message:
        """Serve a call with one answer; of an error `call.headers` tell when to come back."""
        try:
            self._admit()
            return await self._dispatcher.unary(_read(method, raw), call)
        except AviaryError as error:
            _say_when(call, error)
            raise
        finally:
            self._in_flight -= 1

    def _stream(self, method: Method) -> Callable[[bytes, Any], AsyncIterator[Message]]:
        async def serve(raw: bytes, context: Any) -> AsyncIterator[Message]:  # noqa: ANN401 - see Context
            call = self._call(method, context)
            has_begun = False
            try:
                self._admit()
                async for answer in self._dispatcher.stream(_read(method, raw), call):
                    if call.headers and not has_begun:
                        await context.send_initial_metadata(tuple(call.headers.items()))
                    has_begun = True
                    yield answer
            except AviaryError as error:
                _say_when(call, error)
                await _refuse(context, call, error, has_begun=has_begun)
            finally:
                self._in_flight -= 1

        return serve

    def _admit(self) -> None:
        # Refusing early keeps the calls that were let in within their deadlines.
        self._in_flight += 1
        if self._in_flight > self._settings.max_concurrent_calls:
            raise RateLimited(
                f"{self._settings.max_concurrent_calls} calls are in flight, which is the limit", retry_after_s=1
            )

    def _call(self, method: Method, context: Any) -> Call:  # noqa: ANN401 - see Context
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        name, peer = self._front.told(metadata) if self._front else _seen(context)
        return self._arrived(method, metadata, context.time_remaining(), name, peer)

    def _arrived(self, method: Method, metadata: Mapping[str, str], left_s: float | None, name: str, peer: str) -> Call:
        certificate = name if self._certificates else None
        default_s = (method.deadline_ms or self._settings.deadline_ms) / 1000
        return Call(
            method=method,
            metadata=metadata,
            deadline=time.monotonic() + (default_s if left_s is None else min(left_s, default_s)),
            from_network=True,
            certificate=certificate,
            # The gateway is the only one that may name another address than its own; it strips what clients send.
            address=(metadata.get("x-aviary-address") if certificate in {None, GATEWAY} else None) or peer,
        )


def _must_be_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise _unbound(host, port, error) from None


def _options(settings: Settings, *, is_behind: bool) -> Sequence[tuple[str, int]]:
    metadata_bytes = MAX_METADATA_BYTES + (_TOLD_BYTES if is_behind else 0)
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        # One connection behind a front has all callers' streams: there a call too many is refused, and doesn't wait.
        ("grpc.max_concurrent_streams", _UNBOUNDED if is_behind else settings.max_concurrent_calls),
        # Beyond its soft limit, 8 KiB unless told, gRPC refuses at random. The gateway's limit lies below.
        ("grpc.max_metadata_size", metadata_bytes),
        ("grpc.absolute_max_metadata_size", metadata_bytes),
        # Half of what clients keep to, for clocks differ; else they would be told too_many_pings and cut off.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", KEEPALIVE_MS // 2),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    if settings.profile == "cluster" and not is_behind:
        # Calls under way on an old connection have as long as they need.
        options.append(("grpc.max_connection_age_ms", settings.connection_age_s * 1_000))
    return options


def _unbound(host: str, port: int, error: OSError) -> Unavailable:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(f"port {port} for gRPC is taken; choose another with AVIARY_GRPC_PORT")
    return Unavailable(f"gRPC cannot listen on {host}:{port}: {error.strerror}; see AVIARY_LISTEN and AVIARY_GRPC_PORT")


def _read(method: Method, raw: bytes) -> Message:
    try:
        return method.request.FromString(raw)
    except DecodeError:
        raise InvalidInput(f"the request is no {method.request.DESCRIPTOR.full_name}") from None


def _say_when(call: Call, error: AviaryError) -> None:
    if error.retry_after_s is not None:
        call.headers.setdefault("retry-after", str(math.ceil(error.retry_after_s)))


async def _refuse(context: Any, call: Call, error: AviaryError, *, has_begun: bool = False) -> None:  # noqa: ANN401 - see Context
    try:
        # Headers go before the first message; after it the details alone say when to come back.
        if call.headers and not has_begun:
            await context.send_initial_metadata(tuple(call.headers.items()))
        await context.abort_with_status(rpc_status.to_status(to_status(error)))
    except grpc.aio.InternalError:
        # Whoever asked has left: a deadline passes on both sides at once. Else gRPC would log a fault of ours.
        raise asyncio.CancelledError from None


def _seen(context: Any) -> tuple[str, str]:  # noqa: ANN401 - see Context
    """Whom the connection's certificate names, and where it comes from."""
    return caller_of(context.auth_context()), context.peer().rsplit(":", 1)[0].removeprefix("ipv4:").removeprefix(
        "ipv6:"
    )
