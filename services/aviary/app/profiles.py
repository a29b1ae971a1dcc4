"""The profiles that there are."""

from __future__ import annotations

from aviary.app.embedded import Embedded
from aviary.app.stores import Stores
from aviary.clock import Clock
from aviary.metrics import Metrics
from aviary.secrets import Secrets
from aviary.settings import Settings


def stores_of(settings: Settings, clock: Clock, metrics: Metrics, secrets: Secrets) -> Stores:
    """Return the adapters of the profile that the settings name, not connected yet."""
    return Embedded(settings, clock, metrics, secrets)
