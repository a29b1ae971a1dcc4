"""The exact fields and JSON types of what the API answers with, as the API's own page lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

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
PAGINATION: dict[str, Check] = {"limit": number, "next_cursor": text, "has_more": flag}
ERROR: dict[str, Check] = {"code": number, "message": text, "details": _is(list)}
