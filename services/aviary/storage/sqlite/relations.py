"""Blocks, mutes and follow requests on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence

from aviary.clock import Clock
from aviary.graph.relations.store import Standing
from aviary.storage.sqlite.database import Database

# Each arm walks the ids asked for and looks its relation up by key.
_STANDINGS = """
WITH asked (id) AS (SELECT value FROM json_each(?2))
SELECT id, 1 FROM asked JOIN follows ON follower_id = ?1 AND followee_id = id WHERE active
UNION ALL SELECT id, 2 FROM asked JOIN follows ON follower_id = id AND followee_id = ?1 WHERE active
UNION ALL SELECT id, 4 FROM asked JOIN bonds ON kind = 1 AND owner_id = ?1 AND member_id = id WHERE active
UNION ALL SELECT id, 8 FROM asked JOIN bonds ON kind = 1 AND owner_id = id AND member_id = ?1 WHERE active
UNION ALL SELECT id, 16 FROM asked JOIN bonds ON kind = 2 AND owner_id = ?1 AND member_id = id
    WHERE active AND (until_ms = 0 OR until_ms > ?3)
"""


class SqliteRelationStore:
    """Keeps RelationStore's promises in the graph's file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def standings(self, viewer_id: int, user_ids: Sequence[int]) -> Sequence[Standing]:
        def look(connection: sqlite3.Connection) -> dict[int, int]:
            found: dict[int, int] = defaultdict(int)
            asked = (viewer_id, json.dumps(list(user_ids)), self._clock.now_ms())
            for user_id, bit in connection.execute(_STANDINGS, asked):
                found[user_id] |= bit
            return found

        found = await self._database.read(look)
        return [Standing(found.get(user_id, 0)) for user_id in user_ids]
