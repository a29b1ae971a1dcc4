"""What the tweets' events change in the sets that counts are the sums of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aviary.errors import Unavailable
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.counting import Change
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets.marks import BOOKMARKS, LIKES, Marks
from aviary.storage.scylla.tweets.polls import NO_OPTION, option_of
from aviary.tweets.store import Kind

_CREATED, _DELETED = events_pb2.EVENT_TYPE_TWEET_CREATED, events_pb2.EVENT_TYPE_TWEET_DELETED
# Each relation's event: what it counts as, and what it makes of it.
_MARKS: Mapping[events_pb2.EventType.ValueType, tuple[str, int]] = {
    events_pb2.EVENT_TYPE_TWEET_LIKED: ("likes", 1),
    events_pb2.EVENT_TYPE_TWEET_UNLIKED: ("likes", 0),
    events_pb2.EVENT_TYPE_BOOKMARKED: ("bookmarks", 1),
    events_pb2.EVENT_TYPE_UNBOOKMARKED: ("bookmarks", 0),
}
_KINDS: Mapping[str, Marks] = {each.name: each for each in (LIKES, BOOKMARKS)}
# Above every version: a tweet that was deleted gives its author no likes any more, whatever is still on its way.
_FOR_GOOD = 2**63 - 1
_REFERENCES: Mapping[int, str] = {Kind.REPLY: "replies", Kind.RETWEET: "retweets"}
_KEYS = {"tweets": "id", "referred": "tweet_id"}
# Behind an event its batch is complete by then. A row that is still missing was removed, longer ago than what a
# deletion leaves is kept.
_LATEST_MS = 600_000


async def changes_of(tables: Tables, event: Event, *, now_ms: int) -> Sequence[Change]:
    """Return what an event changes, the same at each repeat.

    A mark's version is the timestamp of its row, so that of a like and its
    undoing in two processes the set holds what the row holds. Raises
    Unavailable while a tweet's own row can't be read yet: its batch is on its way.
    """
    if event.type in _MARKS:
        return [await _of_mark(tables, event)]
    if event.type == events_pb2.EVENT_TYPE_VOTED:
        return await _of_vote(tables, event, now_ms)
    if event.type in (_CREATED, _DELETED):
        return await _of_tweet(tables, event, now_ms)
    return []


async def following(tables: Tables, counts: Mapping[tuple[int, str], int], version: int) -> Sequence[Change]:
    """Return what follows from new counts, by (entity, kind): an author's likes are the sum of those of their tweets.

    `version` rises with each count of the same tweet.
    """
    likes = {entity: n for (entity, kind), n in counts.items() if kind == "likes"}
    rows = await tables.each("SELECT author_id, deleted_ms FROM tweets WHERE id = ?", [(each,) for each in likes])
    return [
        Change(author_id, "received", tweet_id, n, version)
        for (tweet_id, n), found in zip(likes.items(), rows, strict=True)
        for author_id, deleted_ms in found
        if author_id and not deleted_ms
    ]


async def _of_mark(tables: Tables, event: Event) -> Change:
    kind, value = _MARKS[event.type]
    # Who was erased has no such cells any more, and leaves the set as well.
    gone = not value and not (await _KINDS[kind].one(tables, event.actor_id, event.entity_id)).at_us
    return Change(event.entity_id, kind, event.actor_id, value, event.version, gone)


async def _of_tweet(tables: Tables, event: Event, now_ms: int) -> Sequence[Change]:
    tweet_id, author_id, value = event.entity_id, event.key, int(event.type == _CREATED)

    def change(entity: int, kind: str) -> Change:
        return Change(entity, kind, tweet_id, value, event.version)

    changes = [change(author_id, "tweets"), *await _references(tables, event, change, now_ms)]
    return changes if value else [*changes, Change(author_id, "received", tweet_id, 0, _FOR_GOOD)]


async def _of_vote(tables: Tables, event: Event, now_ms: int) -> Sequence[Change]:
    option = await option_of(tables, event.entity_id, event.key)
    if option is not None and option != NO_OPTION:
        return [Change(event.entity_id, f"votes:{option}", event.key, 1, event.version)]
    poll = await tables.one("SELECT options FROM polls WHERE tweet_id = ?", event.entity_id)
    if poll is None:
        # Whoever voted had read it: it was removed, and its votes with it.
        return []
    if option is None:
        _must_be_old(event, now_ms)
        return []
    # It was taken back for good, and with it went what it was for.
    options = range(len(poll[0] or ()))
    return [Change(event.entity_id, f"votes:{each}", event.key, 0, event.version, gone=True) for each in options]


async def _references(
    tables: Tables, event: Event, change: Callable[[int, str], Change], now_ms: int
) -> Sequence[Change]:
    # A creation says it itself; what a deletion took away the row must tell.
    tweet = _told(event.tweet) if event.type == _CREATED else await _referred(tables, event.entity_id)
    if tweet is None:
        _must_be_old(event, now_ms)
        return []
    kind, ref_id, quote_id = tweet
    counted = [change(quote_id, "quotes")] if quote_id else []
    return [*counted, change(ref_id, _REFERENCES[kind])] if kind in _REFERENCES else counted


def _told(tweet: events_pb2.TweetEntry) -> tuple[int, int, int]:
    kind = Kind.RETWEET if tweet.is_retweet else Kind.REPLY if tweet.ref_tweet_id else Kind.ORIGINAL
    return kind, tweet.ref_tweet_id, tweet.quoted_tweet_id


async def _referred(tables: Tables, tweet_id: int) -> tuple[int, int, int] | None:
    """Return a tweet's kind and what it refers to, also when its row was removed; None when it has none yet."""
    for table in ("tweets", "referred"):
        row = await tables.one(f"SELECT kind, ref_id, quote_id FROM {table} WHERE {_KEYS[table]} = ?", tweet_id)
        if row is not None and row[0] is not None:
            return row[0], row[1], row[2]
    return None


def _must_be_old(event: Event, now_ms: int) -> None:
    if now_ms - event.time_ms < _LATEST_MS:
        raise Unavailable(f"what happened to tweet {event.entity_id} cannot be read yet", retry_after_s=1)
