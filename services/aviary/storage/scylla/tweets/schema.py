"""The tables of the tweets keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = ()
