"""Keyspaces that tests share one after the other: their tables are made once and emptied of what a test wrote."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Any, Self

from cassandra.cluster import Cluster
from cassandra.io.libevreactor import LibevConnection

# The newest that the driver's libev reactor speaks without checksum errors.
_PROTOCOL = 4
_PATIENCE_S = 60.0
# A keyspace's own version number outlives its rows.
_KEPT = frozenset({"schema_version"})
# How many rows each table was given or took back since the server started; it doesn't fall when a table is emptied.
_WRITES = "SELECT keyspace_name, table_name, count FROM system_views.local_write_latency"


class Keyspaces:
    """All keyspaces whose name begins with `prefix`, which is nobody else's.

    Whoever makes them says so with `made`; `clean` then empties the tables
    that were written to since. A table costs some 4 ms that way, and 0.1 s to
    make; only tables that were written to are emptied, also if nothing but
    deletions is in them, for those would hide rows of an earlier business time.
    """

    def __init__(self, address: str) -> None:
        self.prefix = f"test_{uuid.uuid4().hex[:10]}"
        host, _, port = address.rpartition(":")
        self._cluster: Any = Cluster(
            [host], port=int(port), connection_class=LibevConnection, protocol_version=_PROTOCOL
        )
        self._session: Any = None
        self._writes: Mapping[tuple[str, str], int] = {}

    def __enter__(self) -> Self:
        self._session = self._cluster.connect()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._cluster.shutdown()

    def made(self) -> None:
        """Take the keyspaces as they are now for empty ones."""
        for name in {keyspace for keyspace, _ in self._tables()}:
            # What is not in the commit log is not flushed before it is thrown away either: ten times as fast.
            self._session.execute(f"ALTER KEYSPACE {name} WITH durable_writes = false", timeout=_PATIENCE_S)
        self._writes = self._counted()

    def clean(self) -> None:
        """Empty what was written to since `made` or the last `clean`."""
        now = self._counted()
        written = [table for table, count in now.items() if count != self._writes.get(table, 0)]
        emptied = [self._session.execute_async(f"TRUNCATE {'.'.join(each)}", timeout=_PATIENCE_S) for each in written]
        for each in emptied:
            each.result()
        self._writes = now

    def _tables(self) -> Collection[tuple[str, str]]:
        found = self._session.execute("SELECT keyspace_name, table_name FROM system_schema.tables")
        return {(keyspace, table) for keyspace, table in found if keyspace.startswith(self.prefix)}

    def _counted(self) -> Mapping[tuple[str, str], int]:
        rows = self._session.execute(_WRITES)
        return {
            (keyspace, table): count
            for keyspace, table, count in rows
            if keyspace.startswith(self.prefix) and table not in _KEPT
        }
