"""Envoy in front of the services: its configuration made from the protos, its process, the API's description.

config = envoy_config(port=8080, grpc_port=server.port, jwks=jwks_json, settings=settings)
envoy = Envoy(config, folder=settings.data_dir / "gateway", drain_s=settings.drain_s)
port = await envoy.start()   # Unavailable with one clear sentence when it can't
status = await envoy.wait()  # returns only when Envoy has ended without being asked to
await envoy.stop()           # lets the calls under way finish, at most drain_s
"""

from __future__ import annotations

from aviary.gateway.config import envoy_config, fleet_config
from aviary.gateway.process import Envoy

__all__ = ["Envoy", "envoy_config", "fleet_config"]
