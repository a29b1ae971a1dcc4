"""Follows by the million: edges.start_follow over again, for people whom the file doesn't know yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.bulk import BulkDatabase
from aviary.storage.sqlite.database import translated

_ROWS_AT_ONCE = 10_000


class BulkFollows:
    """Follows as SqliteGraphStore.follow writes them, rows and events, for a third of the CPU.

    For people whom the file doesn't know yet: their counts, and the index
    that follows would reach at random, are written by `finish`. Who follows
    somebody twice fails the load.
    """

    def __init__(self, database: BulkDatabase) -> None:
        self._database = database
        self._tx = database.transaction
        (self._index,) = self._tx.execute("SELECT sql FROM sqlite_master WHERE name = 'followers'").fetchone()
        self._tx.execute("DROP INDEX followers")
        self._following: Counter[int] = Counter()
        self._followers: Counter[int] = Counter()

    @property
    def followers(self) -> Mapping[int, int]:
        """How many follow each person so far."""
        return self._followers

    def add(self, follower_id: int, followee_ids: Iterable[int]) -> None:
        """Let one person follow others, in that order."""
        waiting = iter(followee_ids)
        while some := list(islice(waiting, _ROWS_AT_ONCE)):
            self._add(follower_id, some)

    def finish(self) -> None:
        """Write what was kept back."""
        people = sorted(self._followers.keys() | self._following.keys())
        with translated(self._database.name):
            self._tx.execute(self._index)
            self._tx.executemany(
                "INSERT INTO accounts (user_id, followers, following, follow_version, sources_version)"
                " VALUES (?1, ?2, ?3, ?3, ?3)",
                ((each, self._followers[each], self._following[each]) for each in people),
            )

    def _add(self, follower_id: int, followee_ids: list[int]) -> None:
        mint, now, version = self._tx.next_id, self._tx.now_ms(), self._following[follower_id]
        follows: list[tuple[int, int, int]] = []
        events: list[tuple[int, int, bytes]] = []
        for followee_id in followee_ids:
            version += 1
            follows.append((follower_id, followee_id, mint()))
            event = Event(
                id=mint(),
                type=events_pb2.EVENT_TYPE_FOLLOWED,
                key=follower_id,
                entity_id=follower_id,
                version=version,
                time_ms=now,
                actor_id=follower_id,
                target_id=followee_id,
            )
            events.append((event.id, now, event.SerializeToString()))
        with translated(self._database.name):
            self._tx.executemany("INSERT INTO follows VALUES (?, ?, 1, ?)", follows)
            self._tx.executemany("INSERT INTO outbox (event_id, time_ms, body) VALUES (?, ?, ?)", events)
        self._following[follower_id] = version
        self._followers.update(followee_ids)
