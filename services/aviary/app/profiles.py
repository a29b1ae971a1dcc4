"""The profiles that there are."""

from __future__ import annotations

from aviary.app.embedded import Embedded
from aviary.app.stores import Stores
from aviary.clock import Clock
from aviary.errors import Unavailable
from aviary.metrics import Metrics
from aviary.secrets import Secrets
from aviary.settings import Settings


def stores_of(settings: Settings, clock: Clock, metrics: Metrics, secrets: Secrets) -> Stores:
    """Return the adapters of the profile that the settings name, not connected yet."""
    if settings.profile == "embedded":
        return Embedded(settings, clock, metrics, secrets)
    try:
        # Imported here: the embedded profile does without the drivers.
        from aviary.app.cluster import Cluster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise Unavailable(f"the cluster profile needs {error.name}; install aviary[cluster]") from error
    return Cluster(settings, clock, metrics, secrets)
