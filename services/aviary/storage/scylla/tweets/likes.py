"""Likes: the relation and its events."""

from __future__ import annotations

import asyncio

from aviary.errors import no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.storage.scylla.tables import Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.marks import LIKES
from aviary.storage.scylla.writes import Write


async def set_like(tables: Tables, write: Write, tweet_id: int, user_id: int, trace: str, *, active: bool) -> bool:
    """Make a like what it shall be; tell whether it was not. Raises NotFound when the tweet is gone."""
    before, found = await asyncio.gather(LIKES.one(tables, user_id, tweet_id), records.stored(tables, [tweet_id]))
    if before.active is active:
        return False
    tweet = found.get(tweet_id)
    if tweet is None or tweet.deleted_ms:
        raise no_tweet(tweet_id)
    (LIKES.put if active else LIKES.take_back)(write, user_id, tweet_id, before)
    kind = events_pb2.EVENT_TYPE_TWEET_LIKED if active else events_pb2.EVENT_TYPE_TWEET_UNLIKED
    write.emit(
        Event(
            type=kind,
            key=user_id,
            entity_id=tweet_id,
            # As the row's: whoever keeps the newest of them keeps what the row says.
            version=write.at_us,
            actor_id=user_id,
            target_id=tweet.author_id,
            traceparent=trace,
        )
    )
    return True
