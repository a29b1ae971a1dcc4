"""The part of gRPC's channel that is the same whichever way a stub's calls go."""

from __future__ import annotations

from typing import Any, Self

import grpc
import grpc.aio


class StubChannel(grpc.aio.Channel):
    """What a generated stub is given; it asks for its methods once, and for nothing else."""

    def stream_unary(self, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        raise NotImplementedError("Aviary has no client streams")

    def stream_stream(self, *_args: Any, **_kwargs: Any) -> Any:  # noqa: ANN401 - grpc's own signature
        raise NotImplementedError("Aviary has no client streams")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def close(self, grace: float | None = None) -> None:
        return None

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - grpc's own signature
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        return None

    async def channel_ready(self) -> None:
        return None
