"""The ways from each service to the others: within the process where the other runs here, over the network else."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

import grpc.aio

from aviary.errors import InvalidInput
from aviary.metrics import Metrics
from aviary.rpc.addresses import addresses
from aviary.rpc.bounds import Bounds
from aviary.rpc.callers import called_by
from aviary.rpc.connections import Connections
from aviary.rpc.dispatch import Dispatcher
from aviary.rpc.local import LocalChannel
from aviary.rpc.method import group_of
from aviary.rpc.remote import RemoteChannel
from aviary.rpc.stubs import StubChannel
from aviary.rpc.tls import Certificates
from aviary.settings import Settings

# Sign for a service by name where certificates don't; a token holds for longer than it is kept.
Tokens = Callable[[str], str]
_TOKEN_KEPT_S = 300.0


class Channels:
    """What the services of one process reach each other and all others by."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        served: Collection[str],
        settings: Settings,
        metrics: Metrics,
        certificates: Certificates | None = None,
        tokens: Tokens | None = None,
    ) -> None:
        """`served` are the services of this process, as operators name them.

        Raises InvalidInput when one of them calls a service that is neither
        here nor has an address. `tokens` count only without `certificates`.
        """
        self._dispatcher = dispatcher
        self._served = frozenset(served)
        self._addresses = addresses(settings.services)
        self._bounds = Bounds.of(settings)
        self._metrics = metrics
        self._certificates = certificates
        self._tokens = None if certificates else tokens
        self._remote: dict[tuple[str, str], RemoteChannel] = {}
        for name in sorted(self._served):
            for target in sorted(called_by(name) - self._served - self._addresses.keys()):
                raise InvalidInput(f"AVIARY_SERVICES has no address of {target}, which {name} calls")

    def channel(self, name: str) -> grpc.aio.Channel:
        """The way from the service `name` to all others."""
        local = LocalChannel(self._dispatcher, name=name, deadline_s=self._bounds.deadline_s)
        return _EitherChannel(lambda service: local if service in self._served else self.to(service, name=name))

    def to(self, target: str, *, name: str) -> RemoteChannel:
        """The way over the network from `name` to one service, one for all who ask."""
        if target not in self._addresses:
            raise InvalidInput(f"AVIARY_SERVICES has no address of {target}, which {name} calls")
        if (name, target) not in self._remote:
            self._remote[name, target] = RemoteChannel(
                target,
                Connections(target, self._addresses[target], name=name, certificates=self._certificates),
                bounds=self._bounds,
                metrics=self._metrics,
                token=_kept(self._tokens, name) if self._tokens else None,
            )
        return self._remote[name, target]

    async def close(self) -> None:
        """End all connections; calls under way fail."""
        for channel in self._remote.values():
            await channel.close()


class _EitherChannel(StubChannel):
    """For each method the channel of the service that has it."""

    def __init__(self, choose: Callable[[str], grpc.aio.Channel]) -> None:
        self._choose = choose

    def unary_unary(self, method: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        return self._of(method).unary_unary(method, *args, **kwargs)

    def unary_stream(self, method: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        return self._of(method).unary_stream(method, *args, **kwargs)

    def _of(self, method: str) -> grpc.aio.Channel:
        service, _, _ = method.removeprefix("/").partition("/")
        return self._choose(group_of(service))


def _kept(tokens: Tokens, name: str) -> Callable[[], str]:
    kept, until = "", 0.0

    def token() -> str:
        nonlocal kept, until
        if time.monotonic() >= until:
            kept, until = tokens(name), time.monotonic() + _TOKEN_KEPT_S
        return kept

    return token
