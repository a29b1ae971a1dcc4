"""The connections of one service to another: a channel for each address, made anew when the certificates change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from aviary.rpc.addresses import Address
from aviary.rpc.method import Method
from aviary.rpc.server import KEEPALIVE_MS, MAX_MESSAGE_BYTES, MAX_METADATA_BYTES
from aviary.rpc.tls import Certificates, Material, host_of

# Watched on each connection, so that a replica that drains or has lost its stores is left out at once.
_SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}})
_OPTIONS: Sequence[tuple[str, Any]] = [
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A replica that comes back, and a name that has a new address, are found within seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    # Who calls and with which certificate is the channel's, also where two services share a process.
    ("grpc.use_local_subchannel_pool", 1),
]
_LOOK_EVERY_S = 1.0


@dataclass(slots=True, eq=False)
class Line:
    """One channel, with its calls by path and how many of them are under way."""

    channel: grpc.aio.Channel
    calls: dict[str, Any] = field(default_factory=dict)
    in_flight: int = 0
    is_retired: bool = False

    def call(self, method: Method) -> Any:  # noqa: ANN401 - unary or stream, as the method is
        """What makes a call of `method` here."""
        found = self.calls.get(method.path)
        if found is None:
            connect = self.channel.unary_stream if method.streams else self.channel.unary_unary
            found = self.calls[method.path] = connect(
                method.path,
                request_serializer=_serialized,
                response_deserializer=method.response.FromString,
            )
        return found


class Connections:
    """The lines from the service `name` to all addresses of the service `target`, taken in turn."""

    def __init__(
        self, target: str, addresses: Sequence[Address], *, name: str, certificates: Certificates | None
    ) -> None:
        self._target = target
        self._addresses = addresses
        self._name = name
        self._certificates = certificates
        self._material: Material | None = None
        self._lines: list[Line] = []
        self._next = 0
        self._look_at = 0.0

    @property
    def has_others(self) -> bool:
        """Whether there may be more than one replica; a second call to the same one would only add to its work."""
        return len(self._addresses) > 1 or not all(each.is_one_replica for each in self._addresses)

    @asynccontextmanager
    async def line(self, avoiding: Collection[Line] = ()) -> AsyncIterator[Line]:
        """The next line that is not known to be broken, another one than those of `avoiding` if there is one."""
        line = await self._pick(avoiding)
        line.in_flight += 1
        try:
            yield line
        finally:
            line.in_flight -= 1
            if line.is_retired and not line.in_flight:
                # Shielded: it may be the last call's cancellation that brought us here.
                await asyncio.shield(line.channel.close())

    async def close(self) -> None:
        for line in self._lines:
            await line.channel.close()
        self._lines = []

    async def _pick(self, avoiding: Collection[Line]) -> Line:
        await self._renew()
        # A second try takes nobody's turn: else who is avoided would be the first choice each time.
        self._next += not avoiding
        turn = self._next % len(self._lines)
        in_turn = self._lines[turn:] + self._lines[:turn]
        others = [line for line in in_turn if line not in avoiding] or in_turn
        return next((line for line in others if not _is_broken(line)), others[0])

    async def _renew(self) -> None:
        now = time.monotonic()
        if self._lines and now < self._look_at:
            return
        self._look_at = now + _LOOK_EVERY_S
        material = self._certificates.material(self._name) if self._certificates else None
        if self._lines and material is self._material:
            return
        retired, self._material = self._lines, material
        self._lines = [Line(self._connect(address)) for address in self._addresses]
        for line in retired:
            line.is_retired = True
        for line in retired:
            if not line.in_flight:
                await line.channel.close()

    def _connect(self, address: Address) -> grpc.aio.Channel:
        target = f"dns:///{address}"
        if self._material is None:
            return grpc.aio.insecure_channel(target, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(self._material.authority, self._material.key, self._material.chain)
        named = ("grpc.ssl_target_name_override", host_of(self._target))
        return grpc.aio.secure_channel(target, credentials, options=[*_OPTIONS, named])


def _is_broken(line: Line) -> bool:
    return line.channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.TRANSIENT_FAILURE


def _serialized(request: Message) -> bytes:
    return request.SerializeToString()
