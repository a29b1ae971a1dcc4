"""The write-ahead log of a file, moved into it whole."""

from __future__ import annotations

from aviary.errors import Unavailable
from aviary.storage.sqlite.database import Database


async def truncate_log(database: Database) -> None:
    """Leave the log empty, so that old pages are nowhere any more. Raises Unavailable while somebody reads them."""
    busy, _, _ = await database.read(
        lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    )
    if busy:
        raise Unavailable(f"the log of the {database.name} store is being read", retry_after_s=1)
