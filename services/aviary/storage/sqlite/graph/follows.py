"""Follows on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from aviary.clock import Clock
from aviary.errors import Forbidden
from aviary.events.v1 import events_pb2
from aviary.graph.store import Change, Counts, Placed, Sources
from aviary.rpc.call import Claim
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.graph import edges
from aviary.storage.sqlite.graph.edges import Actor, Between, Bond
from aviary.storage.sqlite.transaction import Transaction

# What a claim is settled with.
_FOLLOWS_ALREADY, _FOLLOWED, _ASKED, _ASKS_ALREADY = 0, 1, 2, 3

# A mute that has ended counts as if its end had been written, so that both
# versions rise with it; whoever ends its row writes the same, and they never fall.
_STATE = """
SELECT follow_version, sources_version,
    (SELECT count(*) FROM bonds
        WHERE kind = 2 AND active AND until_ms > 0 AND owner_id = ?1 AND until_ms <= ?2),
    (SELECT min(until_ms) FROM bonds
        WHERE kind = 2 AND active AND until_ms > 0 AND owner_id = ?1 AND until_ms > ?2)
FROM accounts WHERE user_id = ?1
"""
_MUTED = """
SELECT member_id FROM bonds WHERE kind = 2 AND owner_id = ? AND active AND (until_ms = 0 OR until_ms > ?)
"""
# A row a user, whatever it holds: each step of a statement waits for the interpreter that the loop needs, too.
_FEW = """
SELECT user_id, followers,
    CASE WHEN followers <= ?1 THEN
        (SELECT group_concat(follower_id) FROM follows WHERE followee_id = user_id AND active)
    END
FROM accounts WHERE user_id IN
"""


class SqliteGraphStore:
    """Keeps GraphStore's promises in one file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def follow(self, follower_id: int, followee_id: int, *, protected: bool, claim: Claim | None) -> Change:
        actor = Actor(follower_id)

        def activate(tx: Transaction) -> int:
            return _ask(tx, followee_id, actor) if protected else _follow(tx, followee_id, actor)

        def write(tx: Transaction) -> Change:
            result, repeated = tx.once(claim, lambda: activate(tx))
            changed = result in {_FOLLOWED, _ASKED} and not repeated
            return Change(changed=changed, requested=result in {_ASKED, _ASKS_ALREADY})

        return await self._database.write(write)

    async def unfollow(self, follower_id: int, followee_id: int) -> Change:
        actor = Actor(follower_id)

        def write(tx: Transaction) -> Change:
            ended = edges.end_follow(tx, follower_id, followee_id, actor)
            return Change(changed=edges.close_request(tx, follower_id, followee_id, actor) or ended)

        return await self._database.write(write)

    async def remove_follower(self, user_id: int, follower_id: int) -> Change:
        actor = Actor(user_id)
        changed = await self._database.write(lambda tx: edges.end_follow(tx, follower_id, user_id, actor))
        return Change(changed=changed)

    async def are_following(self, pairs: Sequence[tuple[int, int]]) -> Sequence[bool]:
        def look(connection: sqlite3.Connection) -> Sequence[bool]:
            return [edges.is_following(connection, *pair) for pair in pairs]

        return await self._database.read(look)

    async def followers(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places("followee_id", "follower_id", user_id, below, limit)

    async def following(self, user_id: int, *, below: int, limit: int) -> Sequence[Placed]:
        return await self._places("follower_id", "followee_id", user_id, below, limit)

    async def followers_among(self, user_id: int, candidates: Sequence[int]) -> AbstractSet[int]:
        def look(connection: sqlite3.Connection) -> AbstractSet[int]:
            return {each for each in candidates if edges.is_following(connection, each, user_id)}

        return await self._database.read(look)

    async def follower_ids(self, user_id: int, *, after: int, limit: int) -> tuple[Sequence[int], int]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT follow_id, follower_id FROM follows WHERE followee_id = ? AND active AND follow_id > ?"
                " ORDER BY follow_id LIMIT ?",
                (user_id, after, limit),
            ).fetchall()
        )
        return [follower for _, follower in rows], rows[-1][0] if rows else after

    async def few_followers(self, user_ids: Sequence[int], *, most: int) -> Sequence[Sequence[int] | None]:
        def look(connection: sqlite3.Connection) -> dict[int, Sequence[int] | None]:
            marks = ",".join("?" * len(user_ids))
            rows: Iterable[tuple[int, int, str | None]] = connection.execute(f"{_FEW} ({marks})", (most, *user_ids))
            return {
                user_id: [int(each) for each in joined.split(",")] if joined else None if count else []
                for user_id, count, joined in rows
            }

        found = await self._database.read(look)
        return [found.get(user_id, []) for user_id in user_ids]

    async def sources(self, viewer_id: int, *, if_version_not: int | None) -> Sources:
        now_ms = self._clock.now_ms()

        def look(connection: sqlite3.Connection) -> Sources:
            # The versions are read first: a follow that lands in between makes the next read ask again.
            row = connection.execute(_STATE, (viewer_id, now_ms)).fetchone()
            follow, version, ended, next_end = row or (0, 0, 0, None)
            unchanged = version + ended == if_version_not
            return Sources(
                sources_version=version + ended,
                follow_version=follow + ended,
                ids=None if unchanged else _source_ids(connection, viewer_id, now_ms),
                valid_until_ms=next_end or 0,
            )

        return await self._database.read(look)

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

    async def _places(self, owner: str, member: str, user_id: int, below: int, limit: int) -> Sequence[Placed]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT follow_id, {member} FROM follows WHERE {owner} = ? AND active AND follow_id < ?"
                " ORDER BY follow_id DESC LIMIT ?",
                (user_id, below, limit),
            ).fetchall()
        )
        return [Placed(*row) for row in rows]


def _follow(tx: Transaction, followee_id: int, actor: Actor) -> int:
    standing = edges.between(tx, actor.id, followee_id)
    if Between.FOLLOWS in standing:
        return _FOLLOWS_ALREADY
    _must_not_be_apart(standing, actor.id, followee_id)
    if Between.ASKS in standing:
        edges.end_bond(tx, Bond.REQUEST, actor.id, followee_id)
    edges.start_follow(tx, actor.id, followee_id, actor)
    return _FOLLOWED


def _ask(tx: Transaction, followee_id: int, actor: Actor) -> int:
    standing = edges.between(tx, actor.id, followee_id)
    if Between.FOLLOWS in standing:
        return _FOLLOWS_ALREADY
    if Between.ASKS in standing:
        return _ASKS_ALREADY
    _must_not_be_apart(standing, actor.id, followee_id)
    edges.start_bond(tx, Bond.REQUEST, actor.id, followee_id)
    asked = events_pb2.EVENT_TYPE_FOLLOW_REQUESTED
    edges.tell(tx, asked, actor.id, followee_id, actor, version=edges.rise(tx, actor.id))
    return _ASKED


def _must_not_be_apart(standing: Between, follower_id: int, followee_id: int) -> None:
    # Decided in the writer: a block that was committed first wins.
    if Between.APART in standing:
        raise Forbidden(f"user {follower_id} cannot follow user {followee_id}: one of them blocks the other")


def _source_ids(connection: sqlite3.Connection, viewer_id: int, now_ms: int) -> Sequence[int]:
    muted = {member for (member,) in connection.execute(_MUTED, (viewer_id, now_ms))}
    following = connection.execute("SELECT followee_id FROM follows WHERE follower_id = ? AND active", (viewer_id,))
    return [viewer_id, *(followee for (followee,) in following if followee not in muted)]
