"""The graph on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.graph.store import Change, Counts, Versions
from aviary.paging import Page, PageRequest
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction

_CHANGED, _UNCHANGED = 1, 0


class SqliteGraphStore:
    """Keeps GraphStore's promises in one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def follow(self, follower_id: int, followee_id: int, *, claim: Claim | None) -> Change:
        trace = traceparent()

        def activate(tx: Transaction) -> int:
            if _is_active(tx, follower_id, followee_id):
                return _UNCHANGED
            tx.execute(
                "INSERT INTO follows VALUES (?, ?, 1, ?) ON CONFLICT (follower_id, followee_id)"
                " DO UPDATE SET active = 1, follow_id = excluded.follow_id",
                (follower_id, followee_id, tx.next_id()),
            )
            version = _count(tx, follower_id, followee_id, by=1)
            tx.emit(_event(events_pb2.EVENT_TYPE_FOLLOWED, follower_id, followee_id, version, trace))
            return _CHANGED

        def write(tx: Transaction) -> Change:
            result, repeated = tx.once(claim, lambda: activate(tx))
            return Change(changed=result == _CHANGED and not repeated)

        return await self._database.write(write)

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        trace = traceparent()

        def deactivate(tx: Transaction) -> Change:
            if not _is_active(tx, follower_id, followee_id):
                return Change(changed=False)
            tx.execute(
                "UPDATE follows SET active = 0 WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id)
            )
            version = _count(tx, follower_id, followee_id, by=-1)
            tx.emit(_event(events_pb2.EVENT_TYPE_UNFOLLOWED, follower_id, followee_id, version, trace))
            return Change(changed=True)

        return await self._database.write(deactivate)

    async def are_following(self, pairs: Sequence[tuple[int, int]]) -> Sequence[bool]:
        def look(connection: sqlite3.Connection) -> Sequence[bool]:
            return [_is_active(connection, *pair) for pair in pairs]

        return await self._database.read(look)

    async def followers(self, user_id: int, page: PageRequest) -> Page[int]:
        return await self._page("followee_id", "follower_id", user_id, page)

    async def following(self, user_id: int, page: PageRequest) -> Page[int]:
        return await self._page("follower_id", "followee_id", user_id, page)

    async def follower_ids(self, user_id: int, *, after: int, limit: int) -> tuple[Sequence[int], int]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT follow_id, follower_id FROM follows WHERE followee_id = ? AND active AND follow_id > ?"
                " ORDER BY follow_id LIMIT ?",
                (user_id, after, limit),
            ).fetchall()
        )
        return [follower for _, follower in rows], rows[-1][0] if rows else after

    async def following_ids(self, user_id: int) -> Sequence[int]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT followee_id FROM follows WHERE follower_id = ? AND active", (user_id,)
            ).fetchall()
        )
        return [followee for (followee,) in rows]

    async def versions(self, user_id: int) -> Versions:
        row = await self._database.read(
            lambda connection: connection.execute(
                "SELECT follow_version, sources_version FROM accounts WHERE user_id = ?", (user_id,)
            ).fetchone()
        )
        return Versions(*row) if row else Versions(0, 0)

    async def counts(self, user_ids: Sequence[int]) -> Sequence[Counts]:
        def look(connection: sqlite3.Connection) -> dict[int, Counts]:
            marks = ",".join("?" * len(user_ids))
            rows: Iterable[tuple[int, int, int]] = connection.execute(
                f"SELECT user_id, followers, following FROM accounts WHERE user_id IN ({marks})",
                user_ids,
            )
            return {user_id: Counts(followers, following) for user_id, followers, following in rows}

        found = await self._database.read(look)
        return [found.get(user_id, Counts(0, 0)) for user_id in user_ids]

    async def _page(self, owner: str, member: str, user_id: int, page: PageRequest) -> Page[int]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT follow_id, {member} FROM follows WHERE {owner} = ? AND active AND follow_id < ?"
                " ORDER BY follow_id DESC LIMIT ?",
                (user_id, page.below, page.limit + 1),
            ).fetchall()
        )
        shown = rows[: page.limit]
        return Page([each for _, each in shown], shown[-1][0] if len(rows) > page.limit else None)


def _is_active(reader: Transaction | sqlite3.Connection, follower_id: int, followee_id: int) -> bool:
    row = reader.execute(
        "SELECT active FROM follows WHERE follower_id = ? AND followee_id = ?", (follower_id, followee_id)
    ).fetchone()
    return bool(row and row[0])


def _count(tx: Transaction, follower_id: int, followee_id: int, *, by: int) -> int:
    tx.execute(
        "INSERT INTO accounts (user_id, followers) VALUES (?1, ?2)"
        " ON CONFLICT (user_id) DO UPDATE SET followers = followers + ?2",
        (followee_id, by),
    )
    (version,) = tx.execute(
        "INSERT INTO accounts (user_id, following, follow_version, sources_version) VALUES (?1, ?2, ?3, 1)"
        " ON CONFLICT (user_id) DO UPDATE SET following = following + ?2,"
        " follow_version = follow_version + ?3, sources_version = sources_version + 1 RETURNING sources_version",
        (follower_id, by, 1 if by > 0 else 0),
    ).fetchone()
    return int(version)


def _event(kind: events_pb2.EventType.ValueType, follower_id: int, followee_id: int, version: int, trace: str) -> Event:
    return Event(
        type=kind,
        key=follower_id,
        entity_id=follower_id,
        version=version,
        actor_id=follower_id,
        target_id=followee_id,
        traceparent=trace,
    )
