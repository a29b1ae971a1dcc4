"""What one transaction does to a tweet: its row, counters, indices and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aviary.errors import FailedPrecondition, Forbidden, no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event, TweetEntry
from aviary.storage.sqlite.transaction import Transaction
from aviary.storage.sqlite.tweets import counts, names
from aviary.tweets import encoding
from aviary.tweets.fragments.encoding import new_fragment
from aviary.tweets.store import (
    HAS_POLL,
    REF_IS_REPLY,
    SENSITIVE,
    Draft,
    EditRules,
    Kind,
    PollDraft,
    Revision,
)

_MINUTE_MS = 60_000


def insert(tx: Transaction, draft: Draft, fixed: bytes, trace: str) -> int:
    """Store a tweet; `fixed` is its `encoding.fixed_part`. Raises NotFound when what it refers to is gone."""
    counts.count_references(tx, draft)
    tweet_id, now = tx.next_id(), tx.now_ms()
    body = fixed + encoding.minted_part(draft, tweet_id, now)
    tx.execute(
        "INSERT INTO tweets"
        " (id, author_id, kind, ref_id, ref_author_id, flags, quote_id, conversation_id, audience, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            tweet_id,
            draft.author_id,
            int(draft.kind),
            draft.ref_id,
            draft.ref_author_id,
            _flags(draft),
            draft.quote_id,
            draft.conversation_id or tweet_id,
            int(draft.audience),
            body,
        ),
    )
    if draft.kind is Kind.RETWEET:
        tx.execute("INSERT OR REPLACE INTO retweets VALUES (?, ?, ?)", (draft.ref_id, draft.author_id, tweet_id))
    if draft.poll is not None:
        _insert_poll(tx, tweet_id, draft.poll, now)
    counts.count_author(tx, draft.author_id, tweets=1)
    made = new_fragment(draft, tweet_id, body, flags=_flags(draft), now_ms=now)
    tx.emit(_created(draft, tweet_id, trace), made=made)
    if draft.entities.mentions or draft.entities.hashtags:
        names.keep(tx, tweet_id, draft.author_id, draft.entities, trace)
    return tweet_id


def insert_thread(tx: Transaction, drafts: Sequence[Draft], fixed: Sequence[bytes], trace: str) -> Sequence[int]:
    """Store tweets, each from the second on a reply to the one before, which only now has an id."""
    first, *rest = drafts
    ids = [insert(tx, first, fixed[0], trace)]
    for draft, part in zip(rest, fixed[1:], strict=True):
        chained = replace(
            draft,
            ref_id=ids[-1],
            ref_author_id=draft.author_id,
            conversation_id=first.conversation_id or ids[0],
        )
        ids.append(insert(tx, chained, part, trace))
    return ids


def edit(tx: Transaction, tweet_id: int, author_id: int, *, revision: Revision, rules: EditRules, trace: str) -> bool:
    """Put another text in the place of the present one; tell whether it was another."""
    row = tx.execute(
        "SELECT author_id, kind, flags, version, body FROM tweets WHERE id = ? AND deleted_ms = 0", (tweet_id,)
    ).fetchone()
    _must_be_own(row, tweet_id, author_id, deed="edit")
    _, kind, flags, version, body = row
    if kind == Kind.RETWEET or flags & HAS_POLL:
        what = "a retweet" if kind == Kind.RETWEET else "a poll"
        raise FailedPrecondition(f"tweet {tweet_id} is {what}, which cannot be edited")
    # Before the limits: a repeat of the last edit that was allowed is no further one.
    if encoding.content(body) == revision.text:
        return False
    now = tx.now_ms()
    _must_be_in_time(tweet_id, version - 1, now - encoding.created_ms(body), rules)
    tx.execute("INSERT INTO edits (tweet_id, version, body) VALUES (?, ?, ?)", (tweet_id, version, body))
    tx.execute(
        "UPDATE tweets SET body = ?, version = ? WHERE id = ?",
        (encoding.edited(body, revision, now), version + 1, tweet_id),
    )
    tx.emit(_changed(events_pb2.EVENT_TYPE_TWEET_EDITED, author_id, tweet_id, version + 1, trace))
    names.keep(tx, tweet_id, author_id, revision.entities, trace)
    return True


def delete_own(tx: Transaction, tweet_id: int, author_id: int, trace: str) -> None:
    """Delete a tweet. Raises NotFound when it is gone, Forbidden for another author."""
    row = tx.execute("SELECT author_id FROM tweets WHERE id = ? AND deleted_ms = 0", (tweet_id,)).fetchone()
    _must_be_own(row, tweet_id, author_id, deed="delete")
    delete(tx, tweet_id, trace)


def delete(tx: Transaction, tweet_id: int, trace: str) -> None:
    """Delete softly a tweet that exists: it leaves every list and counter."""
    author_id, kind, flags, ref_id, ref_author_id, quote_id, likes, version = tx.execute(
        "UPDATE tweets SET deleted_ms = ? WHERE id = ?"
        " RETURNING author_id, kind, flags, ref_id, ref_author_id, quote_id, likes, version",
        (tx.now_ms(), tweet_id),
    ).fetchone()
    if kind == Kind.RETWEET:
        tx.execute("UPDATE retweets SET retweet_id = 0 WHERE original_id = ? AND user_id = ?", (ref_id, author_id))
    counts.uncount_references(tx, Kind(kind), ref_id, quote_id)
    if flags & HAS_POLL:
        # Nobody is told of its end any more.
        tx.execute("UPDATE polls SET closed = 1 WHERE tweet_id = ?", (tweet_id,))
    names.drop(tx, tweet_id)
    counts.count_author(tx, author_id, tweets=-1, likes=-likes)
    deleted = _changed(events_pb2.EVENT_TYPE_TWEET_DELETED, author_id, tweet_id, version + 1, trace)
    deleted.tweet.CopyFrom(
        TweetEntry(
            tweet_id=tweet_id,
            author_id=author_id,
            ref_tweet_id=ref_id,
            ref_author_id=ref_author_id,
            is_retweet=kind == Kind.RETWEET,
            ref_is_reply=bool(flags & REF_IS_REPLY),
            quoted_tweet_id=quote_id,
        )
    )
    tx.emit(deleted)
    if tx.execute("DELETE FROM pins WHERE user_id = ? AND tweet_id = ?", (author_id, tweet_id)).rowcount:
        tx.emit(_changed(events_pb2.EVENT_TYPE_TWEET_UNPINNED, author_id, tweet_id, 0, trace))


def retweet_of(tx: Transaction, original_id: int, user_id: int) -> int:
    """Return the user's retweet of the tweet that exists, 0 for none."""
    row = tx.execute(
        "SELECT retweet_id FROM retweets WHERE original_id = ? AND user_id = ?", (original_id, user_id)
    ).fetchone()
    return int(row[0]) if row else 0


def _flags(draft: Draft) -> int:
    return (
        (REF_IS_REPLY if draft.ref_is_reply else 0)
        | (SENSITIVE if draft.is_sensitive else 0)
        | (HAS_POLL if draft.poll is not None else 0)
    )


def _insert_poll(tx: Transaction, tweet_id: int, poll: PollDraft, now_ms: int) -> None:
    tx.execute("INSERT INTO polls (tweet_id, ends_ms) VALUES (?, ?)", (tweet_id, now_ms + poll.duration_ms))
    tx.executemany(
        "INSERT INTO poll_options (tweet_id, option, text) VALUES (?, ?, ?)",
        [(tweet_id, place, text) for place, text in enumerate(poll.options)],
    )


def _must_be_own(row: Sequence[int] | None, tweet_id: int, author_id: int, *, deed: str) -> None:
    if row is None:
        raise no_tweet(tweet_id)
    if row[0] != author_id:
        raise Forbidden(f"tweet {tweet_id} is somebody else's; only its author may {deed} it")


def _must_be_in_time(tweet_id: int, edits: int, age_ms: int, rules: EditRules) -> None:
    if age_ms > rules.window_ms:
        raise FailedPrecondition(
            f"tweet {tweet_id} was published {age_ms // _MINUTE_MS} min ago;"
            f" it could be edited for {rules.window_ms // _MINUTE_MS} min"
        )
    if edits >= rules.limit:
        raise FailedPrecondition(f"tweet {tweet_id} was edited {edits} times; the limit is {rules.limit}")


def _created(draft: Draft, tweet_id: int, trace: str) -> Event:
    event = _changed(events_pb2.EVENT_TYPE_TWEET_CREATED, draft.author_id, tweet_id, 1, trace)
    event.target_id = draft.ref_author_id
    event.tweet.CopyFrom(
        TweetEntry(
            tweet_id=tweet_id,
            author_id=draft.author_id,
            ref_tweet_id=draft.ref_id,
            ref_author_id=draft.ref_author_id,
            is_retweet=draft.kind is Kind.RETWEET,
            ref_is_reply=draft.ref_is_reply,
            quoted_tweet_id=draft.quote_id,
        )
    )
    return event


def _changed(kind: events_pb2.EventType.ValueType, author_id: int, tweet_id: int, version: int, trace: str) -> Event:
    return Event(type=kind, key=author_id, entity_id=tweet_id, version=version, actor_id=author_id, traceparent=trace)
