"""Likes: the relation, what it counts, and its events."""

from __future__ import annotations

from aviary.errors import no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.tweets.counts import count_author


def set_like(tx: Transaction, tweet_id: int, user_id: int, trace: str, *, active: bool) -> bool:
    """Make a like what it shall be; tell whether it was not. Raises NotFound when the tweet is gone."""
    row = tx.execute("SELECT active FROM likes WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id)).fetchone()
    if bool(row and row[0]) is active:
        return False
    by = 1 if active else -1
    counted = tx.execute(
        "UPDATE tweets SET likes = likes + ? WHERE id = ? AND deleted_ms = 0 RETURNING author_id", (by, tweet_id)
    ).fetchone()
    if counted is None:
        raise no_tweet(tweet_id)
    if active:
        like = (user_id, tweet_id, tx.next_id())
        tx.execute("INSERT OR REPLACE INTO likes (user_id, tweet_id, active, like_id) VALUES (?, ?, 1, ?)", like)
    else:
        # The place in the list stays: somebody may ask for what is newer than it.
        tx.execute("UPDATE likes SET active = 0 WHERE user_id = ? AND tweet_id = ?", (user_id, tweet_id))
    count_author(tx, counted[0], likes=by)
    kind = events_pb2.EVENT_TYPE_TWEET_LIKED if active else events_pb2.EVENT_TYPE_TWEET_UNLIKED
    tx.emit(
        Event(type=kind, key=user_id, entity_id=tweet_id, actor_id=user_id, target_id=counted[0], traceparent=trace)
    )
    return True
