"""Whom and what a text names: the mentions and hashtags that lists are made from."""

from __future__ import annotations

from collections.abc import Iterable

from aviary import hashtags
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets.listings import HASHTAGS, MENTIONS
from aviary.storage.scylla.tweets.records import Stored
from aviary.storage.scylla.writes import Write
from aviary.tweets import encoding
from aviary.tweets.store import Entities


def put(write: Write, tweet_id: int, author_id: int, entities: Entities, trace: str) -> None:
    """Put a new tweet into the lists of what it names, and tell those whom it mentions."""
    _put_tags(write, tweet_id, _tags(entities))
    people = _people(write, entities)
    _put_people(write, tweet_id, people)
    _tell(write, tweet_id, author_id, people, trace)


async def replace(tables: Tables, write: Write, tweet: Stored, entities: Entities, trace: str) -> None:
    """Make the lists hold what an edited tweet names now, and tell those who were never told."""
    told = await named(tables, tweet.id)
    tags, people = _tags(entities), _people(write, entities)
    for tag in _old_tags(tweet) - tags:
        HASHTAGS.remove(write, tag, tweet.id)
    _put_tags(write, tweet.id, tags)
    # A name that was taken out leaves its row, so that nobody is told twice.
    for user_id in told - set(people):
        MENTIONS.mark(write, user_id, tweet.id, active=False)
    _put_people(write, tweet.id, people)
    _tell(write, tweet.id, tweet.author_id, [each for each in people if each not in told], trace)


async def drop(tables: Tables, write: Write, tweet: Stored) -> None:
    """Take a deleted tweet out of every list."""
    for tag in _old_tags(tweet):
        HASHTAGS.remove(write, tag, tweet.id)
    for user_id in await named(tables, tweet.id):
        MENTIONS.remove(write, user_id, tweet.id)
    write.remove("mentions_by_tweet", tweet_id=tweet.id)


async def named(tables: Tables, tweet_id: int) -> set[int]:
    """Return whom any text of the tweet has named."""
    rows = await tables.rows("SELECT user_id FROM mentions_by_tweet WHERE tweet_id = ?", tweet_id)
    return {user_id for (user_id,) in rows}


def _tags(entities: Entities) -> set[str]:
    return {hashtags.key(each.text) for each in entities.hashtags}


def _old_tags(tweet: Stored) -> set[str]:
    return {hashtags.key(tag) for tag in encoding.hashtags(tweet.body)}


def _people(write: Write, entities: Entities) -> list[int]:
    return sorted({each.user_id for each in entities.mentions if each.user_id not in write.erased} - {0})


def _put_tags(write: Write, tweet_id: int, tags: Iterable[str]) -> None:
    for tag in sorted(tags):
        HASHTAGS.put(write, tag, tweet_id)


def _put_people(write: Write, tweet_id: int, people: Iterable[int]) -> None:
    for user_id in people:
        MENTIONS.put(write, user_id, tweet_id, active=True)
        write.put("mentions_by_tweet", tweet_id=tweet_id, user_id=user_id)


def _tell(write: Write, tweet_id: int, author_id: int, people: Iterable[int], trace: str) -> None:
    for user_id in people:
        if user_id != author_id:
            write.emit(
                Event(
                    type=events_pb2.EVENT_TYPE_MENTIONED,
                    key=author_id,
                    entity_id=tweet_id,
                    actor_id=author_id,
                    target_id=user_id,
                    traceparent=trace,
                )
            )
