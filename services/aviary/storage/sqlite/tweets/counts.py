"""Counters that change with the tweet or the relation that they count."""

from __future__ import annotations

from aviary.errors import no_tweet
from aviary.storage.sqlite.transaction import Transaction
from aviary.tweets.store import Draft, Kind

_COLUMNS = {Kind.REPLY: "replies", Kind.RETWEET: "retweets"}


def count_references(tx: Transaction, draft: Draft) -> None:
    """Count a tweet where it refers to. Raises NotFound when that was deleted since the service looked."""
    for column, tweet_id in _references(draft.kind, draft.ref_id, draft.quote_id):
        if not tx.execute(
            f"UPDATE tweets SET {column} = {column} + 1 WHERE id = ? AND deleted_ms = 0", (tweet_id,)
        ).rowcount:
            raise no_tweet(tweet_id)


def uncount_references(tx: Transaction, kind: Kind, ref_id: int, quote_id: int) -> None:
    for column, tweet_id in _references(kind, ref_id, quote_id):
        tx.execute(f"UPDATE tweets SET {column} = {column} - 1 WHERE id = ?", (tweet_id,))


def count_author(tx: Transaction, user_id: int, *, tweets: int = 0, likes: int = 0) -> None:
    tx.execute(
        "INSERT INTO authors VALUES (?1, ?2, ?3)"
        " ON CONFLICT (user_id) DO UPDATE SET tweets = tweets + ?2, likes = likes + ?3",
        (user_id, tweets, likes),
    )


def _references(kind: Kind, ref_id: int, quote_id: int) -> list[tuple[str, int]]:
    counted = [(_COLUMNS[kind], ref_id)] if kind in _COLUMNS else []
    return [*counted, ("quotes", quote_id)] if quote_id else counted
