"""Removing tweets for good, and all that is kept about a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aviary.rpc.telemetry import traceparent
from aviary.storage.sqlite.database import Database
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.tweets import writes
from aviary.storage.sqlite.tweets.engagement import end_bookmark
from aviary.storage.sqlite.tweets.likes import set_like
from aviary.tweets.store import Kind

# Each table whose rows hang on a tweet, with the key that its rows are removed by.
_HANGING = (
    ("likes", "user_id, tweet_id", "tweet_id = ? AND active"),
    ("likes", "user_id, tweet_id", "tweet_id = ? AND NOT active"),
    ("bookmarks", "user_id, tweet_id", "tweet_id = ?"),
    ("votes", "tweet_id, user_id", "tweet_id = ?"),
    ("poll_options", "tweet_id, option", "tweet_id = ?"),
    ("polls", "tweet_id", "tweet_id = ?"),
    ("edits", "tweet_id, version", "tweet_id = ?"),
    ("threads", "first_id, tweet_id", "first_id = ?"),
)
# Each table that names a person and that nothing else counts.
_NAMING = (
    ("mentions", "user_id, tweet_id", "user_id = ?"),
    ("pins", "user_id", "user_id = ?"),
    ("drafts", "id", "user_id = ? AND publish_ms = 0"),
    ("drafts", "id", "user_id = ? AND publish_ms > 0"),
    ("claims", "caller, rpc, key", "caller = CAST(? AS TEXT)"),
    ("authors", "user_id", "user_id = ?"),
)

_Step = Callable[[Transaction, int, int, str], int]


class SqliteRemovalStore:
    """Keeps RemovalStore's promises in the tweets' file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, before_ms: int, *, rows: int) -> int:
        trace = traceparent()

        def write(tx: Transaction) -> int:
            tx.remove()
            due = tx.execute(
                "SELECT id FROM tweets WHERE deleted_ms > 0 AND deleted_ms < ? ORDER BY deleted_ms LIMIT ?",
                (before_ms, rows),
            )
            return _remove_all(tx, [each for (each,) in due.fetchall()], rows, trace)

        return await self._database.write(write)

    async def erase(self, user_id: int, *, rows: int) -> int:
        self._database.erased.add(user_id)
        trace = traceparent()

        def write(tx: Transaction) -> int:
            tx.remove()
            removed = 0
            for step in _ERASURE:
                removed += step(tx, user_id, rows - removed, trace)
                if removed >= rows:
                    break
            return removed

        return await self._database.write(write)


def _remove_all(tx: Transaction, tweet_ids: Sequence[int], rows: int, trace: str) -> int:
    removed = 0
    for tweet_id in tweet_ids:
        if removed >= rows:
            break
        removed += _remove(tx, tweet_id, rows - removed, trace)
    return removed


def _remove(tx: Transaction, tweet_id: int, rows: int, trace: str) -> int:
    """Remove a deleted tweet and what hangs on it; its own row goes last, when nothing hangs on it any more."""
    removed = _remove_retweets(tx, tweet_id, rows, trace)
    for table, key, condition in _HANGING:
        if removed < rows:
            removed += _delete_rows(tx, table, key, condition, of=tweet_id, rows=rows - removed)
    if removed >= rows:
        return removed
    _remove_row(tx, tweet_id)
    return removed + 1


def _remove_retweets(tx: Transaction, original_id: int, rows: int, trace: str) -> int:
    retweets = tx.execute(
        "SELECT user_id, retweet_id FROM retweets WHERE original_id = ? LIMIT ?", (original_id, rows)
    ).fetchall()
    for user_id, retweet_id in retweets:
        if retweet_id:
            writes.delete(tx, retweet_id, trace)
            _remove_row(tx, retweet_id)
        tx.execute("DELETE FROM retweets WHERE original_id = ? AND user_id = ?", (original_id, user_id))
    return len(retweets)


def _remove_row(tx: Transaction, tweet_id: int) -> None:
    author_id, kind, ref_id, conversation_id = tx.execute(
        "DELETE FROM tweets WHERE id = ? RETURNING author_id, kind, ref_id, conversation_id", (tweet_id,)
    ).fetchone()
    if kind == Kind.RETWEET:
        tx.execute("DELETE FROM retweets WHERE original_id = ? AND user_id = ? AND retweet_id = 0", (ref_id, author_id))
        return
    if kind == Kind.REPLY:
        tx.execute("INSERT INTO places VALUES (?, ?, ?)", (conversation_id, tweet_id, ref_id))
    # Nothing hangs below what is newer than the newest tweet of the conversation.
    tx.execute(
        "DELETE FROM places WHERE conversation_id = ?1 AND tweet_id > (SELECT coalesce(max(id), 0) FROM tweets"
        " WHERE conversation_id = ?1 AND kind <> 3 AND deleted_ms = 0)",
        (conversation_id,),
    )


def _delete_rows(tx: Transaction, table: str, key: str, condition: str, *, of: int, rows: int) -> int:
    return tx.execute(
        f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT ?)", (of, rows)
    ).rowcount


def _erase_tweets(tx: Transaction, user_id: int, rows: int, trace: str) -> int:
    existing = tx.execute(
        "SELECT id FROM tweets WHERE author_id = ? AND deleted_ms = 0 ORDER BY id LIMIT ?", (user_id, rows)
    ).fetchall()
    for (tweet_id,) in existing:
        writes.delete(tx, tweet_id, trace)
    return len(existing)


def _erase_deleted_tweets(tx: Transaction, user_id: int, rows: int, trace: str) -> int:
    deleted = tx.execute(
        "SELECT id FROM tweets WHERE author_id = ? AND deleted_ms > 0 ORDER BY id LIMIT ?", (user_id, rows)
    )
    return _remove_all(tx, [each for (each,) in deleted.fetchall()], rows, trace)


def _erase_likes(tx: Transaction, user_id: int, rows: int, trace: str) -> int:
    likes = tx.execute(
        "SELECT tweet_id, likes.active AND coalesce(deleted_ms = 0, 0) FROM likes LEFT JOIN tweets ON id = tweet_id"
        " WHERE user_id = ? LIMIT ?",
        (user_id, rows),
    ).fetchall()
    for tweet_id, is_counted in likes:
        if is_counted:
            set_like(tx, tweet_id, user_id, trace, active=False)
        tx.execute("DELETE FROM likes WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id))
    return len(likes)


def _erase_bookmarks(tx: Transaction, user_id: int, rows: int, trace: str) -> int:
    bookmarks = tx.execute("SELECT tweet_id FROM bookmarks WHERE user_id = ? LIMIT ?", (user_id, rows)).fetchall()
    for (tweet_id,) in bookmarks:
        end_bookmark(tx, tweet_id, user_id, trace)
        tx.execute("DELETE FROM bookmarks WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id))
    return len(bookmarks)


def _erase_votes(tx: Transaction, user_id: int, rows: int, _trace: str) -> int:
    votes = tx.execute("SELECT tweet_id, option FROM votes WHERE user_id = ? LIMIT ?", (user_id, rows)).fetchall()
    # No event tells of a vote that goes.
    tx.told.all = tx.told.all or bool(votes)
    tx.executemany("UPDATE poll_options SET votes = votes - 1 WHERE tweet_id = ? AND option = ?", votes)
    tx.executemany("DELETE FROM votes WHERE tweet_id = ? AND user_id = ?", [(each, user_id) for each, _ in votes])
    return len(votes)


def _erase_names(tx: Transaction, user_id: int, rows: int, _trace: str) -> int:
    removed = 0
    for table, key, condition in _NAMING:
        if removed < rows:
            removed += _delete_rows(tx, table, key, condition, of=user_id, rows=rows - removed)
    return removed


# Deleting comes before removing, so that what others see is gone first; the counters' own row goes last.
_ERASURE: Sequence[_Step] = (
    _erase_tweets,
    _erase_deleted_tweets,
    _erase_likes,
    _erase_bookmarks,
    _erase_votes,
    _erase_names,
)
