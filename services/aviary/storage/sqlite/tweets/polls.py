"""Votes on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime

from aviary.errors import FailedPrecondition, InvalidInput, no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction


class SqlitePollStore:
    """Keeps PollStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def vote(self, tweet_id: int, user_id: int, option: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        def cast(tx: Transaction) -> bool:
            author_id, ends_ms = _poll(tx, tweet_id)
            if _is_cast(tx, tweet_id, user_id, option):
                return False
            if ends_ms <= tx.now_ms():
                ended = datetime.fromtimestamp(ends_ms / 1000, UTC).isoformat(timespec="milliseconds")
                raise FailedPrecondition(f"the poll of tweet {tweet_id} closed at {ended}")
            _count(tx, tweet_id, option)
            tx.execute("INSERT INTO votes VALUES (?, ?, ?)", (tweet_id, user_id, option))
            tx.emit(
                Event(
                    type=events_pb2.EVENT_TYPE_VOTED,
                    key=user_id,
                    entity_id=tweet_id,
                    actor_id=user_id,
                    target_id=author_id,
                    traceparent=trace,
                )
            )
            return True

        return await self._database.write(lambda tx: tx.changes(claim, lambda: cast(tx)))


def _poll(tx: Transaction, tweet_id: int) -> tuple[int, int]:
    row = tx.execute(
        "SELECT author_id, ends_ms FROM tweets LEFT JOIN polls ON tweet_id = id WHERE id = ? AND deleted_ms = 0",
        (tweet_id,),
    ).fetchone()
    if row is None:
        raise no_tweet(tweet_id)
    if row[1] is None:
        raise FailedPrecondition(f"tweet {tweet_id} has no poll")
    return int(row[0]), int(row[1])


def _is_cast(tx: Transaction, tweet_id: int, user_id: int, option: int) -> bool:
    row = tx.execute("SELECT option FROM votes WHERE tweet_id = ? AND user_id = ?", (tweet_id, user_id)).fetchone()
    if row is not None and row[0] != option:
        raise FailedPrecondition(f"the vote for option {row[0]} of tweet {tweet_id} stands; it cannot be changed")
    return row is not None


def _count(tx: Transaction, tweet_id: int, option: int) -> None:
    counted = "UPDATE poll_options SET votes = votes + 1 WHERE tweet_id = ? AND option = ?"
    if not tx.execute(counted, (tweet_id, option)).rowcount:
        (options,) = tx.execute("SELECT count(*) FROM poll_options WHERE tweet_id = ?", (tweet_id,)).fetchone()
        raise InvalidInput(
            f"option is {option}; the poll has the options 0 to {options - 1}", fields={"option": f"0 to {options - 1}"}
        )
