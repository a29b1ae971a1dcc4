"""The tables of the fanout keyspace."""

from __future__ import annotations

FIRST: tuple[str, ...] = (
    # Every raise under its version, a thousand in a partition, so that a process reads only what it doesn't know.
    """CREATE TABLE IF NOT EXISTS tiers (
        slice int, version bigint, author_id bigint, tier int, from_id bigint, raised_ms bigint,
        PRIMARY KEY (slice, version)
    )""",
)
