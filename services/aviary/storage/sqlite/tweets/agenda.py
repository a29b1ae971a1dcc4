"""What is due in the tweets' file."""

from __future__ import annotations

from collections.abc import Sequence

from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.tweets import drafts, writes
from aviary.tweets import encoding
from aviary.tweets.agenda.store import Due
from aviary.tweets.drafts.store import Kept
from aviary.tweets.store import Draft

_POLL, _SCHEDULED = 1, 2
_WAITS = "publish_ms > 0 AND failure = ''"
# Two walks along what is still open, each over at once when nothing is due.
_DUE = f"""
SELECT {_POLL}, tweet_id FROM (
    SELECT tweet_id FROM polls WHERE NOT closed AND ends_ms <= ?1 ORDER BY ends_ms LIMIT ?2)
UNION ALL
SELECT {_SCHEDULED}, id FROM (
    SELECT id FROM drafts WHERE {_WAITS} AND publish_ms <= ?1 ORDER BY publish_ms LIMIT ?2)
"""
# Only as it was read: whoever changed it meanwhile wants something else published.
_AS_READ = f"id = ? AND body = ? AND publish_ms = ? AND {_WAITS}"


class SqliteAgendaStore:
    """Keeps AgendaStore's promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now_ms: int, *, limit: int) -> Due:
        rows: Sequence[tuple[int, int]] = await self._database.read(
            lambda connection: connection.execute(_DUE, (now_ms, limit)).fetchall()
        )
        return Due(
            polls=[each for what, each in rows if what == _POLL],
            scheduled=[each for what, each in rows if what == _SCHEDULED],
        )

    async def close_poll(self, tweet_id: int) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            if not tx.execute("UPDATE polls SET closed = 1 WHERE tweet_id = ? AND NOT closed", (tweet_id,)).rowcount:
                return
            row = tx.execute("SELECT author_id FROM tweets WHERE id = ? AND deleted_ms = 0", (tweet_id,)).fetchone()
            if row is not None:
                closed = events_pb2.EVENT_TYPE_POLL_CLOSED
                tx.emit(Event(type=closed, key=row[0], entity_id=tweet_id, traceparent=trace))

        await self._database.write(write)

    async def scheduled(self, kept_id: int) -> Kept | None:
        row = await self._database.read(
            lambda connection: connection.execute(
                f"SELECT {drafts.COLUMNS} FROM drafts WHERE id = ? AND {_WAITS}", (kept_id,)
            ).fetchone()
        )
        return None if row is None else drafts.kept_of(row)

    async def publish(self, kept: Kept, draft: Draft) -> int | None:
        fixed, trace = encoding.fixed_part(draft), traceparent()

        def write(tx: Transaction) -> int | None:
            if not tx.execute(f"DELETE FROM drafts WHERE {_AS_READ}", _as_read(kept)).rowcount:
                return None
            tx.emit(drafts.changed(kept.user_id, kept.id, trace, actor_id=0))
            return writes.insert(tx, draft, fixed, trace)

        return await self._database.write(write)

    async def fail(self, kept: Kept, sentence: str) -> None:
        trace = traceparent()

        def write(tx: Transaction) -> None:
            failed = f"UPDATE drafts SET failure = ?, updated_ms = ? WHERE {_AS_READ}"
            if tx.execute(failed, (sentence, tx.now_ms(), *_as_read(kept))).rowcount:
                tx.emit(drafts.changed(kept.user_id, kept.id, trace, actor_id=0))

        await self._database.write(write)


def _as_read(kept: Kept) -> tuple[int, bytes, int]:
    return kept.id, kept.body, kept.publish_ms
