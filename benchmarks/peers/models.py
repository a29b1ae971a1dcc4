"""Rows of the feed as pydantic models: dicts first, and the whole page is validated at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.peers import cursors, feed
from benchmarks.peers.feed import Draft, Found, Stretch
from benchmarks.peers.shape import Page, Tweet

_IDS = ("id", "conversation_id", "reply_to_id", "reply_to_user_id", "quote_tweet_id", "retweet_of_id")
_SAID = ("type", "content", "created_at", "edited_at", "edit_count", "language", "source", "reply_audience")
_MORE = ("is_sensitive", "content_warning", "entities", *feed.COUNTS)
_TWEET = (*_IDS, *_SAID, *_MORE)
_AUTHOR = ("id", "username", "display_name", "verified", "protected")
_AUTHOR_AT, _FLAGS_AT = len(_TWEET), len(_TWEET) + len(_AUTHOR)
COLUMNS = [
    *(feed.TWEET.c[name] for name in _TWEET),
    *(feed.AUTHOR.c[name].label(f"user_{name}") for name in _AUTHOR),
]
_FLAGS = tuple(feed.FLAGS)
Json = dict[str, Any]


def unencoded(_draft: Draft, _id: int) -> None:
    """Nothing is kept ready here."""


def page(stretch: Stretch, limit: int) -> Page:
    cursor = cursors.encode(stretch.rows[-1].id) if stretch.has_more else ""
    tweets = [_outer(row, stretch.inner) for row in stretch.rows]
    place = {"limit": limit, "next_cursor": cursor, "has_more": stretch.has_more}
    whole: Page = Page.model_validate({"tweets": tweets, "pagination": place})
    return whole


def tweet(row: Found) -> Tweet:
    whole: Tweet = Tweet.model_validate(_fields(row))
    return whole


def _outer(row: Found, inner: Mapping[int, Found]) -> Json:
    fields = _quoting(row, inner)
    if fields["retweet_of_id"] in inner:
        fields["retweeted_tweet"] = _quoting(inner[fields["retweet_of_id"]], inner)
    return fields


def _quoting(row: Found, inner: Mapping[int, Found]) -> Json:
    """A quote inside a quote is named by its id alone."""
    fields = _fields(row)
    if fields["quote_tweet_id"] in inner:
        fields["quoted_tweet"] = _fields(inner[fields["quote_tweet_id"]])
    return fields


def _fields(row: Found) -> Json:
    # By place: looking a row's names up one by one takes as long as the query.
    fields: Json = dict(zip(_TWEET, row, strict=False))
    fields["user"] = dict(zip(_AUTHOR, row[_AUTHOR_AT:], strict=False))
    fields.update(zip(_FLAGS, row[_FLAGS_AT:], strict=False))
    fields["entities"] = json.loads(fields["entities"])
    return fields
