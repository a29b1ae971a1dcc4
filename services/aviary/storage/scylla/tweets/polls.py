"""Votes on ScyllaDB."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aviary.errors import FailedPrecondition, InvalidInput, no_tweet
from aviary.events.v1 import events_pb2
from aviary.events.v1.events_pb2 import Event
from aviary.rpc.call import Claim
from aviary.rpc.telemetry import traceparent
from aviary.storage.scylla.tables import Row, Tables
from aviary.storage.scylla.tweets import records
from aviary.storage.scylla.tweets.keys import shard_of
from aviary.storage.scylla.tweets.listings import VOTES
from aviary.storage.scylla.writes import Write, Writer

# In the place of an option, of a vote that was taken back.
NO_OPTION = -1
# Longer than whoever counts would wait for a vote that an event tells of.
_NONE_KEPT_S = 3_600
_POLL = "SELECT ends_ms, options FROM polls WHERE tweet_id = ?"
_VOTE = "SELECT option FROM votes WHERE tweet_id = ? AND shard = ? AND user_id = ?"


class ScyllaPollStore:
    """Keeps PollStore's promises; counts follow the log.

    A vote is cast in a turn of the poll and the person, for it cannot be
    changed: of two at the same time in two processes one is refused.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._tables = writer.tables

    async def vote(self, tweet_id: int, user_id: int, option: int, *, claim: Claim | None) -> bool:
        trace = traceparent()

        async def cast(write: Write) -> int:
            found, poll, voted = await asyncio.gather(
                records.stored(self._tables, [tweet_id]),
                self._tables.one(_POLL, tweet_id),
                self._tables.one(_VOTE, tweet_id, shard_of(user_id), user_id),
            )
            tweet = found.get(tweet_id)
            if tweet is None or tweet.deleted_ms:
                raise no_tweet(tweet_id)
            ends_ms, options = _asked(poll, tweet_id)
            if _is_cast(voted, tweet_id, option):
                return 0
            _must_be_open(tweet_id, ends_ms, write.now_ms())
            _must_be_one_of(option, options)
            put_vote(write, tweet_id, user_id, option)
            write.emit(_voted(tweet_id, user_id, tweet.author_id, trace, version=write.at_us))
            return 1

        counted, repeated = await self._writer.once_in_turn(voting(tweet_id, user_id), claim, cast)
        return bool(counted) and not repeated


def voting(tweet_id: int, user_id: int) -> str:
    """Return the turns in which a person's vote changes."""
    return f"vote:{tweet_id}:{user_id}"


def put_vote(write: Write, tweet_id: int, user_id: int, option: int) -> None:
    write.put("votes", tweet_id=tweet_id, shard=shard_of(user_id), user_id=user_id, option=option)
    VOTES.put(write, user_id, tweet_id, option=option)


def take_back(write: Write, tweet_id: int, user_id: int, trace: str) -> None:
    """Remove a person's vote for good. Whoever counts is told to look again, and for a while finds that it is none."""
    key = {"tweet_id": tweet_id, "shard": shard_of(user_id), "user_id": user_id}
    write.put("votes", **key, option=NO_OPTION, ttl_s=_NONE_KEPT_S)
    VOTES.remove(write, user_id, tweet_id)
    event = _voted(tweet_id, user_id, 0, trace, version=write.at_us)
    # Nobody voted: the platform took it back.
    event.actor_id = 0
    write.emit(event)


def remove_vote(write: Write, tweet_id: int, user_id: int) -> None:
    write.remove("votes", tweet_id=tweet_id, shard=shard_of(user_id), user_id=user_id)
    VOTES.remove(write, user_id, tweet_id)


async def option_of(tables: Tables, tweet_id: int, user_id: int) -> int | None:
    """Return what a person voted for, None for nothing, and NO_OPTION when that was taken back lately."""
    row = await tables.one(_VOTE, tweet_id, shard_of(user_id), user_id)
    return int(row[0]) if row else None


def _voted(tweet_id: int, user_id: int, author_id: int, trace: str, *, version: int) -> Event:
    return Event(
        type=events_pb2.EVENT_TYPE_VOTED,
        key=user_id,
        entity_id=tweet_id,
        version=version,
        actor_id=user_id,
        target_id=author_id,
        traceparent=trace,
    )


def _asked(poll: Row | None, tweet_id: int) -> tuple[int, int]:
    """Return when the poll ends and how many options it has."""
    if poll is None or not poll[1]:
        raise FailedPrecondition(f"tweet {tweet_id} has no poll")
    return int(poll[0]), len(poll[1])


def _is_cast(voted: Row | None, tweet_id: int, option: int) -> bool:
    if voted is not None and voted[0] != option:
        raise FailedPrecondition(f"the vote for option {voted[0]} of tweet {tweet_id} stands; it cannot be changed")
    return voted is not None


def _must_be_open(tweet_id: int, ends_ms: int, now_ms: int) -> None:
    if ends_ms <= now_ms:
        ended = datetime.fromtimestamp(ends_ms / 1000, UTC).isoformat(timespec="milliseconds")
        raise FailedPrecondition(f"the poll of tweet {tweet_id} closed at {ended}")


def _must_be_one_of(option: int, options: int) -> None:
    if not 0 <= option < options:
        raise InvalidInput(
            f"option is {option}; the poll has the options 0 to {options - 1}", fields={"option": f"0 to {options - 1}"}
        )
