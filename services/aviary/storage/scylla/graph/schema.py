"""The tables of the graph keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = ()
