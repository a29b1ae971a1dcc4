"""The exact fields and JSON types of what the API answers with, as the API's own page lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

Check = Callable[[Any], bool]


def _is(kind: type) -> Check:
    # bool is an int in Python, not in JSON.
    return lambda value: type(value) is kind


def _matches(pattern: str) -> Check:
    return lambda value: type(value) is str and re.fullmatch(pattern, value) is not None


text, number, flag = _is(str), _is(int), _is(bool)
an_id = _matches("[1-9][0-9]*")
moment = _matches(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z")
empty: Check = lambda value: value == []  # noqa: E731 - reads as the others do

SUMMARY: dict[str, Check] = {
    "id": an_id,
    "username": text,
    "display_name": text,
    "avatar_url": text,
    "verified": flag,
    "protected": flag,
}
USER: dict[str, Check] = SUMMARY | {
    "bio": text,
    "banner_url": text,
    "location": text,
    "website": text,
    "language": text,
    "timezone": text,
    "suspended": flag,
    "created_at": moment,
    "follower_count": number,
    "following_count": number,
    "tweet_count": number,
    "like_count": number,
}
ONESELF: dict[str, Check] = USER | {"email": text}
PAIR: dict[str, Check] = {
    "access_token": _matches(r"[\w-]+\.[\w-]+\.[\w-]+"),
    "refresh_token": text,
    "token_type": _matches("Bearer"),
    "expires_in": number,
}


def differences(value: Any, shape: Mapping[str, Check]) -> str:
    """What of an object is missing, extra or of a wrong type; empty when all is as it should be."""
    if type(value) is not dict:
        return f"no object: {value!r}"
    named = cast("dict[str, Any]", value)
    wrong = [f"no {name}" for name in shape if name not in named]
    wrong += [f"extra {name}" for name in named if name not in shape]
    wrong += [f"{name} is {named[name]!r}" for name, right in shape.items() if name in named and not right(named[name])]
    return ", ".join(wrong)


def fits(shape: Mapping[str, Check]) -> Check:
    return lambda value: not differences(value, shape)


def _each(shape: Mapping[str, Check]) -> Check:
    return lambda value: _is(list)(value) and all(map(fits(shape), value))


_SPAN: dict[str, Check] = {"start": number, "end": number}
_ENTITIES: dict[str, Check] = {
    "hashtags": _each({"tag": text} | _SPAN),
    "mentions": _each({"username": text, "user_id": _matches("[0-9]+")} | _SPAN),
    "cashtags": _each({"symbol": text} | _SPAN),
    "urls": _each({"url": text} | _SPAN),
}
TWEET: dict[str, Check] = {
    "id": an_id,
    "type": _matches("original|reply|quote|retweet"),
    "user": fits(SUMMARY),
    "content": text,
    "created_at": moment,
    "edit_count": number,
    "language": text,
    "source": text,
    "conversation_id": an_id,
    "reply_audience": _matches("everyone|followed|mentioned"),
    "media": empty,
    "is_sensitive": flag,
    "content_warning": text,
    "entities": fits(_ENTITIES),
    "like_count": number,
    "retweet_count": number,
    "reply_count": number,
    "quote_count": number,
    "bookmark_count": number,
    "impression_count": _matches("[0-9]+"),
    "is_liked": flag,
    "is_retweeted": flag,
    "is_bookmarked": flag,
}
REPLY: dict[str, Check] = TWEET | {"reply_to_id": an_id, "reply_to_user_id": an_id}
QUOTE: dict[str, Check] = TWEET | {"quote_tweet_id": an_id, "quoted_tweet": fits(TWEET)}
RETWEET: dict[str, Check] = TWEET | {"retweeted_tweet": fits(TWEET)}
LIST: dict[str, Check] = {
    "id": an_id,
    "name": text,
    "description": text,
    "private": flag,
    "owner": fits(SUMMARY),
    "member_count": number,
    "follower_count": number,
    "created_at": moment,
    "is_following": flag,
}
VERSION: dict[str, Check] = {
    "version": number,
    "content": text,
    "entities": fits(_ENTITIES),
    "language": text,
    "created_at": moment,
}
PAGINATION: dict[str, Check] = {"limit": number, "next_cursor": text, "has_more": flag}
ERROR: dict[str, Check] = {"code": number, "message": text, "details": _is(list)}


_NUMBERED = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)
_LONG = (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_SCALARS: dict[int, Check] = {
    **dict.fromkeys(_NUMBERED, number),
    # Beyond what a number of JSON holds in every client.
    **dict.fromkeys(_LONG, _matches("[0-9]+")),
    FieldDescriptor.CPPTYPE_BOOL: flag,
    FieldDescriptor.CPPTYPE_STRING: text,
    FieldDescriptor.CPPTYPE_DOUBLE: lambda value: type(value) in {int, float},
}


def declared(message: Descriptor) -> tuple[dict[str, Check], set[str]]:
    """The shape that a proto gives to an answer, and the names in it that may be left out."""
    shape = {each.name: _field(each) for each in message.fields}
    return shape, {each.name for each in message.fields if each.has_presence}


def departures(value: Any, message: Descriptor) -> str:
    """What of an answer is not as its proto declares it; empty when all is."""
    shape, optional = declared(message)
    absent = optional - set(value) if type(value) is dict else set()
    return differences(value, {name: check for name, check in shape.items() if name not in absent})


def _field(declared_: FieldDescriptor) -> Check:
    one = _one(declared_)
    return (lambda value: type(value) is list and all(map(one, value))) if declared_.is_repeated else one


def _one(declared_: FieldDescriptor) -> Check:
    message = declared_.message_type
    if message is None:
        return _SCALARS[declared_.cpp_type]
    if message.full_name == "google.protobuf.Timestamp":
        return moment
    return lambda value: not departures(value, message)
