"""The tables of the users keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = ()
