"""The tables of the fanout keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = ()
