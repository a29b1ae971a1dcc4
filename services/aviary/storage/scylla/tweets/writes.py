"""What one write does to a tweet: its row, its places in lists, and its events."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from aviary import ids
from aviary.errors import FailedPrecondition, Forbidden, no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event, TweetEntry
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets import due, names, records, stances
from aviary.storage.scylla.tweets.listings import BY_AUTHOR, CONVERSATIONS, QUOTES, REPLIES, RETWEETS
from aviary.storage.scylla.tweets.records import Stored
from aviary.storage.scylla.writes import Write
from aviary.tweets import encoding
from aviary.tweets.store import (
    HAS_POLL,
    REF_IS_REPLY,
    SENSITIVE,
    Draft,
    EditRules,
    Kind,
    PollDraft,
    Revision,
    Tweet,
)

_MINUTE_MS = 60_000
# What a row tells of the tweets above it; further up, the last of them tells on.
_LINEAGE = 32
# As long as the log keeps the event of a deletion, and its readers may be behind.
_REFERRED_KEPT_S = 7 * 86_400


async def insert(tables: Tables, write: Write, draft: Draft, fixed: bytes, trace: str) -> Tweet:
    """Store a tweet; `fixed` is its `encoding.fixed_part`. Raises NotFound when what it refers to is gone.

    An original reads nothing, any other what it refers to.
    """
    return _put(write, draft, fixed, await _lineage(tables, [draft]), trace)


async def insert_thread(
    tables: Tables, write: Write, drafts: Sequence[Draft], fixed: Sequence[bytes], trace: str
) -> Sequence[int]:
    """Store tweets, each from the second on a reply to the one before, which only now has an id."""
    lineage = await _lineage(tables, drafts)
    first, *rest = drafts
    made = [_put(write, first, fixed[0], lineage, trace).id]
    for draft, part in zip(rest, fixed[1:], strict=True):
        lineage = _longer(made[-1], lineage)
        chained = replace(
            draft,
            ref_id=made[-1],
            ref_author_id=draft.author_id,
            conversation_id=first.conversation_id or made[0],
        )
        made.append(_put(write, chained, part, lineage, trace).id)
    return made


async def edit(
    tables: Tables, write: Write, tweet_id: int, author_id: int, *, revision: Revision, rules: EditRules, trace: str
) -> bool:
    """Put another text in the place of the present one; tell whether it was another. In a turn of the tweet."""
    tweet = await own(tables, tweet_id, author_id, deed="edit")
    if tweet.kind is Kind.RETWEET or tweet.flags & HAS_POLL:
        what = "a retweet" if tweet.kind is Kind.RETWEET else "a poll"
        raise FailedPrecondition(f"tweet {tweet_id} is {what}, which cannot be edited")
    # Before the limits: a repeat of the last edit that was allowed is no further one.
    if encoding.content(tweet.body) == revision.text:
        return False
    now = write.now_ms()
    _must_be_in_time(tweet, now - encoding.created_ms(tweet.body), rules)
    write.after(tweet.at_us)
    version = tweet.version + 1
    write.put("edits", tweet_id=tweet_id, version=tweet.version, body=tweet.body)
    write.put("tweets", id=tweet_id, body=encoding.edited(tweet.body, revision, now), version=version)
    write.emit(_changed(events_pb2.EVENT_TYPE_TWEET_EDITED, author_id, tweet_id, version, trace))
    await names.replace(tables, write, tweet, revision.entities, trace)
    return True


async def own(tables: Tables, tweet_id: int, author_id: int, *, deed: str) -> Stored:
    """Return an existing tweet. Raises NotFound when it is gone, Forbidden for another author."""
    tweet = await records.existing(tables, tweet_id)
    if tweet.author_id != author_id:
        raise Forbidden(f"tweet {tweet_id} is somebody else's; only its author may {deed} it")
    return tweet


def turn_of(tweet: Stored) -> str:
    """Return in whose turn a tweet is deleted: its own, or that of the person's retweet of the original."""
    return retweeting(tweet.ref_id, tweet.author_id) if tweet.kind is Kind.RETWEET else f"tweet:{tweet.id}"


def retweeting(original_id: int, user_id: int) -> str:
    """Return the turns of a person's retweet of a tweet: it exists once, whoever asks for it how often."""
    return f"retweet:{original_id}:{user_id}"


async def delete(tables: Tables, write: Write, tweet: Stored, trace: str) -> None:
    """Delete softly a tweet that exists: it leaves every list. In its turn."""
    write.after(tweet.at_us)
    _mark_deleted(write, tweet, write.now_ms())
    await names.drop(tables, write, tweet)
    deleted = _changed(events_pb2.EVENT_TYPE_TWEET_DELETED, tweet.author_id, tweet.id, tweet.version + 1, trace)
    deleted.tweet.CopyFrom(
        TweetEntry(
            tweet_id=tweet.id,
            author_id=tweet.author_id,
            ref_tweet_id=tweet.ref_id,
            ref_author_id=tweet.ref_author_id,
            is_retweet=tweet.kind is Kind.RETWEET,
            ref_is_reply=bool(tweet.flags & REF_IS_REPLY),
            quoted_tweet_id=tweet.quote_id,
        )
    )
    write.emit(deleted)
    await _unpin(tables, write, tweet, trace)


async def retweet_of(tables: Tables, write: Write, original_id: int, user_id: int) -> int:
    """Return the user's retweet of the tweet that exists, 0 for none; the write then stands above that."""
    row = await stances.one(tables, user_id, original_id, "retweet_id, writetime(retweet_id)")
    if row is None:
        return 0
    write.after(row[1])
    return int(row[0] or 0)


async def _unpin(tables: Tables, write: Write, tweet: Stored, trace: str) -> None:
    pinned = await tables.one("SELECT tweet_id, writetime(tweet_id) FROM pins WHERE user_id = ?", tweet.author_id)
    if pinned is not None and pinned[0] == tweet.id:
        # Just above that very pin: one of another tweet, which may come meanwhile, stays.
        write.put("pins", user_id=tweet.author_id, tweet_id=0, stamp=pinned[1] + 1)
        write.emit(_changed(events_pb2.EVENT_TYPE_TWEET_UNPINNED, tweet.author_id, tweet.id, 0, trace))


def _put(write: Write, draft: Draft, fixed: bytes, lineage: bytes, trace: str) -> Tweet:
    tweet_id, now = write.next_id(), write.now_ms()
    tweet = Tweet(
        id=tweet_id,
        author_id=draft.author_id,
        kind=draft.kind,
        ref_id=draft.ref_id,
        ref_author_id=draft.ref_author_id,
        quote_id=draft.quote_id,
        conversation_id=draft.conversation_id or tweet_id,
        flags=_flags(draft),
        audience=draft.audience,
        version=1,
        body=fixed + encoding.minted_part(draft, tweet_id, now),
    )
    kind, refers = int(draft.kind), {"ref_id": draft.ref_id, "ref_author_id": draft.ref_author_id}
    entry = {"kind": kind, **refers, "flags": tweet.flags}
    write.put(
        "tweets",
        **entry,
        id=tweet_id,
        author_id=draft.author_id,
        quote_id=draft.quote_id,
        conversation_id=tweet.conversation_id,
        audience=int(draft.audience),
        version=tweet.version,
        body=tweet.body,
        lineage=lineage,
    )
    BY_AUTHOR.put(write, draft.author_id, tweet_id, **entry, deleted=False)
    if draft.kind is Kind.REPLY:
        REPLIES.put(write, draft.ref_id, tweet_id, deleted=False)
        place = {"ref_id": draft.ref_id, "lineage": lineage}
        CONVERSATIONS.put(write, tweet.conversation_id, tweet_id, **place, deleted=False)
    if draft.kind is Kind.RETWEET:
        _put_retweet(write, draft.ref_id, draft.author_id, tweet_id)
    if draft.quote_id:
        QUOTES.put(write, draft.quote_id, tweet_id, deleted=False)
    if draft.poll is not None:
        _put_poll(write, tweet_id, draft.author_id, draft.poll, now)
    write.emit(_created(draft, tweet_id, trace))
    names.put(write, tweet_id, draft.author_id, draft.entities, trace)
    return tweet


def _put_retweet(write: Write, original_id: int, user_id: int, retweet_id: int) -> None:
    stances.put(write, user_id, original_id, retweet_id=retweet_id)
    RETWEETS.put(write, original_id, retweet_id, user_id=user_id, active=True)


def _put_poll(write: Write, tweet_id: int, author_id: int, poll: PollDraft, now_ms: int) -> None:
    ends_ms = now_ms + poll.duration_ms
    write.put("polls", tweet_id=tweet_id, ends_ms=ends_ms, options=list(poll.options))
    due.POLLS.put(write, ends_ms, tweet_id, owner_id=author_id)


def _mark_deleted(write: Write, tweet: Stored, now_ms: int) -> None:
    write.put("tweets", id=tweet.id, deleted_ms=now_ms)
    BY_AUTHOR.mark(write, tweet.author_id, tweet.id, deleted=True)
    if tweet.kind is Kind.REPLY:
        REPLIES.mark(write, tweet.ref_id, tweet.id, deleted=True)
        CONVERSATIONS.mark(write, tweet.conversation_id, tweet.id, deleted=True)
    if tweet.kind is Kind.RETWEET:
        stances.put(write, tweet.author_id, tweet.ref_id, retweet_id=0)
        RETWEETS.mark(write, tweet.ref_id, tweet.id, active=False)
    if tweet.quote_id:
        QUOTES.mark(write, tweet.quote_id, tweet.id, deleted=True)
    if tweet.flags & HAS_POLL:
        # Nobody is told of its end any more.
        write.put("polls", tweet_id=tweet.id, closed=True)
    due.DELETED.put(write, now_ms, tweet.id)
    referred = {"kind": int(tweet.kind), "ref_id": tweet.ref_id, "quote_id": tweet.quote_id}
    write.put("referred", tweet_id=tweet.id, **referred, ttl_s=_REFERRED_KEPT_S)


async def _lineage(tables: Tables, drafts: Sequence[Draft]) -> bytes:
    """Return what the first of them hangs on. Raises NotFound when anything that they refer to is gone."""
    wanted = {drafts[0].ref_id, *(each.quote_id for each in drafts)} - {0}
    found = await records.stored(tables, wanted) if wanted else {}
    _must_exist(wanted, found)
    first = drafts[0]
    return _longer(first.ref_id, found[first.ref_id].lineage) if first.kind is Kind.REPLY else b""


def _longer(parent_id: int, lineage: bytes) -> bytes:
    return ids.pack([parent_id, *ids.unpack(lineage)[: _LINEAGE - 1]])


def _must_exist(wanted: Collection[int], found: Mapping[int, Stored]) -> None:
    for tweet_id in sorted(wanted):
        if tweet_id not in found or found[tweet_id].deleted_ms:
            raise no_tweet(tweet_id)


def _flags(draft: Draft) -> int:
    return (
        (REF_IS_REPLY if draft.ref_is_reply else 0)
        | (SENSITIVE if draft.is_sensitive else 0)
        | (HAS_POLL if draft.poll is not None else 0)
    )


def _must_be_in_time(tweet: Stored, age_ms: int, rules: EditRules) -> None:
    if age_ms > rules.window_ms:
        raise FailedPrecondition(
            f"tweet {tweet.id} was published {age_ms // _MINUTE_MS} min ago;"
            f" it could be edited for {rules.window_ms // _MINUTE_MS} min"
        )
    if tweet.version - 1 >= rules.limit:
        raise FailedPrecondition(f"tweet {tweet.id} was edited {tweet.version - 1} times; the limit is {rules.limit}")


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
