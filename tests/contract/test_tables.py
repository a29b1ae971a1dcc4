"""What the connection to the tables promises while their servers don't answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.backends.toxiproxy import Links
from tests.contract.tables import opened, settings_of

from aviary.errors import Unavailable
from aviary.storage.scylla.tables import Tables

pytestmark = pytest.mark.cluster


async def test_a_statement_new_to_a_server_that_is_silent_keeps_nobody_else_waiting(
    tables_address: str, toxiproxy: Links
) -> None:
    link = toxiproxy.to(tables_address)
    tables = Tables(replace(settings_of(link.address), tables_timeout_ms=500), "graph")

    async def heal() -> None:
        await asyncio.sleep(0.1)
        link.heal()

    async with opened(tables_address, "graph"):
        await tables.open()
        try:
            link.hold()
            # Not healed before the statement's own patience ends, were the loop held up.
            healing = asyncio.create_task(heal())
            assert await tables.rows("SELECT holder FROM leases WHERE name = ?", "nobody's") == []
            await healing
        finally:
            link.heal()
            await tables.close()


async def test_a_batch_that_the_servers_find_too_large_is_told_in_a_sentence(tables_address: str) -> None:
    put = "INSERT INTO leases (name, holder) VALUES (?, ?)"
    async with opened(tables_address, "graph") as tables:
        with pytest.raises(Unavailable, match="refuse a batch for its size; set batch_size_fail_threshold"):
            await tables.batch([(put, (f"large {part}", "." * 65_536)) for part in range(24)])
        assert await tables.rows("SELECT holder FROM leases WHERE name = ?", "large 0") == []
