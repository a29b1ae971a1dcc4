"""A person's own data as JSON, in the words of the public API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from aviary import ids
from aviary.tweets import encoding
from aviary.tweets.drafts import encoding as drafts
from aviary.tweets.drafts.store import Kept
from aviary.tweets.upkeep.store import Marked, OwnTweet, Vote

# Rows that were kept before likes had ids of their own are numbered from 1.
_FIRST_ID = 1 << 22
# What a tweet says of its viewer, who is nobody here.
_OF_VIEWERS = ("is_liked", "is_retweeted", "is_bookmarked")


def tweet(own: OwnTweet, *, now_ms: int) -> str:
    """Return a tweet with its counters, its poll and the texts that it had before."""
    message = encoding.counted(own.tweet)
    if own.poll is not None:
        message.poll.CopyFrom(encoding.poll(own.poll, now_ms=now_ms))
    fields = {name: value for name, value in _fields(message).items() if name not in _OF_VIEWERS}
    fields["earlier_versions"] = [_fields(encoding.version(number, body)) for number, body in own.earlier]
    return _row(fields | _deleted(own))


def retweet(own: OwnTweet) -> str:
    made = _time(encoding.created_ms(own.tweet.body))
    fields = {"id": str(own.tweet.id), "tweet_id": str(own.tweet.ref_id), "created_at": made}
    return _row(fields | _deleted(own))


def mark(made: Marked) -> str:
    at = {"created_at": _time(ids.time_ms(made.id))} if made.id >= _FIRST_ID else {}
    return _row({"tweet_id": str(made.tweet_id)} | at)


def vote(cast: Vote) -> str:
    return _row({"tweet_id": str(cast.tweet_id), "option": cast.option})


def pin(tweet_id: int) -> str:
    return _row({"tweet_id": str(tweet_id)})


def draft(kept: Kept) -> str:
    return _row(_fields(drafts.draft(kept)))


def scheduled(kept: Kept) -> str:
    return _row(_fields(drafts.scheduled(kept)))


def _deleted(own: OwnTweet) -> dict[str, str]:
    return {"deleted_at": _time(own.deleted_ms)} if own.deleted_ms else {}


def _fields(message: Message) -> dict[str, Any]:  # a JSON object may hold anything
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _row(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _time(ms: int) -> str:
    moment = Timestamp()
    moment.FromMilliseconds(ms)
    return moment.ToJsonString()
