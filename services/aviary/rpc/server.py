"""The gRPC server: one way to start one, for every service and both profiles."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from grpc_status import rpc_status

from aviary.errors import AviaryError, InvalidInput, RateLimited, Unavailable
from aviary.rpc.call import Call
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.method import Method
from aviary.rpc.status import to_status
from aviary.settings import Settings

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_METADATA_BYTES = 80 * 1024

# Subscriptable in the stubs alone.
Context = "grpc.aio.ServicerContext[Message, Message]"


class RpcServer:
    """Serves a dispatcher's methods with health and reflection, and drains when it stops."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._health = HealthServicer()
        self._in_flight = 0
        self._server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_concurrent_streams", settings.max_concurrent_calls),
                # Beyond its soft limit, 8 KiB unless told, gRPC refuses at random. The gateway's limit lies below.
                ("grpc.max_metadata_size", MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
            ],
        )
        self.port = 0

    async def start(self) -> int:
        """Bind the loopback port and serve; returns the port. The server is not healthy before `ready`."""
        by_service: dict[str, list[Method]] = {}
        for method in self._dispatcher.methods:
            by_service.setdefault(method.service, []).append(method)
        for service, methods in by_service.items():
            handlers = {method.name: self._handler(method) for method in methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            [*by_service, "grpc.health.v1.Health", reflection.SERVICE_NAME], self._server
        )
        self.port = self._bind(self._settings.grpc_port)
        await self._set_health(by_service, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.start()
        return self.port

    def _bind(self, port: int) -> int:
        # Tried beforehand, because gRPC's core prints lines of its own about a port that it cannot have.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise Unavailable(f"port {port} for gRPC is taken; choose another with AVIARY_GRPC_PORT") from None
        return self._server.add_insecure_port(f"127.0.0.1:{port}")

    async def ready(self) -> None:
        services = {method.service for method in self._dispatcher.methods}
        await self._set_health(services, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Say NOT_SERVING, let the calls under way finish within the drain time, then close."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(self._settings.drain_s)

    async def _set_health(self, services: Iterable[str], status: Any) -> None:  # noqa: ANN401 - an enum of generated code
        for service in ["", *services]:
            await self._health.set(service, status)

    def _handler(self, method: Method) -> grpc.RpcMethodHandler[Any, Any]:
        kind = grpc.unary_stream_rpc_method_handler if method.streams else grpc.unary_unary_rpc_method_handler
        behaviour: Callable[..., Any] = self._stream(method) if method.streams else self._unary(method)
        return kind(
            behaviour,
            # As it came: what cannot be read is refused inside, as every other bad input is.
            request_deserializer=None,
            response_serializer=method.response.SerializeToString,
        )

    def _unary(self, method: Method) -> Callable[[bytes, Any], Awaitable[Message]]:
        async def serve(raw: bytes, context: Any) -> Message:  # noqa: ANN401 - see Context
            call = self._call(method, context)
            try:
                self._admit()
                answer = await self._dispatcher.unary(_read(method, raw), call)
                if call.headers:
                    await context.send_initial_metadata(tuple(call.headers.items()))
                return answer
            except AviaryError as error:
                await _refuse(context, call, error)
                raise
            finally:
                self._in_flight -= 1

        return serve

    def _stream(self, method: Method) -> Callable[[bytes, Any], AsyncIterator[Message]]:
        async def serve(raw: bytes, context: Any) -> AsyncIterator[Message]:  # noqa: ANN401 - see Context
            call = self._call(method, context)
            try:
                self._admit()
                has_begun = False
                async for answer in self._dispatcher.stream(_read(method, raw), call):
                    if call.headers and not has_begun:
                        await context.send_initial_metadata(tuple(call.headers.items()))
                    has_begun = True
                    yield answer
            except AviaryError as error:
                await _refuse(context, call, error)
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
        left_s = context.time_remaining()
        default_s = (method.deadline_ms or self._settings.deadline_ms) / 1000
        return Call(
            method=method,
            metadata=metadata,
            deadline=time.monotonic() + (default_s if left_s is None else min(left_s, default_s)),
            from_network=True,
            address=_address(metadata, context.peer()),
        )


def _read(method: Method, raw: bytes) -> Message:
    try:
        return method.request.FromString(raw)
    except DecodeError:
        raise InvalidInput(f"the request is no {method.request.DESCRIPTOR.full_name}") from None


async def _refuse(context: Any, call: Call, error: AviaryError) -> None:  # noqa: ANN401 - see Context
    if error.retry_after_s is not None:
        call.headers.setdefault("retry-after", str(math.ceil(error.retry_after_s)))
    if call.headers:
        await context.send_initial_metadata(tuple(call.headers.items()))
    await context.abort_with_status(rpc_status.to_status(to_status(error)))


def _address(metadata: dict[str, str], peer: str) -> str:
    # The gateway is the only one that may name another address than its own; it strips what clients send.
    return metadata.get("x-aviary-address") or peer.rsplit(":", 1)[0].removeprefix("ipv4:").removeprefix("ipv6:")
