"""The composition root: the services on the adapters of a profile, and nobody else knows which."""

from __future__ import annotations

from aviary.app.platform import Platform

__all__ = ["Platform"]
