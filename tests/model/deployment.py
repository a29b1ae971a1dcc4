"""A platform that runs in a thread of its own, so that a model's plain steps can ask it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.model.drivers import Driver, Grpc, Rest
from tests.rpc.serving import Serving, serving
from tests.switches import FRONT

from aviary.api.reconcile.v1.reconcile_pb2 import ReconcileRequest
from aviary.clock import Clock
from aviary.gateway import Envoy, envoy_config
from aviary.settings import Settings

T = TypeVar("T")
_DEADLINE_S = 120.0


class Deployment:
    """Serves until it is left. Every path of the timelines runs on a few dozen tweets and a dozen people."""

    serving: Serving
    driver: Driver

    def __init__(self, data_dir: Path, *, gateway: bool = False) -> None:
        self.settings = Settings(
            data_dir=data_dir,
            bcrypt_cost=4,
            limits="off",
            front=FRONT,
            log_level="error",
            drain_s=1.0,
            timeline_entries=8,
            fanout_small_followers=3,
            fanout_mid_followers=2,
            fanout_pull_followers=4,
            fanout_batch=2,
        )
        self.clock = Clock()
        self._gateway = gateway
        self._started = threading.Event()
        self._failed: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(_DEADLINE_S), "the platform did not start"
        if self._failed:
            raise self._failed
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` where the platform runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE_S)

    def drift(self) -> list[str]:
        """The counters that differ from the relations that they count."""

        async def reconcile() -> list[str]:
            clients, found = self.serving.clients, []
            for service in (clients.tweets, clients.graph):
                drifts = service.Reconcile(ReconcileRequest(), metadata=self.serving.as_operator())
                found += [str(each) async for each in drifts if each.counter]
            return found

        return self.run(reconcile())

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self._failed = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serving(self.settings, clock=self.clock) as self.serving:
            if self._gateway:
                envoy = self._envoy()
                self.driver = Rest(f"http://127.0.0.1:{await envoy.start()}")
            else:
                envoy = None
                self.driver = Grpc(self.serving.address)
            try:
                self._started.set()
                await self._stop.wait()
            finally:
                await self.driver.close()
                if envoy:
                    await envoy.stop()

    def _envoy(self) -> Envoy:
        config = envoy_config(
            port=0,
            grpc_port=int(self.serving.address.rpartition(":")[2]),
            # Nobody scrapes.
            metrics_port=1,
            jwks=self.serving.platform.jwks(),
            settings=self.settings,
        )
        return Envoy(config, folder=self.settings.data_dir / "gateway", drain_s=self.settings.drain_s)
